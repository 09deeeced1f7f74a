-- name: two_reviewers
-- purpose: pairs of opinions in the two places on the same evidence, and whether two people gave them
-- params: none
-- grain: one row per pair
-- phi: candidate numbers only
SELECT 'candidate/' || CAST(c.id AS VARCHAR) || '/' || d.criterion AS row_key,
       CASE WHEN d.reviewer = e.reviewer THEN 1 ELSE 0 END AS broken
FROM decision d
JOIN decision e ON e.patient_id = d.patient_id AND e.criterion = d.criterion AND e.evidence_hash = d.evidence_hash
JOIN candidate c ON c.patient_id = d.patient_id
WHERE d.slot = 1 AND e.slot = 2
