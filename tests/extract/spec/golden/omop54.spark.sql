-- candidates 2020s merged
-- binds: 
  SELECT p.patient_id, COALESCE(q.merged_into, p.merged_into) AS person_id
  FROM (
SELECT CAST(p.person_id AS VARCHAR(20)) AS patient_id,
       COALESCE(p.gender_source_value,
                CASE CAST(p.gender_concept_id AS VARCHAR(20)) WHEN '8507' THEN 'M' WHEN '8532' THEN 'F' END) AS sex,
       COALESCE(SUBSTR(CAST(p.birth_datetime AS VARCHAR(30)), 1, 10),
                CAST(p.year_of_birth AS VARCHAR(4))
                || '-' || LPAD(CAST(p.month_of_birth AS VARCHAR(2)), 2, '0')
                || '-' || LPAD(CAST(p.day_of_birth AS VARCHAR(2)), 2, '0')) AS birth_date,
       NULL     AS merged_into,
       NULL     AS updated_at,
       'PERSON' AS source_table
FROM person p
  ) p
  LEFT JOIN (
SELECT CAST(p.person_id AS VARCHAR(20)) AS patient_id,
       COALESCE(p.gender_source_value,
                CASE CAST(p.gender_concept_id AS VARCHAR(20)) WHEN '8507' THEN 'M' WHEN '8532' THEN 'F' END) AS sex,
       COALESCE(SUBSTR(CAST(p.birth_datetime AS VARCHAR(30)), 1, 10),
                CAST(p.year_of_birth AS VARCHAR(4))
                || '-' || LPAD(CAST(p.month_of_birth AS VARCHAR(2)), 2, '0')
                || '-' || LPAD(CAST(p.day_of_birth AS VARCHAR(2)), 2, '0')) AS birth_date,
       NULL     AS merged_into,
       NULL     AS updated_at,
       'PERSON' AS source_table
FROM person p
  ) q ON q.patient_id = p.merged_into
  WHERE p.merged_into IS NOT NULL;

-- candidates 2020s in_window
-- binds: from_date, to_date
WITH merged AS (
SELECT * FROM stage_merged
)
  SELECT v.visit_id, v.patient_id, COALESCE(s.person_id, v.patient_id) AS person_id
  FROM (
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
  ) v
  LEFT JOIN merged s ON s.patient_id = v.patient_id
  WHERE v.started_at >= :from_date AND v.started_at < :to_date;

-- candidates 2020s asked
-- binds: 
WITH merged AS (
SELECT * FROM stage_merged
),
in_window AS (
SELECT * FROM stage_in_window
)
  SELECT w.patient_id FROM in_window w
  UNION
  SELECT w.person_id FROM in_window w WHERE w.person_id <> w.patient_id
  UNION
  SELECT s.patient_id FROM merged s WHERE s.person_id IN (SELECT w.person_id FROM in_window w);

