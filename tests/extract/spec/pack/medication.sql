-- name: medication
-- purpose: what was written under medication
-- params: none
-- grain: one row per entry_no
-- phi: none
SELECT CAST(e.entry_no AS VARCHAR(10)) AS medication_id,
       'V|' || COALESCE(e.of_no, e.person_no) || '|' || CAST(e.ordinal AS VARCHAR(10)) AS visit_id,
       e.person_no AS patient_id,
       NULL        AS code,
       e.said      AS name,
       NULL        AS route,
       e.at_time   AS started_at,
       NULL        AS ended_at,
       NULL        AS updated_at
FROM entry e
WHERE e.field = 'medication'
