-- candidates 2020s merged
-- binds: 
  SELECT p.patient_id, COALESCE(q.merged_into, p.merged_into) AS person_id
  FROM (
SELECT p.patient_id    AS patient_id,
       p.sex           AS sex,
       p.date_of_birth AS birth_date,
       g.into_patient_id AS merged_into,
       NULL            AS updated_at,
       'PAT_MASTER_INDEX' AS source_table
FROM pat_master_index p
LEFT JOIN pat_id_merge g ON g.patient_id = p.patient_id
  ) p
  LEFT JOIN (
SELECT p.patient_id    AS patient_id,
       p.sex           AS sex,
       p.date_of_birth AS birth_date,
       g.into_patient_id AS merged_into,
       NULL            AS updated_at,
       'PAT_MASTER_INDEX' AS source_table
FROM pat_master_index p
LEFT JOIN pat_id_merge g ON g.patient_id = p.patient_id
  ) q ON q.patient_id = p.merged_into
  WHERE p.merged_into IS NOT NULL;

-- candidates 2020s in_window
-- binds: from_date, to_date
WITH merged AS (
SELECT * FROM stage_merged
)
  SELECT v.visit_id, v.patient_id, COALESCE(s.person_id, v.patient_id) AS person_id
  FROM (
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
SELECT 'J|' || f.file_unique_id AS document_id,
       'I|' || f.patient_id || '|' || CAST(f.visit_id AS VARCHAR(10)) AS visit_id,
       f.patient_id             AS patient_id,
       f.topic                  AS kind,
       f.caption_date_time      AS written_at,
       t.mr_content             AS text,
       f.last_modify_date_time  AS updated_at,
       'JHMR_FILE_CONTENT_TEXT' AS source_table
FROM jhmr_file_index f
LEFT JOIN jhmr_file_content_text t ON t.file_unique_id = f.file_unique_id
WHERE COALESCE(f.delete_flag, '0') <> '1' AND COALESCE(f.file_flag, ' ') <> 'T'
UNION ALL
SELECT 'M|' || o.patient_id || '|' || SUBSTR(CAST(o.visit_date AS VARCHAR(30)), 1, 10) || '|'
            || CAST(o.visit_no AS VARCHAR(10)) || '|' || CAST(o.ordinal AS VARCHAR(10)),
       'O|' || SUBSTR(CAST(o.visit_date AS VARCHAR(30)), 1, 10) || '|' || CAST(o.visit_no AS VARCHAR(10)),
       o.patient_id,
       '门诊病历',
       o.visit_date,
       COALESCE('【主诉】' || o.illness_desc, '') || COALESCE('【现病史】' || o.med_history, '')
         || COALESCE('【既往史】' || o.anamnesis, '') || COALESCE('【家族史】' || o.family_ill, '')
         || COALESCE('【查体】' || o.body_exam, '') || COALESCE('【诊断】' || o.diag_desc, '')
         || COALESCE('【处理】' || o.advice, ''),
       NULL,
       'OUTP_MR'
FROM outp_mr o
UNION ALL
SELECT 'E|' || e.exam_no,
       CASE WHEN COALESCE(CAST(e.visit_id AS VARCHAR(10)), '0') <> '0'
            THEN 'I|' || e.patient_id || '|' || CAST(e.visit_id AS VARCHAR(10)) END,
       e.patient_id,
       '检查申请',
       e.req_date_time,
       COALESCE('【临床症状】' || e.clin_symp, '') || COALESCE('【体征】' || e.phys_sign, '')
         || COALESCE('【临床诊断】' || e.clin_diag, ''),
       NULL,
       'EXAM_MASTER'
FROM exam_master e
WHERE e.clin_symp IS NOT NULL OR e.phys_sign IS NOT NULL OR e.clin_diag IS NOT NULL
UNION ALL
SELECT 'L|' || m.test_no,
       CASE WHEN COALESCE(CAST(m.visit_id AS VARCHAR(10)), '0') <> '0'
            THEN 'I|' || m.patient_id || '|' || CAST(m.visit_id AS VARCHAR(10)) END,
       m.patient_id,
       '检验申请',
       m.requested_date_time,
       '【临床诊断】' || m.relevant_clinic_diag,
       NULL,
       'LAB_TEST_MASTER'
FROM lab_test_master m
WHERE m.relevant_clinic_diag IS NOT NULL
  ) t
  JOIN asked a ON a.patient_id = t.patient_id
  WHERE (t.text LIKE :leaf_0_0 ESCAPE '!') OR (t.text LIKE :leaf_1_0 ESCAPE '!') OR (t.text LIKE :leaf_2_0 ESCAPE '!') OR (t.text LIKE :leaf_3_0 ESCAPE '!') OR (t.text LIKE :leaf_4_0 ESCAPE '!')
  UNION ALL
  SELECT t.patient_id, t.visit_id, CASE WHEN (t.name LIKE :leaf_0_0 ESCAPE '!') THEN 1 ELSE 0 END AS h0, CASE WHEN (t.name LIKE :leaf_1_0 ESCAPE '!') THEN 1 ELSE 0 END AS h1, CASE WHEN (t.name LIKE :leaf_2_0 ESCAPE '!') THEN 1 ELSE 0 END AS h2, CASE WHEN (t.name LIKE :leaf_3_0 ESCAPE '!') THEN 1 ELSE 0 END AS h3, CASE WHEN (t.name LIKE :leaf_4_0 ESCAPE '!') THEN 1 ELSE 0 END AS h4
  FROM (
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
  ) t
  JOIN asked a ON a.patient_id = t.patient_id
  WHERE (t.name LIKE :leaf_0_0 ESCAPE '!') OR (t.name LIKE :leaf_1_0 ESCAPE '!') OR (t.name LIKE :leaf_2_0 ESCAPE '!') OR (t.name LIKE :leaf_3_0 ESCAPE '!') OR (t.name LIKE :leaf_4_0 ESCAPE '!')
  UNION ALL
  SELECT t.patient_id, t.visit_id, CASE WHEN (t.report_text LIKE :leaf_0_0 ESCAPE '!') THEN 1 ELSE 0 END AS h0, CASE WHEN (t.report_text LIKE :leaf_1_0 ESCAPE '!') THEN 1 ELSE 0 END AS h1, CASE WHEN (t.report_text LIKE :leaf_2_0 ESCAPE '!') THEN 1 ELSE 0 END AS h2, CASE WHEN (t.report_text LIKE :leaf_3_0 ESCAPE '!') THEN 1 ELSE 0 END AS h3, CASE WHEN (t.report_text LIKE :leaf_4_0 ESCAPE '!') THEN 1 ELSE 0 END AS h4
  FROM (
SELECT e.exam_no AS imaging_id,
       CASE WHEN COALESCE(CAST(e.visit_id AS VARCHAR(10)), '0') <> '0'
            THEN 'I|' || e.patient_id || '|' || CAST(e.visit_id AS VARCHAR(10)) END AS visit_id,
       e.patient_id      AS patient_id,
       e.exam_class      AS modality,
       e.exam_sub_class  AS body_part,
       e.exam_date_time  AS performed_at,
       COALESCE('【检查所见】' || r.description, '') || COALESCE('【印象】' || r.impression, '') AS report_text,
       e.report_date_time AS updated_at,
       'EXAM_MASTER'     AS source_table
FROM exam_master e
LEFT JOIN exam_report r ON r.exam_no = e.exam_no
  ) t
  JOIN asked a ON a.patient_id = t.patient_id
  WHERE (t.report_text LIKE :leaf_0_0 ESCAPE '!') OR (t.report_text LIKE :leaf_1_0 ESCAPE '!') OR (t.report_text LIKE :leaf_2_0 ESCAPE '!') OR (t.report_text LIKE :leaf_3_0 ESCAPE '!') OR (t.report_text LIKE :leaf_4_0 ESCAPE '!')
  UNION ALL
  SELECT t.patient_id, t.visit_id, CASE WHEN (t.name LIKE :leaf_0_0 ESCAPE '!') THEN 1 ELSE 0 END AS h0, CASE WHEN (t.name LIKE :leaf_1_0 ESCAPE '!') THEN 1 ELSE 0 END AS h1, CASE WHEN (t.name LIKE :leaf_2_0 ESCAPE '!') THEN 1 ELSE 0 END AS h2, CASE WHEN (t.name LIKE :leaf_3_0 ESCAPE '!') THEN 1 ELSE 0 END AS h3, CASE WHEN (t.name LIKE :leaf_4_0 ESCAPE '!') THEN 1 ELSE 0 END AS h4
  FROM (
SELECT r.test_no || '|' || CAST(r.item_no AS VARCHAR(10)) || '|' || CAST(r.print_order AS VARCHAR(10)) AS result_id,
       CASE WHEN COALESCE(CAST(m.visit_id AS VARCHAR(10)), '0') <> '0'
            THEN 'I|' || m.patient_id || '|' || CAST(m.visit_id AS VARCHAR(10)) END AS visit_id,
       m.patient_id             AS patient_id,
       r.report_item_code       AS code,
       r.report_item_name       AS name,
       m.spcm_sample_date_time  AS specimen_at,
       COALESCE(r.result_date_time, m.results_rpt_date_time) AS reported_at,
       r.result                 AS raw_value,
       r.units                  AS unit,
       r.reference_result       AS reference_range,
       r.result_date_time       AS updated_at,
       'LAB_RESULT'             AS source_table
FROM lab_result r
LEFT JOIN lab_test_master m ON m.test_no = r.test_no
WHERE COALESCE(m.result_status, '4') = '4'
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
SELECT p.patient_id    AS patient_id,
       p.sex           AS sex,
       p.date_of_birth AS birth_date,
       g.into_patient_id AS merged_into,
       NULL            AS updated_at,
       'PAT_MASTER_INDEX' AS source_table
FROM pat_master_index p
LEFT JOIN pat_id_merge g ON g.patient_id = p.patient_id
),
canonical_visit AS (
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
SELECT p.patient_id    AS patient_id,
       p.sex           AS sex,
       p.date_of_birth AS birth_date,
       g.into_patient_id AS merged_into,
       NULL            AS updated_at,
       'PAT_MASTER_INDEX' AS source_table
FROM pat_master_index p
LEFT JOIN pat_id_merge g ON g.patient_id = p.patient_id
)
SELECT p.patient_id, p.merged_into
FROM canonical_patient p
WHERE p.merged_into IS NOT NULL;

