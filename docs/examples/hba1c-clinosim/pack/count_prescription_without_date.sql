-- name: count_prescription_without_date
-- purpose: prescription lines, which say neither when nor at which encounter
-- params: none
-- grain: one row, one column n
-- phi: none
SELECT COUNT(*) AS n
FROM prescriptions p
