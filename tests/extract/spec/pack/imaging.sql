-- name: imaging
-- purpose: what was written under imaging
-- params: none
-- grain: one row per entry_no
-- phi: none
SELECT CAST(e.entry_no AS VARCHAR(10)) AS imaging_id,
       'V|' || COALESCE(e.of_no, e.person_no) || '|' || CAST(e.ordinal AS VARCHAR(10)) AS visit_id,
       e.person_no AS patient_id,
       NULL        AS modality,
       NULL        AS body_part,
       e.at_time   AS performed_at,
       e.said      AS report_text,
       NULL        AS updated_at
FROM entry e
WHERE e.field = 'imaging'
