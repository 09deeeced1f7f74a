-- name: lab
-- purpose: laboratory results; the export gives them no key and no encounter
-- params: none
-- grain: one row per result; results of one item at one time are numbered by their value
-- phi: values
SELECT r.patient_id || '|' || r.lab_name || '|' || r.result_datetime || '|' || CAST(r.nth AS VARCHAR(10)) AS result_id,
       NULL           AS visit_id,
       r.patient_id   AS patient_id,
       NULL           AS code,
       r.lab_name     AS name,
       REPLACE(SUBSTR(r.result_datetime, 1, 19), 'T', ' ') AS specimen_at,
       REPLACE(SUBSTR(r.result_datetime, 1, 19), 'T', ' ') AS reported_at,
       r.value        AS raw_value,
       r.unit         AS unit,
       NULL           AS reference_range,
       NULL           AS updated_at,
       'lab_results'  AS source_table
FROM (SELECT l.patient_id, l.lab_name, l.result_datetime, l.value, l.unit,
             ROW_NUMBER() OVER (PARTITION BY l.patient_id, l.lab_name, l.result_datetime
                                ORDER BY l.value, l.unit, l.flag) AS nth
      FROM lab_results l) r
