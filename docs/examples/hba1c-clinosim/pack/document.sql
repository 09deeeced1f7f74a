-- name: document
-- purpose: notes; a triage note of an admission through the emergency room names the encounter with -ED behind it
-- params: none
-- grain: one row per document_id
-- phi: text
SELECT n.document_id AS document_id,
       CASE WHEN n.encounter_id LIKE '%-ED'
            THEN SUBSTR(n.encounter_id, 1, LENGTH(n.encounter_id) - 3)
            ELSE n.encounter_id END AS visit_id,
       n.patient_id  AS patient_id,
       n.kind        AS kind,
       REPLACE(SUBSTR(n.written_at, 1, 19), 'T', ' ') AS written_at,
       n.text        AS text,
       NULL          AS updated_at,
       'notes'       AS source_table
FROM notes n
