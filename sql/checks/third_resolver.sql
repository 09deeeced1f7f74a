-- name: third_resolver
-- purpose: resolutions, and whether a third person gave them
-- params: none
-- grain: one row per resolution
-- phi: candidate numbers only
SELECT 'candidate/' || CAST(c.id AS VARCHAR) || '/' || r.variable
         || CASE WHEN r.timepoint = '' THEN '' ELSE '@' || r.timepoint END AS row_key,
       CASE WHEN r.resolver IN (f.abstractor, s.abstractor) THEN 1 ELSE 0 END AS broken
FROM resolution r
JOIN entry f ON f.id = r.first_entry
JOIN entry s ON s.id = r.second_entry
JOIN candidate c ON c.patient_id = r.patient_id
