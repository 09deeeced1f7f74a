-- name: patient
-- purpose: every patient of the master index; a merged number names the one that survives
-- params: none
-- grain: one row per PATIENT_ID
-- phi: birth date
SELECT p.patient_id    AS patient_id,
       p.sex           AS sex,
       p.date_of_birth AS birth_date,
       g.into_patient_id AS merged_into,
       NULL            AS updated_at,
       'PAT_MASTER_INDEX' AS source_table
FROM pat_master_index p
LEFT JOIN pat_id_merge g ON g.patient_id = p.patient_id
