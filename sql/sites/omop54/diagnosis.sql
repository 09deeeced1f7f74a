-- name: diagnosis
-- purpose: conditions, under the code that the source recorded and the name of the standard concept
-- params: none
-- grain: one row per condition_occurrence_id
-- phi: diagnoses
SELECT CAST(d.condition_occurrence_id AS VARCHAR(20)) AS diagnosis_id,
       CAST(d.visit_occurrence_id AS VARCHAR(20)) AS visit_id,
       CAST(d.person_id AS VARCHAR(20))           AS patient_id,
       s.vocabulary_id                            AS code_system,
       COALESCE(d.condition_source_value, s.concept_code) AS code,
       COALESCE(c.concept_name, s.concept_name, d.condition_source_value) AS name,
       COALESCE(d.condition_start_datetime, d.condition_start_date) AS diagnosed_at,
       NULL                   AS updated_at,
       'CONDITION_OCCURRENCE' AS source_table
FROM condition_occurrence d
LEFT JOIN concept c ON c.concept_id = d.condition_concept_id
LEFT JOIN concept s ON s.concept_id = d.condition_source_concept_id
