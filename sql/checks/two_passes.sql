-- name: two_passes
-- purpose: pairs of entries of one field on the same evidence, and whether two people made them
-- params: none
-- grain: one row per pair
-- phi: candidate numbers only
SELECT 'candidate/' || CAST(c.id AS VARCHAR) || '/' || f.variable
         || CASE WHEN f.timepoint = '' THEN '' ELSE '@' || f.timepoint END AS row_key,
       CASE WHEN f.abstractor = s.abstractor THEN 1 ELSE 0 END AS broken
FROM entry f
JOIN entry s ON s.patient_id = f.patient_id AND s.variable = f.variable AND s.timepoint = f.timepoint
            AND s.evidence_hash = f.evidence_hash
JOIN candidate c ON c.patient_id = f.patient_id
WHERE f.pass = 1 AND s.pass = 2
