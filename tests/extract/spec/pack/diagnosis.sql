-- name: diagnosis
-- purpose: what was written under diagnosis
-- params: none
-- grain: one row per entry_no
-- phi: none
SELECT CAST(e.entry_no AS VARCHAR(10)) AS diagnosis_id,
       'V|' || COALESCE(e.of_no, e.person_no) || '|' || CAST(e.ordinal AS VARCHAR(10)) AS visit_id,
       e.person_no AS patient_id,
       'ICD-10'    AS code_system,
       SUBSTR(CAST(e.at_time AS VARCHAR(30)), 1, 10) AS code,
       e.said      AS name,
       e.at_time   AS diagnosed_at,
       NULL        AS updated_at
FROM entry e
WHERE e.field = 'diagnosis'
