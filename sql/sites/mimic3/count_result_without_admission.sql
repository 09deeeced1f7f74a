-- name: count_result_without_admission
-- purpose: results without an admission: this export knows no patient for them
-- params: none
-- grain: one row, one column n
-- phi: none
SELECT COUNT(*) AS n
FROM labevents l
WHERE l.hadm_id IS NULL