-- candidates 2020s
-- binds: leaf_0_0, leaf_1_0, leaf_2_0, leaf_3_0, leaf_4_0
WITH merged AS (
SELECT * FROM stage_merged
),
in_window AS (
SELECT * FROM stage_in_window
),
asked AS (
SELECT * FROM stage_asked
),
found AS (
  SELECT t.patient_id, t.visit_id, CASE WHEN (t.text LIKE :leaf_0_0 ESCAPE '!') THEN 1 ELSE 0 END AS h0, CASE WHEN (t.text LIKE :leaf_1_0 ESCAPE '!') THEN 1 ELSE 0 END AS h1, CASE WHEN (t.text LIKE :leaf_2_0 ESCAPE '!') THEN 1 ELSE 0 END AS h2, CASE WHEN (t.text LIKE :leaf_3_0 ESCAPE '!') THEN 1 ELSE 0 END AS h3, CASE WHEN (t.text LIKE :leaf_4_0 ESCAPE '!') THEN 1 ELSE 0 END AS h4
  FROM (
SELECT CAST(n.note_id AS VARCHAR(20))             AS document_id,
       CAST(n.visit_occurrence_id AS VARCHAR(20)) AS visit_id,
       CAST(n.person_id AS VARCHAR(20))           AS patient_id,
       COALESCE(n.note_title, n.note_source_value) AS kind,
       COALESCE(n.note_datetime, n.note_date)     AS written_at,
       n.note_text AS text,
       NULL        AS updated_at,
       'NOTE'      AS source_table
FROM note n
  ) t
  JOIN asked a ON a.patient_id = t.patient_id
  WHERE (t.text LIKE :leaf_0_0 ESCAPE '!') OR (t.text LIKE :leaf_1_0 ESCAPE '!') OR (t.text LIKE :leaf_2_0 ESCAPE '!') OR (t.text LIKE :leaf_3_0 ESCAPE '!') OR (t.text LIKE :leaf_4_0 ESCAPE '!')
  UNION ALL
  SELECT t.patient_id, t.visit_id, CASE WHEN (t.name LIKE :leaf_0_0 ESCAPE '!') THEN 1 ELSE 0 END AS h0, CASE WHEN (t.name LIKE :leaf_1_0 ESCAPE '!') THEN 1 ELSE 0 END AS h1, CASE WHEN (t.name LIKE :leaf_2_0 ESCAPE '!') THEN 1 ELSE 0 END AS h2, CASE WHEN (t.name LIKE :leaf_3_0 ESCAPE '!') THEN 1 ELSE 0 END AS h3, CASE WHEN (t.name LIKE :leaf_4_0 ESCAPE '!') THEN 1 ELSE 0 END AS h4
  FROM (
SELECT CAST(d.condition_occurrence_id AS VARCHAR(20)) AS diagnosis_id,
       CAST(d.visit_occurrence_id AS VARCHAR(20)) AS visit_id,
       CAST(d.person_id AS VARCHAR(20))           AS patient_id,
       s.vocabulary_id                            AS code_system,
       COALESCE(d.condition_source_value, s.concept_code) AS code,
       COALESCE(c.concept_name, s.concept_name, d.condition_source_value) AS name,
       COALESCE(d.condition_start_datetime, d.condition_start_date) AS diagnosed_at,
       NULL                   AS updated_at,
       'CONDITION_OCCURRENCE' AS source_table
FROM condition_occurrence d
LEFT JOIN concept c ON c.concept_id = d.condition_concept_id
LEFT JOIN concept s ON s.concept_id = d.condition_source_concept_id
  ) t
  JOIN asked a ON a.patient_id = t.patient_id
  WHERE (t.name LIKE :leaf_0_0 ESCAPE '!') OR (t.name LIKE :leaf_1_0 ESCAPE '!') OR (t.name LIKE :leaf_2_0 ESCAPE '!') OR (t.name LIKE :leaf_3_0 ESCAPE '!') OR (t.name LIKE :leaf_4_0 ESCAPE '!')
  UNION ALL
  SELECT t.patient_id, t.visit_id, CASE WHEN (t.report_text LIKE :leaf_0_0 ESCAPE '!') THEN 1 ELSE 0 END AS h0, CASE WHEN (t.report_text LIKE :leaf_1_0 ESCAPE '!') THEN 1 ELSE 0 END AS h1, CASE WHEN (t.report_text LIKE :leaf_2_0 ESCAPE '!') THEN 1 ELSE 0 END AS h2, CASE WHEN (t.report_text LIKE :leaf_3_0 ESCAPE '!') THEN 1 ELSE 0 END AS h3, CASE WHEN (t.report_text LIKE :leaf_4_0 ESCAPE '!') THEN 1 ELSE 0 END AS h4
  FROM (
SELECT CAST(p.procedure_occurrence_id AS VARCHAR(20)) || COALESCE('|' || CAST(n.note_id AS VARCHAR(20)), '') AS imaging_id,
       CAST(p.visit_occurrence_id AS VARCHAR(20)) AS visit_id,
       CAST(p.person_id AS VARCHAR(20))           AS patient_id,
       c.concept_name                             AS modality,
       NULL                                       AS body_part,
       COALESCE(p.procedure_datetime, p.procedure_date) AS performed_at,
       n.note_text            AS report_text,
       NULL                   AS updated_at,
       'PROCEDURE_OCCURRENCE' AS source_table
FROM procedure_occurrence p
LEFT JOIN concept c ON c.concept_id = p.procedure_concept_id
LEFT JOIN note n ON n.note_event_id = p.procedure_occurrence_id
                AND CAST(n.note_event_field_concept_id AS VARCHAR(20)) = '1147082'
WHERE (LOWER(c.concept_name) LIKE '%tomograph%'
       OR LOWER(c.concept_name) LIKE '%magnetic resonance%'
       OR LOWER(c.concept_name) LIKE '%x-ray%'
       OR LOWER(c.concept_name) LIKE '%radiograph%'
       OR LOWER(c.concept_name) LIKE '%ultraso%'
       OR LOWER(c.concept_name) LIKE '%imaging%')
  ) t
  JOIN asked a ON a.patient_id = t.patient_id
  WHERE (t.report_text LIKE :leaf_0_0 ESCAPE '!') OR (t.report_text LIKE :leaf_1_0 ESCAPE '!') OR (t.report_text LIKE :leaf_2_0 ESCAPE '!') OR (t.report_text LIKE :leaf_3_0 ESCAPE '!') OR (t.report_text LIKE :leaf_4_0 ESCAPE '!')
  UNION ALL
  SELECT t.patient_id, t.visit_id, CASE WHEN (t.name LIKE :leaf_0_0 ESCAPE '!') THEN 1 ELSE 0 END AS h0, CASE WHEN (t.name LIKE :leaf_1_0 ESCAPE '!') THEN 1 ELSE 0 END AS h1, CASE WHEN (t.name LIKE :leaf_2_0 ESCAPE '!') THEN 1 ELSE 0 END AS h2, CASE WHEN (t.name LIKE :leaf_3_0 ESCAPE '!') THEN 1 ELSE 0 END AS h3, CASE WHEN (t.name LIKE :leaf_4_0 ESCAPE '!') THEN 1 ELSE 0 END AS h4
  FROM (
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
  ) t
  JOIN asked a ON a.patient_id = t.patient_id
  WHERE (t.name LIKE :leaf_0_0 ESCAPE '!') OR (t.name LIKE :leaf_1_0 ESCAPE '!') OR (t.name LIKE :leaf_2_0 ESCAPE '!') OR (t.name LIKE :leaf_3_0 ESCAPE '!') OR (t.name LIKE :leaf_4_0 ESCAPE '!')
)
SELECT DISTINCT m.visit_id, m.patient_id
FROM (
  SELECT y.visit_id, y.patient_id, y.person_id
  FROM (
    SELECT t.visit_id, t.patient_id, t.person_id, MAX(k.h0) AS h0, MAX(k.h1) AS h1, MAX(k.h2) AS h2, MAX(k.h3) AS h3, MAX(k.h4) AS h4
    FROM (
      SELECT 0 AS of_person, w.visit_id AS target, w.visit_id, w.patient_id, w.person_id FROM in_window w
      UNION ALL
      SELECT 1 AS of_person, w.person_id AS target, w.visit_id, w.patient_id, w.person_id FROM in_window w
    ) t
    JOIN (
      SELECT g.of_person, g.target, MAX(g.h0) AS h0, MAX(g.h1) AS h1, MAX(g.h2) AS h2, MAX(g.h3) AS h3, MAX(g.h4) AS h4
      FROM (
        SELECT CASE WHEN COALESCE(o.person_id, v.patient_id) = COALESCE(s.person_id, f.patient_id) THEN 0 ELSE 1 END
                 AS of_person,
               CASE WHEN COALESCE(o.person_id, v.patient_id) = COALESCE(s.person_id, f.patient_id) THEN f.visit_id
                    ELSE COALESCE(s.person_id, f.patient_id) END AS target,
               f.*
        FROM found f
        LEFT JOIN merged s ON s.patient_id = f.patient_id
        LEFT JOIN (
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
        ) v ON v.visit_id = f.visit_id
        LEFT JOIN merged o ON o.patient_id = v.patient_id
      ) g
      GROUP BY g.of_person, g.target
    ) k ON k.of_person = t.of_person AND k.target = t.target
    GROUP BY t.visit_id, t.patient_id, t.person_id
  ) y
  WHERE ((h0 > 0 OR h1 > 0 OR h2 > 0 OR h3 > 0) AND h4 > 0)
) m;

