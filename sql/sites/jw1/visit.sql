-- name: visit
-- purpose: inpatient stays (key: patient and ordinal) and outpatient visits (key: date and number)
-- params: none
-- grain: one row per visit; refunded registrations are not visits
-- phi: dates
SELECT 'I|' || v.patient_id || '|' || CAST(v.visit_id AS VARCHAR(10)) AS visit_id,
       v.patient_id             AS patient_id,
       'inpatient'              AS visit_type,
       v.dept_admission_to      AS department,
       v.admission_date_time    AS started_at,
       v.discharge_date_time    AS ended_at,
       NULL                     AS updated_at,
       'PAT_VISIT'              AS source_table
FROM pat_visit v
UNION ALL
SELECT 'O|' || SUBSTR(CAST(c.visit_date AS VARCHAR(30)), 1, 10) || '|' || CAST(c.visit_no AS VARCHAR(10)),
       c.patient_id,
       'outpatient',
       c.visit_dept,
       c.visit_date,
       c.visit_date,
       NULL,
       'CLINIC_MASTER'
FROM clinic_master c
WHERE c.returned_date IS NULL
