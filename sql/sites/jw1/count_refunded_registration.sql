-- name: count_refunded_registration
-- purpose: outpatient registrations that were refunded
-- params: none
-- grain: one row, one column n
-- phi: none
SELECT COUNT(*) AS n
FROM clinic_master c
WHERE c.returned_date IS NOT NULL