-- window_totals
-- binds: from_date, to_date
WITH canonical_patient AS (
SELECT CAST(p.person_id AS VARCHAR(20)) AS patient_id,
       COALESCE(p.gender_source_value,
                CASE CAST(p.gender_concept_id AS VARCHAR(20)) WHEN '8507' THEN 'M' WHEN '8532' THEN 'F' END) AS sex,
       COALESCE(SUBSTR(CAST(p.birth_datetime AS VARCHAR(30)), 1, 10),
                CAST(p.year_of_birth AS VARCHAR(4))
                || '-' || LPAD(CAST(p.month_of_birth AS VARCHAR(2)), 2, '0')
                || '-' || LPAD(CAST(p.day_of_birth AS VARCHAR(2)), 2, '0')) AS birth_date,
       NULL     AS merged_into,
       NULL     AS updated_at,
       'PERSON' AS source_table
FROM person p
),
canonical_visit AS (
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
),
one_person AS (
  SELECT p.patient_id, COALESCE(q.merged_into, p.merged_into, p.patient_id) AS person_id
  FROM canonical_patient p
  LEFT JOIN canonical_patient q ON q.patient_id = p.merged_into
)
SELECT COUNT(DISTINCT CASE WHEN v.started_at IS NOT NULL THEN COALESCE(s.person_id, v.patient_id) END) AS patients,
       COUNT(DISTINCT CASE WHEN v.started_at IS NOT NULL THEN v.visit_id END) AS visits,
       COUNT(CASE WHEN v.started_at IS NOT NULL AND v.patient_id IS NULL THEN 1 END) AS without_patient,
       COUNT(CASE WHEN v.started_at IS NULL THEN 1 END) AS without_date
