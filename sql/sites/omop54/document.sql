-- name: document
-- purpose: notes
-- params: none
-- grain: one row per note_id
-- phi: text
SELECT CAST(n.note_id AS VARCHAR(20))             AS document_id,
       CAST(n.visit_occurrence_id AS VARCHAR(20)) AS visit_id,
       CAST(n.person_id AS VARCHAR(20))           AS patient_id,
       COALESCE(n.note_title, n.note_source_value) AS kind,
       COALESCE(n.note_datetime, n.note_date)     AS written_at,
       n.note_text AS text,
       NULL        AS updated_at,
       'NOTE'      AS source_table
FROM note n
