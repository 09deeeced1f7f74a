-- name: patient
-- purpose: one row per person; the export repeats a person once per encounter, and knows an age, no birth date
-- params: none
-- grain: one row per patient_id
-- phi: birth year (derived)
SELECT DISTINCT
       p.patient_id AS patient_id,
       p.sex        AS sex,
       -- The age is that of the simulated year: born on its first day, a person has it on every day of it.
       CAST(2025 - CAST(p.age AS INTEGER) AS VARCHAR(4)) || '-01-01' AS birth_date,
       NULL         AS merged_into,
       NULL         AS updated_at,
       'patients'   AS source_table
FROM patients p
