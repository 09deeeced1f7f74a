-- name: lab
-- purpose: measurements, save those that the vocabulary calls observations, scores and assessments (see scale)
-- params: none
-- grain: one row per measurement_id
-- phi: values
-- The operator of a result beyond the assay (<, <=, >=, >) stands before the number.
SELECT CAST(m.measurement_id AS VARCHAR(20))      AS result_id,
       CAST(m.visit_occurrence_id AS VARCHAR(20)) AS visit_id,
       CAST(m.person_id AS VARCHAR(20))           AS patient_id,
       m.measurement_source_value                 AS code,
       COALESCE(c.concept_name, m.measurement_source_value) AS name,
       COALESCE(m.measurement_datetime, m.measurement_date) AS specimen_at,
       COALESCE(m.measurement_datetime, m.measurement_date) AS reported_at,
       CASE WHEN m.value_as_number IS NULL THEN COALESCE(m.value_source_value, k.concept_name)
            WHEN CAST(m.operator_concept_id AS VARCHAR(20)) IN ('4171756', '4171754', '4171755', '4172704')
            THEN CASE WHEN SUBSTR(m.value_source_value, 1, 1) IN ('<', '>') THEN m.value_source_value
                      ELSE CASE CAST(m.operator_concept_id AS VARCHAR(20))
                                WHEN '4171756' THEN '<' WHEN '4171754' THEN '<=' WHEN '4171755' THEN '>=' ELSE '>' END
                           || COALESCE(m.value_source_value, CAST(m.value_as_number AS VARCHAR(40))) END
            END                                   AS raw_value,
       m.value_as_number                          AS raw_number,
       COALESCE(m.unit_source_value, u.concept_code) AS unit,
       NULL          AS reference_range,
       NULL          AS updated_at,
       'MEASUREMENT' AS source_table
FROM measurement m
LEFT JOIN concept c ON c.concept_id = m.measurement_concept_id
LEFT JOIN concept k ON k.concept_id = m.value_as_concept_id AND CAST(k.concept_id AS VARCHAR(20)) <> '0'
LEFT JOIN concept u ON u.concept_id = m.unit_concept_id AND CAST(u.concept_id AS VARCHAR(20)) <> '0'
WHERE COALESCE(c.concept_class_id, 'Lab Test') NOT IN ('Clinical Observation', 'Survey', 'Procedure', 'Observable Entity')
