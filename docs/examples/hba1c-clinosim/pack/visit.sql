-- name: visit
-- purpose: encounters of every kind; one that has not ended has no end
-- params: none
-- grain: one row per encounter_id
-- phi: dates
SELECT e.encounter_id   AS visit_id,
       e.patient_id     AS patient_id,
       e.encounter_type AS visit_type,
       e.department_id  AS department,
       REPLACE(SUBSTR(e.admission_datetime, 1, 19), 'T', ' ') AS started_at,
       REPLACE(SUBSTR(e.discharge_datetime, 1, 19), 'T', ' ') AS ended_at,
       NULL             AS updated_at,
       'encounters'     AS source_table
FROM encounters e
