-- name: entry_range
-- purpose: numbers that were typed or settled for one variable, and whether each lies within its limits
-- params: variable, low, high (whole steps)
-- grain: one row per entry and resolution with a number
-- phi: candidate numbers only
SELECT 'candidate/' || CAST(c.id AS VARCHAR) || '/' || v.variable
         || CASE WHEN v.timepoint = '' THEN '' ELSE '@' || v.timepoint END AS row_key,
       CASE WHEN v.scaled < :low OR v.scaled > :high THEN 1 ELSE 0 END AS broken
FROM (
  SELECT e.patient_id, e.variable, e.timepoint, e.scaled FROM entry e
  UNION ALL
  SELECT r.patient_id, r.variable, r.timepoint, r.scaled FROM resolution r
) v
JOIN candidate c ON c.patient_id = v.patient_id
WHERE v.variable = :variable AND v.scaled IS NOT NULL