-- chart patient
-- binds: k0
WITH canonical_patient AS (
SELECT p.patient_id    AS patient_id,
       p.sex           AS sex,
       p.date_of_birth AS birth_date,
       g.into_patient_id AS merged_into,
       NULL            AS updated_at,
       'PAT_MASTER_INDEX' AS source_table
FROM pat_master_index p
LEFT JOIN pat_id_merge g ON g.patient_id = p.patient_id
)
SELECT t.patient_id, t.sex, t.birth_date, t.merged_into, t.updated_at, t.source_table
FROM canonical_patient t
WHERE t.patient_id IN (:k0);

-- chart visit
-- binds: from_date, k0, to_date
WITH canonical_visit AS (
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
)
SELECT t.visit_id, t.patient_id, t.visit_type, t.department, t.started_at, t.ended_at, t.updated_at, t.source_table
FROM canonical_visit t
WHERE t.patient_id IN (:k0)
  AND (t.ended_at IS NULL OR t.ended_at >= :from_date)
  AND (t.started_at IS NULL OR t.started_at < :to_date);

-- chart document
-- binds: from_date, k0, to_date
WITH canonical_document AS (
SELECT 'J|' || f.file_unique_id AS document_id,
       'I|' || f.patient_id || '|' || CAST(f.visit_id AS VARCHAR(10)) AS visit_id,
       f.patient_id             AS patient_id,
       f.topic                  AS kind,
       f.caption_date_time      AS written_at,
       t.mr_content             AS text,
       f.last_modify_date_time  AS updated_at,
       'JHMR_FILE_CONTENT_TEXT' AS source_table
FROM jhmr_file_index f
LEFT JOIN jhmr_file_content_text t ON t.file_unique_id = f.file_unique_id
WHERE COALESCE(f.delete_flag, '0') <> '1' AND COALESCE(f.file_flag, ' ') <> 'T'
UNION ALL
SELECT 'M|' || o.patient_id || '|' || SUBSTR(CAST(o.visit_date AS VARCHAR(30)), 1, 10) || '|'
            || CAST(o.visit_no AS VARCHAR(10)) || '|' || CAST(o.ordinal AS VARCHAR(10)),
       'O|' || SUBSTR(CAST(o.visit_date AS VARCHAR(30)), 1, 10) || '|' || CAST(o.visit_no AS VARCHAR(10)),
       o.patient_id,
       '门诊病历',
       o.visit_date,
       COALESCE('【主诉】' || o.illness_desc, '') || COALESCE('【现病史】' || o.med_history, '')
         || COALESCE('【既往史】' || o.anamnesis, '') || COALESCE('【家族史】' || o.family_ill, '')
         || COALESCE('【查体】' || o.body_exam, '') || COALESCE('【诊断】' || o.diag_desc, '')
         || COALESCE('【处理】' || o.advice, ''),
       NULL,
       'OUTP_MR'
FROM outp_mr o
UNION ALL
SELECT 'E|' || e.exam_no,
       CASE WHEN COALESCE(CAST(e.visit_id AS VARCHAR(10)), '0') <> '0'
            THEN 'I|' || e.patient_id || '|' || CAST(e.visit_id AS VARCHAR(10)) END,
       e.patient_id,
       '检查申请',
       e.req_date_time,
       COALESCE('【临床症状】' || e.clin_symp, '') || COALESCE('【体征】' || e.phys_sign, '')
         || COALESCE('【临床诊断】' || e.clin_diag, ''),
       NULL,
       'EXAM_MASTER'
FROM exam_master e
WHERE e.clin_symp IS NOT NULL OR e.phys_sign IS NOT NULL OR e.clin_diag IS NOT NULL
UNION ALL
SELECT 'L|' || m.test_no,
       CASE WHEN COALESCE(CAST(m.visit_id AS VARCHAR(10)), '0') <> '0'
            THEN 'I|' || m.patient_id || '|' || CAST(m.visit_id AS VARCHAR(10)) END,
       m.patient_id,
       '检验申请',
       m.requested_date_time,
       '【临床诊断】' || m.relevant_clinic_diag,
       NULL,
       'LAB_TEST_MASTER'
FROM lab_test_master m
WHERE m.relevant_clinic_diag IS NOT NULL
)
SELECT t.document_id, t.visit_id, t.patient_id, t.kind, t.written_at, t.text, t.updated_at, t.source_table
FROM canonical_document t
WHERE t.patient_id IN (:k0)
  AND (t.written_at IS NULL OR t.written_at >= :from_date)
  AND (t.written_at IS NULL OR t.written_at < :to_date);

