-- name: count_birth_date_withheld
-- purpose: patients older than 89, whose birth date the publisher moved three centuries back
-- params: none
-- grain: one row, one column n
-- phi: none
SELECT COUNT(*) AS n
FROM patients p
WHERE p.dob NOT LIKE '%/%'
