-- name: marks
-- purpose: for each patient how many records of one table there are, how many without a time of change, and the latest
-- params: none
-- fills: {rows} the pack's SELECT
-- grain: one row per patient
-- phi: keys only
SELECT t.patient_id, COUNT(*) AS n, COUNT(*) - COUNT(t.updated_at) AS mark, MAX(t.updated_at) AS latest
FROM (
{rows}
) t
WHERE t.patient_id IS NOT NULL
GROUP BY t.patient_id
