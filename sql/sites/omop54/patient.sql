-- name: patient
-- purpose: persons; where only the year of birth is kept, there is no birth date
-- params: none
-- grain: one row per person_id
-- phi: birth date
SELECT CAST(p.person_id AS VARCHAR(20)) AS patient_id,
       COALESCE(p.gender_source_value,
                CASE CAST(p.gender_concept_id AS VARCHAR(20)) WHEN '8507' THEN 'M' WHEN '8532' THEN 'F' END) AS sex,
       COALESCE(SUBSTR(CAST(p.birth_datetime AS VARCHAR(30)), 1, 10),
                CAST(p.year_of_birth AS VARCHAR(4))
                || '-' || LPAD(CAST(p.month_of_birth AS VARCHAR(2)), 2, '0')
                || '-' || LPAD(CAST(p.day_of_birth AS VARCHAR(2)), 2, '0')) AS birth_date,
       NULL     AS merged_into,
       NULL     AS updated_at,
       'PERSON' AS source_table
FROM person p
