-- name: marks
-- purpose: for each patient what changes when a record of one table is added, changed or taken away
-- params: none
-- fills: {rows} the pack's SELECT with the columns that tell of a change; {marks} how they are summed up
-- grain: one row per patient
-- phi: keys only
SELECT t.patient_id, COUNT(*) AS n, {marks}
FROM (
{rows}
) t
WHERE t.patient_id IS NOT NULL
GROUP BY t.patient_id
