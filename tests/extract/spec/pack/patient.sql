-- name: patient
-- purpose: persons and mergers
-- params: none
-- grain: one row per person_no
-- phi: none
SELECT p.person_no  AS patient_id,
       NULL         AS sex,
       p.born       AS birth_date,
       p.into_no    AS merged_into,
       NULL         AS updated_at
FROM person p