-- chart lab
-- binds: from_date, k0, to_date
WITH canonical_lab AS (
SELECT r.test_no || '|' || CAST(r.item_no AS VARCHAR(10)) || '|' || CAST(r.print_order AS VARCHAR(10)) AS result_id,
       CASE WHEN COALESCE(CAST(m.visit_id AS VARCHAR(10)), '0') <> '0'
            THEN 'I|' || m.patient_id || '|' || CAST(m.visit_id AS VARCHAR(10)) END AS visit_id,
       m.patient_id             AS patient_id,
       r.report_item_code       AS code,
       r.report_item_name       AS name,
       m.spcm_sample_date_time  AS specimen_at,
       COALESCE(r.result_date_time, m.results_rpt_date_time) AS reported_at,
       r.result                 AS raw_value,
       r.units                  AS unit,
       r.reference_result       AS reference_range,
       r.result_date_time       AS updated_at,
       'LAB_RESULT'             AS source_table
FROM lab_result r
LEFT JOIN lab_test_master m ON m.test_no = r.test_no
WHERE COALESCE(m.result_status, '4') = '4'
)
SELECT t.result_id, t.visit_id, t.patient_id, t.code, t.name, t.specimen_at, t.reported_at, t.raw_value, t.unit, t.reference_range, t.updated_at, t.source_table
FROM canonical_lab t
WHERE t.patient_id IN (:k0)
  AND (t.specimen_at IS NULL OR t.specimen_at >= :from_date)
  AND (t.specimen_at IS NULL OR t.specimen_at < :to_date);

