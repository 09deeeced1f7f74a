-- name: lab
-- purpose: what was written under lab
-- params: none
-- grain: one row per entry_no
-- phi: none
SELECT CAST(e.entry_no AS VARCHAR(10)) AS result_id,
       'V|' || COALESCE(e.of_no, e.person_no) || '|' || CAST(e.ordinal AS VARCHAR(10)) AS visit_id,
       e.person_no AS patient_id,
       COALESCE('code|' || e.person_no, '') || COALESCE('|' || CAST(e.ordinal AS VARCHAR(10)), '') AS code,
       e.said      AS name,
       e.at_time   AS specimen_at,
       NULL        AS reported_at,
       NULL        AS raw_value,
       e.amount    AS raw_number,
       NULL        AS unit,
       NULL        AS reference_range,
       NULL        AS updated_at
FROM entry e
WHERE e.field = 'lab'
