-- name: visit
-- purpose: visits of every kind
-- params: none
-- grain: one row per visit_occurrence_id
-- phi: dates
SELECT CAST(v.visit_occurrence_id AS VARCHAR(20)) AS visit_id,
       CAST(v.person_id AS VARCHAR(20))           AS patient_id,
       CASE CAST(v.visit_concept_id AS VARCHAR(20))
            WHEN '9201' THEN 'inpatient'
            WHEN '262'  THEN 'inpatient'
            WHEN '9202' THEN 'outpatient'
            WHEN '9203' THEN 'emergency'
            ELSE 'other' END                      AS visit_type,
       s.care_site_name                           AS department,
       COALESCE(v.visit_start_datetime, v.visit_start_date) AS started_at,
       COALESCE(v.visit_end_datetime, v.visit_end_date)     AS ended_at,
       NULL               AS updated_at,
       'VISIT_OCCURRENCE' AS source_table
FROM visit_occurrence v
LEFT JOIN care_site s ON s.care_site_id = v.care_site_id