FROM canonical_visit v
LEFT JOIN one_person s ON s.patient_id = v.patient_id
WHERE v.started_at IS NULL OR (v.started_at >= :from_date AND v.started_at < :to_date);

-- mergers
-- binds: 
WITH canonical_patient AS (
SELECT CAST(p.person_id AS VARCHAR(20)) AS patient_id,
       COALESCE(p.gender_source_value,
                CASE CAST(p.gender_concept_id AS VARCHAR(20)) WHEN '8507' THEN 'M' WHEN '8532' THEN 'F' END) AS sex,
       COALESCE(SUBSTR(CAST(p.birth_datetime AS VARCHAR(30)), 1, 10),
                CAST(p.year_of_birth AS VARCHAR(4))
                || '-' || LPAD(CAST(p.month_of_birth AS VARCHAR(2)), 2, '0')
                || '-' || LPAD(CAST(p.day_of_birth AS VARCHAR(2)), 2, '0')) AS birth_date,
       NULL     AS merged_into,
       NULL     AS updated_at,
       'PERSON' AS source_table
FROM person p
)
SELECT p.patient_id, p.merged_into
FROM canonical_patient p
WHERE p.merged_into IS NOT NULL;

-- chart patient
-- binds: k0
WITH canonical_patient AS (
SELECT CAST(p.person_id AS VARCHAR(20)) AS patient_id,
       COALESCE(p.gender_source_value,
                CASE CAST(p.gender_concept_id AS VARCHAR(20)) WHEN '8507' THEN 'M' WHEN '8532' THEN 'F' END) AS sex,
       COALESCE(SUBSTR(CAST(p.birth_datetime AS VARCHAR(30)), 1, 10),
                CAST(p.year_of_birth AS VARCHAR(4))
                || '-' || LPAD(CAST(p.month_of_birth AS VARCHAR(2)), 2, '0')
                || '-' || LPAD(CAST(p.day_of_birth AS VARCHAR(2)), 2, '0')) AS birth_date,
       NULL     AS merged_into,
       NULL     AS updated_at,
       'PERSON' AS source_table
FROM person p
)
SELECT t.patient_id, t.sex, t.birth_date, t.merged_into, t.updated_at, t.source_table
FROM canonical_patient t
WHERE t.patient_id IN (:k0);

