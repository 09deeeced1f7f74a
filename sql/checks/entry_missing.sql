-- name: entry_missing
-- purpose: missing codes that were typed or settled for one variable, and whether each is one of its legal ones
-- params: variable, legal (codes between bars: |not_documented|not_done|)
-- grain: one row per entry and resolution with a missing code
-- phi: candidate numbers only
SELECT 'candidate/' || CAST(c.id AS VARCHAR) || '/' || v.variable
         || CASE WHEN v.timepoint = '' THEN '' ELSE '@' || v.timepoint END AS row_key,
       CASE WHEN REPLACE(:legal, '|' || v.missing || '|', '') = :legal THEN 1 ELSE 0 END AS broken
FROM (
  SELECT e.patient_id, e.variable, e.timepoint, e.missing FROM entry e
  UNION ALL
  SELECT r.patient_id, r.variable, r.timepoint, r.missing FROM resolution r
) v
JOIN candidate c ON c.patient_id = v.patient_id
WHERE v.variable = :variable AND v.missing <> ''
