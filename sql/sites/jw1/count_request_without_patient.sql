-- name: count_request_without_patient
-- purpose: laboratory requests of a patient who is not in the master index
-- params: none
-- grain: one row, one column n
-- phi: none
SELECT COUNT(*) AS n
FROM lab_test_master m
LEFT JOIN pat_master_index p ON p.patient_id = m.patient_id
WHERE p.patient_id IS NULL