-- chart visit
-- binds: from_date, k0, to_date
WITH canonical_visit AS (
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
)
SELECT t.visit_id, t.patient_id, t.visit_type, t.department, t.started_at, t.ended_at, t.updated_at, t.source_table
FROM canonical_visit t
WHERE t.patient_id IN (:k0)
  AND (t.ended_at IS NULL OR t.ended_at >= :from_date)
  AND (t.started_at IS NULL OR t.started_at < :to_date);

-- chart document
-- binds: from_date, k0, to_date
WITH canonical_document AS (
SELECT CAST(n.note_id AS VARCHAR(20))             AS document_id,
       CAST(n.visit_occurrence_id AS VARCHAR(20)) AS visit_id,
       CAST(n.person_id AS VARCHAR(20))           AS patient_id,
       COALESCE(n.note_title, n.note_source_value) AS kind,
       COALESCE(n.note_datetime, n.note_date)     AS written_at,
       n.note_text AS text,
       NULL        AS updated_at,
       'NOTE'      AS source_table
FROM note n
)
SELECT t.document_id, t.visit_id, t.patient_id, t.kind, t.written_at, t.text, t.updated_at, t.source_table
FROM canonical_document t
WHERE t.patient_id IN (:k0)
  AND (t.written_at IS NULL OR t.written_at >= :from_date)
  AND (t.written_at IS NULL OR t.written_at < :to_date);

-- chart lab
-- binds: from_date, k0, to_date
WITH canonical_lab AS (
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
)
SELECT t.result_id, t.visit_id, t.patient_id, t.code, t.name, t.specimen_at, t.reported_at, t.raw_value, t.unit, t.reference_range, t.updated_at, t.raw_number, t.source_table
FROM canonical_lab t
WHERE t.patient_id IN (:k0)
  AND (t.specimen_at IS NULL OR t.specimen_at >= :from_date)
  AND (t.specimen_at IS NULL OR t.specimen_at < :to_date);

-- chart diagnosis
-- binds: from_date, k0, to_date
WITH canonical_diagnosis AS (
SELECT CAST(d.condition_occurrence_id AS VARCHAR(20)) AS diagnosis_id,
       CAST(d.visit_occurrence_id AS VARCHAR(20)) AS visit_id,
       CAST(d.person_id AS VARCHAR(20))           AS patient_id,
       s.vocabulary_id                            AS code_system,
       COALESCE(d.condition_source_value, s.concept_code) AS code,
       COALESCE(c.concept_name, s.concept_name, d.condition_source_value) AS name,
       COALESCE(d.condition_start_datetime, d.condition_start_date) AS diagnosed_at,
       NULL                   AS updated_at,
       'CONDITION_OCCURRENCE' AS source_table
FROM condition_occurrence d
LEFT JOIN concept c ON c.concept_id = d.condition_concept_id
LEFT JOIN concept s ON s.concept_id = d.condition_source_concept_id
)
SELECT t.diagnosis_id, t.visit_id, t.patient_id, t.code_system, t.code, t.name, t.diagnosed_at, t.updated_at, t.source_table
FROM canonical_diagnosis t
WHERE t.patient_id IN (:k0)
  AND (t.diagnosed_at IS NULL OR t.diagnosed_at >= :from_date)
  AND (t.diagnosed_at IS NULL OR t.diagnosed_at < :to_date);

-- chart medication
-- binds: from_date, k0, to_date
WITH canonical_medication AS (
SELECT CAST(d.drug_exposure_id AS VARCHAR(20))    AS medication_id,
       CAST(d.visit_occurrence_id AS VARCHAR(20)) AS visit_id,
       CAST(d.person_id AS VARCHAR(20))           AS patient_id,
       d.drug_source_value                        AS code,
       COALESCE(c.concept_name, d.drug_source_value) AS name,
       d.route_source_value                       AS route,
       COALESCE(d.drug_exposure_start_datetime, d.drug_exposure_start_date) AS started_at,
       COALESCE(d.drug_exposure_end_datetime, d.drug_exposure_end_date)     AS ended_at,
       NULL            AS updated_at,
       'DRUG_EXPOSURE' AS source_table
FROM drug_exposure d
LEFT JOIN concept c ON c.concept_id = d.drug_concept_id
)
SELECT t.medication_id, t.visit_id, t.patient_id, t.code, t.name, t.route, t.started_at, t.ended_at, t.updated_at, t.source_table
FROM canonical_medication t
WHERE t.patient_id IN (:k0)
  AND (t.ended_at IS NULL OR t.ended_at >= :from_date)
  AND (t.started_at IS NULL OR t.started_at < :to_date);