-- chart diagnosis
-- binds: from_date, k0, to_date
WITH canonical_diagnosis AS (
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
)
SELECT t.diagnosis_id, t.visit_id, t.patient_id, t.code_system, t.code, t.name, t.diagnosed_at, t.updated_at, t.source_table
FROM canonical_diagnosis t
WHERE t.patient_id IN (:k0)
  AND (t.diagnosed_at IS NULL OR t.diagnosed_at >= :from_date)
  AND (t.diagnosed_at IS NULL OR t.diagnosed_at < :to_date);

-- chart medication
-- binds: from_date, k0, to_date
WITH canonical_medication AS (
SELECT 'I|' || o.patient_id || '|' || CAST(o.visit_id AS VARCHAR(10)) || '|' || CAST(o.order_no AS VARCHAR(10))
         || '|' || CAST(o.order_sub_no AS VARCHAR(10)) AS medication_id,
       'I|' || o.patient_id || '|' || CAST(o.visit_id AS VARCHAR(10)) AS visit_id,
       o.patient_id       AS patient_id,
       o.order_code       AS code,
       o.order_text       AS name,
       o.administration   AS route,
       o.start_date_time  AS started_at,
       o.stop_date_time   AS ended_at,
       o.enter_date_time  AS updated_at,
       'ORDERS'           AS source_table
FROM orders o
WHERE o.order_class = 'A' AND COALESCE(o.order_status, '0') <> '4'
UNION ALL
SELECT 'O|' || SUBSTR(CAST(r.visit_date AS VARCHAR(30)), 1, 10) || '|' || CAST(r.visit_no AS VARCHAR(10))
         || '|' || CAST(r.item_no AS VARCHAR(10)),
       'O|' || SUBSTR(CAST(r.visit_date AS VARCHAR(30)), 1, 10) || '|' || CAST(r.visit_no AS VARCHAR(10)),
       r.patient_id,
       r.drug_code,
       r.drug_name,
       r.administration,
       r.start_date_time,
       r.end_date_time,
       NULL,
       'OUTP_PRESC'
FROM outp_presc r
)
SELECT t.medication_id, t.visit_id, t.patient_id, t.code, t.name, t.route, t.started_at, t.ended_at, t.updated_at, t.source_table
FROM canonical_medication t
WHERE t.patient_id IN (:k0)
  AND (t.ended_at IS NULL OR t.ended_at >= :from_date)
  AND (t.started_at IS NULL OR t.started_at < :to_date);

