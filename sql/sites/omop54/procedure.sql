-- name: procedure
-- purpose: procedures, images among them
-- params: none
-- grain: one row per procedure_occurrence_id
-- phi: dates
SELECT CAST(p.procedure_occurrence_id AS VARCHAR(20)) AS procedure_id,
       CAST(p.visit_occurrence_id AS VARCHAR(20)) AS visit_id,
       CAST(p.person_id AS VARCHAR(20))           AS patient_id,
       p.procedure_source_value                   AS code,
       COALESCE(c.concept_name, p.procedure_source_value) AS name,
       COALESCE(p.procedure_datetime, p.procedure_date)   AS performed_at,
       NULL                   AS updated_at,
       'PROCEDURE_OCCURRENCE' AS source_table
FROM procedure_occurrence p
LEFT JOIN concept c ON c.concept_id = p.procedure_concept_id
