-- name: scale
-- purpose: scales and vital signs charted by nurses; numbers as raw_number, words as raw_value
-- params: none
-- grain: one row per sign per time point
-- phi: values
SELECT s.patient_id || '|' || CAST(s.time_point AS VARCHAR(30)) || '|' || s.vital_signs AS scale_id,
       CASE WHEN COALESCE(CAST(s.visit_id AS VARCHAR(10)), '0') <> '0'
            THEN 'I|' || s.patient_id || '|' || CAST(s.visit_id AS VARCHAR(10)) END AS visit_id,
       s.patient_id          AS patient_id,
       NULL                  AS code,
       s.vital_signs         AS name,
       s.time_point          AS measured_at,
       s.vital_signs_cvalues AS raw_value,
       s.vital_signs_values  AS raw_number,
       NULL                  AS updated_at,
       'VITAL_SIGNS_REC'     AS source_table
FROM vital_signs_rec s