-- chart imaging
-- binds: from_date, k0, to_date
WITH canonical_imaging AS (
SELECT e.exam_no AS imaging_id,
       CASE WHEN COALESCE(CAST(e.visit_id AS VARCHAR(10)), '0') <> '0'
            THEN 'I|' || e.patient_id || '|' || CAST(e.visit_id AS VARCHAR(10)) END AS visit_id,
       e.patient_id      AS patient_id,
       e.exam_class      AS modality,
       e.exam_sub_class  AS body_part,
       e.exam_date_time  AS performed_at,
       COALESCE('【检查所见】' || r.description, '') || COALESCE('【印象】' || r.impression, '') AS report_text,
       e.report_date_time AS updated_at,
       'EXAM_MASTER'     AS source_table
FROM exam_master e
LEFT JOIN exam_report r ON r.exam_no = e.exam_no
)
SELECT t.imaging_id, t.visit_id, t.patient_id, t.modality, t.body_part, t.performed_at, t.report_text, t.updated_at, t.source_table
FROM canonical_imaging t
WHERE t.patient_id IN (:k0)
  AND (t.performed_at IS NULL OR t.performed_at >= :from_date)
  AND (t.performed_at IS NULL OR t.performed_at < :to_date);

-- chart procedure
-- binds: from_date, k0, to_date
WITH canonical_procedure AS (
SELECT 'P|' || o.patient_id || '|' || CAST(o.visit_id AS VARCHAR(10)) || '|' || CAST(o.operation_no AS VARCHAR(10)) AS procedure_id,
       'I|' || o.patient_id || '|' || CAST(o.visit_id AS VARCHAR(10)) AS visit_id,
       o.patient_id      AS patient_id,
       o.operation_code  AS code,
       o.operation_desc  AS name,
       o.operating_date  AS performed_at,
       NULL              AS updated_at,
       'OPERATION'       AS source_table
FROM operation o
UNION ALL
SELECT 'I|' || b.patient_id || '|' || CAST(b.visit_id AS VARCHAR(10)) || '|' || CAST(b.order_no AS VARCHAR(10))
         || '|' || CAST(b.order_sub_no AS VARCHAR(10)),
       'I|' || b.patient_id || '|' || CAST(b.visit_id AS VARCHAR(10)),
       b.patient_id,
       b.order_code,
       b.order_text,
       b.start_date_time,
       NULL,
       'ORDERS'
FROM orders b
WHERE b.order_class = 'B' AND COALESCE(b.order_status, '0') <> '4'
UNION ALL
SELECT 'O|' || SUBSTR(CAST(t.visit_date AS VARCHAR(30)), 1, 10) || '|' || CAST(t.visit_no AS VARCHAR(10))
         || '|' || CAST(t.item_no AS VARCHAR(10)),
       'O|' || SUBSTR(CAST(t.visit_date AS VARCHAR(30)), 1, 10) || '|' || CAST(t.visit_no AS VARCHAR(10)),
       t.patient_id,
       t.item_code,
       t.item_name,
       t.performed_date_time,
       NULL,
       'OUTP_TREAT_REC'
FROM outp_treat_rec t
)
SELECT t.procedure_id, t.visit_id, t.patient_id, t.code, t.name, t.performed_at, t.updated_at, t.source_table
FROM canonical_procedure t
WHERE t.patient_id IN (:k0)
  AND (t.performed_at IS NULL OR t.performed_at >= :from_date)
  AND (t.performed_at IS NULL OR t.performed_at < :to_date);

-- chart scale
-- binds: from_date, k0, to_date
WITH canonical_scale AS (
SELECT s.patient_id || '|' || CAST(s.time_point AS VARCHAR(30)) || '|' || s.vital_signs AS scale_id,
       CASE WHEN COALESCE(CAST(s.visit_id AS VARCHAR(10)), '0') <> '0'
            THEN 'I|' || s.patient_id || '|' || CAST(s.visit_id AS VARCHAR(10)) END AS visit_id,
       s.patient_id          AS patient_id,
       NULL                  AS code,
       s.vital_signs         AS name,
       s.time_point          AS measured_at,
       s.vital_signs_cvalues AS raw_value,
       s.vital_signs_values  AS raw_number,
       NULL                  AS updated_at,
       'VITAL_SIGNS_REC'     AS source_table
FROM vital_signs_rec s
)
SELECT t.scale_id, t.visit_id, t.patient_id, t.code, t.name, t.measured_at, t.raw_value, t.updated_at, t.raw_number, t.source_table
FROM canonical_scale t
WHERE t.patient_id IN (:k0)
  AND (t.measured_at IS NULL OR t.measured_at >= :from_date)
  AND (t.measured_at IS NULL OR t.measured_at < :to_date);
