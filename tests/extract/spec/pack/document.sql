-- name: document
-- purpose: what was written under document
-- params: none
-- grain: one row per entry_no
-- phi: none
SELECT CAST(e.entry_no AS VARCHAR(10)) AS document_id,
       'V|' || COALESCE(e.of_no, e.person_no) || '|' || CAST(e.ordinal AS VARCHAR(10)) AS visit_id,
       e.person_no AS patient_id,
       NULL        AS kind,
       e.at_time   AS written_at,
       e.said      AS text,
       NULL        AS updated_at
FROM entry e
WHERE e.field = 'document'
