-- name: scale
-- purpose: vital signs, scores and assessments, from MEASUREMENT by the concept's class and from OBSERVATION by having a value
-- params: none
-- grain: one row per measurement_id (M) or observation_id (O)
-- phi: values
SELECT 'M|' || CAST(m.measurement_id AS VARCHAR(20)) AS scale_id,
       CAST(m.visit_occurrence_id AS VARCHAR(20)) AS visit_id,
       CAST(m.person_id AS VARCHAR(20))           AS patient_id,
       m.measurement_source_value                 AS code,
       COALESCE(c.concept_name, m.measurement_source_value) AS name,
       COALESCE(m.measurement_datetime, m.measurement_date) AS measured_at,
       CASE WHEN m.value_as_number IS NULL THEN m.value_source_value END AS raw_value,
       m.value_as_number AS raw_number,
       NULL              AS updated_at,
       'MEASUREMENT'     AS source_table
FROM measurement m
LEFT JOIN concept c ON c.concept_id = m.measurement_concept_id
WHERE COALESCE(c.concept_class_id, 'Lab Test') IN ('Clinical Observation', 'Survey', 'Procedure', 'Observable Entity')
UNION ALL
SELECT 'O|' || CAST(o.observation_id AS VARCHAR(20)),
       CAST(o.visit_occurrence_id AS VARCHAR(20)),
       CAST(o.person_id AS VARCHAR(20)),
       o.observation_source_value,
       COALESCE(c.concept_name, o.observation_source_value),
       COALESCE(o.observation_datetime, o.observation_date),
       CASE WHEN o.value_as_number IS NULL THEN COALESCE(o.value_as_string, o.value_source_value) END,
       o.value_as_number,
       NULL,
       'OBSERVATION'
FROM observation o
LEFT JOIN concept c ON c.concept_id = o.observation_concept_id
WHERE o.value_as_number IS NOT NULL OR o.value_as_string IS NOT NULL OR o.value_source_value IS NOT NULL
