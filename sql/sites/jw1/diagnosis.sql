-- name: diagnosis
-- purpose: inpatient diagnoses, and the coded diagnosis of each outpatient record
-- params: none
-- grain: one row per diagnosis of a stay, one per outpatient record with a diagnosis
-- phi: dates
SELECT 'I|' || d.patient_id || '|' || CAST(d.visit_id AS VARCHAR(10)) || '|' || d.diagnosis_type
         || '|' || CAST(d.diagnosis_no AS VARCHAR(10)) AS diagnosis_id,
       'I|' || d.patient_id || '|' || CAST(d.visit_id AS VARCHAR(10)) AS visit_id,
       d.patient_id      AS patient_id,
       'ICD-10'          AS code_system,
       d.diagnosis_code  AS code,
       d.diagnosis_desc  AS name,
       d.diagnosis_date  AS diagnosed_at,
       NULL              AS updated_at,
       'DIAGNOSIS'       AS source_table
FROM diagnosis d
UNION ALL
SELECT 'O|' || o.patient_id || '|' || SUBSTR(CAST(o.visit_date AS VARCHAR(30)), 1, 10) || '|'
         || CAST(o.visit_no AS VARCHAR(10)) || '|' || CAST(o.ordinal AS VARCHAR(10)),
       'O|' || SUBSTR(CAST(o.visit_date AS VARCHAR(30)), 1, 10) || '|' || CAST(o.visit_no AS VARCHAR(10)),
       o.patient_id,
       'ICD-10',
       o.diag_code,
       o.diag_desc,
       o.visit_date,
       NULL,
       'OUTP_MR'
FROM outp_mr o
WHERE o.diag_desc IS NOT NULL OR o.diag_code IS NOT NULL
