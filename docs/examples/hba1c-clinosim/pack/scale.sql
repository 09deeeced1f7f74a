-- name: scale
-- purpose: pain scores charted with the vital signs; the export gives them no key and no encounter
-- params: none
-- grain: one row per patient and time; two at one time are numbered by their value
-- phi: values
SELECT v.patient_id || '|' || v.charted || '|' || CAST(v.nth AS VARCHAR(10)) AS scale_id,
       NULL            AS visit_id,
       v.patient_id    AS patient_id,
       NULL            AS code,
       'pain_score'    AS name,
       REPLACE(SUBSTR(v.charted, 1, 19), 'T', ' ') AS measured_at,
       v.pain_score    AS raw_value,
       NULL            AS updated_at,
       'vital_signs'   AS source_table
FROM (SELECT s.patient_id, s."timestamp" AS charted, s.pain_score,
             ROW_NUMBER() OVER (PARTITION BY s.patient_id, s."timestamp" ORDER BY s.pain_score) AS nth
      FROM vital_signs s
      WHERE s.pain_score IS NOT NULL) v
