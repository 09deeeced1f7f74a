-- name: imaging
-- purpose: procedures whose concept is an image, with the note that is its report where one is linked
-- params: none
-- grain: one row per procedure_occurrence_id and linked note
-- phi: text
-- 1147082 is the concept of the field procedure_occurrence.procedure_occurrence_id.
SELECT CAST(p.procedure_occurrence_id AS VARCHAR(20)) || COALESCE('|' || CAST(n.note_id AS VARCHAR(20)), '') AS imaging_id,
       CAST(p.visit_occurrence_id AS VARCHAR(20)) AS visit_id,
       CAST(p.person_id AS VARCHAR(20))           AS patient_id,
       c.concept_name                             AS modality,
       NULL                                       AS body_part,
       COALESCE(p.procedure_datetime, p.procedure_date) AS performed_at,
       n.note_text            AS report_text,
       NULL                   AS updated_at,
       'PROCEDURE_OCCURRENCE' AS source_table
FROM procedure_occurrence p
LEFT JOIN concept c ON c.concept_id = p.procedure_concept_id
LEFT JOIN note n ON n.note_event_id = p.procedure_occurrence_id
                AND CAST(n.note_event_field_concept_id AS VARCHAR(20)) = '1147082'
WHERE (LOWER(c.concept_name) LIKE '%tomograph%'
       OR LOWER(c.concept_name) LIKE '%magnetic resonance%'
       OR LOWER(c.concept_name) LIKE '%x-ray%'
       OR LOWER(c.concept_name) LIKE '%radiograph%'
       OR LOWER(c.concept_name) LIKE '%ultraso%'
       OR LOWER(c.concept_name) LIKE '%imaging%')
