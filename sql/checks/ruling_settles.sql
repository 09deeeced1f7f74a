-- name: ruling_settles
-- purpose: rulings, and whether each settles two opinions in the two places that differ, of its own criterion and evidence
-- params: none
-- grain: one row per ruling
-- phi: candidate numbers only
SELECT 'candidate/' || CAST(c.id AS VARCHAR) || '/' || a.criterion AS row_key,
       CASE WHEN f.verdict <> s.verdict AND f.slot = 1 AND s.slot = 2
             AND f.patient_id = a.patient_id AND s.patient_id = a.patient_id
             AND f.criterion = a.criterion AND s.criterion = a.criterion
             AND f.evidence_hash = a.evidence_hash AND s.evidence_hash = a.evidence_hash
            THEN 0 ELSE 1 END AS broken
FROM arbitration a
JOIN decision f ON f.id = a.first_decision
JOIN decision s ON s.id = a.second_decision
JOIN candidate c ON c.patient_id = a.patient_id
