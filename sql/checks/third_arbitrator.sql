-- name: third_arbitrator
-- purpose: rulings, and whether a third person gave them
-- params: none
-- grain: one row per ruling
-- phi: candidate numbers only
SELECT 'candidate/' || CAST(c.id AS VARCHAR) || '/' || a.criterion AS row_key,
       CASE WHEN a.arbitrator IN (f.reviewer, s.reviewer) THEN 1 ELSE 0 END AS broken
FROM arbitration a
JOIN decision f ON f.id = a.first_decision
JOIN decision s ON s.id = a.second_decision
JOIN candidate c ON c.patient_id = a.patient_id