-- chart imaging
-- binds: from_date, k0, to_date
WITH canonical_imaging AS (
SELECT CAST(p.procedure_occurrence_id AS VARCHAR(20)) || COALESCE('|' || CAST(n.note_id AS VARCHAR(20)), '') AS imaging_id,
       CAST(p.visit_occurrence_id AS VARCHAR(20)) AS visit_id,
       CAST(p.person_id AS VARCHAR(20))           AS patient_id,
       c.concept_name                             AS modality,
       NULL                                       AS body_part,
       COALESCE(p.procedure_datetime, p.procedure_date) AS performed_at,
       n.note_text            AS report_text,
       NULL                   AS updated_at,
       'PROCEDURE_OCCURRENCE' AS source_table
FROM procedure_occurrence p
LEFT JOIN concept c ON c.concept_id = p.procedure_concept_id
LEFT JOIN note n ON n.note_event_id = p.procedure_occurrence_id
                AND CAST(n.note_event_field_concept_id AS VARCHAR(20)) = '1147082'
WHERE (LOWER(c.concept_name) LIKE '%tomograph%'
       OR LOWER(c.concept_name) LIKE '%magnetic resonance%'
       OR LOWER(c.concept_name) LIKE '%x-ray%'
       OR LOWER(c.concept_name) LIKE '%radiograph%'
       OR LOWER(c.concept_name) LIKE '%ultraso%'
       OR LOWER(c.concept_name) LIKE '%imaging%')
)
SELECT t.imaging_id, t.visit_id, t.patient_id, t.modality, t.body_part, t.performed_at, t.report_text, t.updated_at, t.source_table
FROM canonical_imaging t
WHERE t.patient_id IN (:k0)
  AND (t.performed_at IS NULL OR t.performed_at >= :from_date)
  AND (t.performed_at IS NULL OR t.performed_at < :to_date);

-- chart procedure
-- binds: from_date, k0, to_date
WITH canonical_procedure AS (
SELECT CAST(p.procedure_occurrence_id AS VARCHAR(20)) AS procedure_id,
       CAST(p.visit_occurrence_id AS VARCHAR(20)) AS visit_id,
       CAST(p.person_id AS VARCHAR(20))           AS patient_id,
       p.procedure_source_value                   AS code,
       COALESCE(c.concept_name, p.procedure_source_value) AS name,
       COALESCE(p.procedure_datetime, p.procedure_date)   AS performed_at,
       NULL                   AS updated_at,
       'PROCEDURE_OCCURRENCE' AS source_table
FROM procedure_occurrence p
LEFT JOIN concept c ON c.concept_id = p.procedure_concept_id
)
SELECT t.procedure_id, t.visit_id, t.patient_id, t.code, t.name, t.performed_at, t.updated_at, t.source_table
FROM canonical_procedure t
WHERE t.patient_id IN (:k0)
  AND (t.performed_at IS NULL OR t.performed_at >= :from_date)
  AND (t.performed_at IS NULL OR t.performed_at < :to_date);

-- chart scale
-- binds: from_date, k0, to_date
WITH canonical_scale AS (
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
)
SELECT t.scale_id, t.visit_id, t.patient_id, t.code, t.name, t.measured_at, t.raw_value, t.updated_at, t.raw_number, t.source_table
FROM canonical_scale t
WHERE t.patient_id IN (:k0)
  AND (t.measured_at IS NULL OR t.measured_at >= :from_date)
  AND (t.measured_at IS NULL OR t.measured_at < :to_date);
