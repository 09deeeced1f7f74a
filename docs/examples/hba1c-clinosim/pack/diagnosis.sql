-- name: diagnosis
-- purpose: the discharge diagnosis of each encounter, and the admission diagnosis where it is another
-- params: none
-- grain: one row per encounter and kind (D discharge, A admission)
-- phi: diagnoses
SELECT 'D|' || d.encounter_id       AS diagnosis_id,
       d.encounter_id               AS visit_id,
       d.patient_id                 AS patient_id,
       'ICD-10-CM'                  AS code_system,
       d.discharge_diagnosis_code   AS code,
       d.discharge_diagnosis_name   AS name,
       REPLACE(SUBSTR(COALESCE(e.discharge_datetime, e.admission_datetime), 1, 19), 'T', ' ') AS diagnosed_at,
       NULL                         AS updated_at,
       'diagnoses'                  AS source_table
FROM diagnoses d
LEFT JOIN encounters e ON e.encounter_id = d.encounter_id
UNION ALL
SELECT 'A|' || d.encounter_id,
       d.encounter_id,
       d.patient_id,
       'ICD-10-CM',
       d.admission_diagnosis_code,
       d.admission_diagnosis_name,
       REPLACE(SUBSTR(e.admission_datetime, 1, 19), 'T', ' '),
       NULL,
       'diagnoses'
FROM diagnoses d
LEFT JOIN encounters e ON e.encounter_id = d.encounter_id
WHERE d.admission_diagnosis_code <> d.discharge_diagnosis_code
