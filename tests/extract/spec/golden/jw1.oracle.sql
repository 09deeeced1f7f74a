-- candidates 2020s
-- binds: from_date, leaf_0_0, leaf_1_0, leaf_2_0, leaf_3_0, leaf_4_0, to_date
WITH merged AS (
  SELECT p.patient_id, COALESCE(q.merged_into, p.merged_into) AS person_id
  FROM (
SELECT
  p.patient_id AS patient_id,
  p.sex AS sex,
  p.date_of_birth AS birth_date,
  g.into_patient_id AS merged_into,
  CAST(NULL AS DATE) AS updated_at,
  'PAT_MASTER_INDEX' AS source_table
FROM pat_master_index p
LEFT JOIN pat_id_merge g
  ON g.patient_id = p.patient_id
  ) p
  LEFT JOIN (
SELECT
  p.patient_id AS patient_id,
  p.sex AS sex,
  p.date_of_birth AS birth_date,
  g.into_patient_id AS merged_into,
  CAST(NULL AS DATE) AS updated_at,
  'PAT_MASTER_INDEX' AS source_table
FROM pat_master_index p
LEFT JOIN pat_id_merge g
  ON g.patient_id = p.patient_id
  ) q ON q.patient_id = p.merged_into
  WHERE p.merged_into IS NOT NULL
),
in_window AS (
  SELECT v.visit_id, v.patient_id, COALESCE(s.person_id, v.patient_id) AS person_id
  FROM (
SELECT
  CASE
    WHEN NOT v.patient_id IS NULL AND NOT CAST(v.visit_id AS VARCHAR2(10)) IS NULL
    THEN 'I|' || v.patient_id || '|' || CAST(v.visit_id AS VARCHAR2(10))
  END AS visit_id,
  v.patient_id AS patient_id,
  'inpatient' AS visit_type,
  v.dept_admission_to AS department,
  v.admission_date_time AS started_at,
  v.discharge_date_time AS ended_at,
  CAST(NULL AS DATE) AS updated_at,
  'PAT_VISIT' AS source_table
FROM pat_visit v
UNION ALL
SELECT
  CASE
    WHEN NOT SUBSTR(CAST(c.visit_date AS VARCHAR2(30)), 1, 10) IS NULL
    AND NOT CAST(c.visit_no AS VARCHAR2(10)) IS NULL
    THEN 'O|' || SUBSTR(CAST(c.visit_date AS VARCHAR2(30)), 1, 10) || '|' || CAST(c.visit_no AS VARCHAR2(10))
  END,
  c.patient_id,
  'outpatient',
  c.visit_dept,
  c.visit_date,
  c.visit_date,
  NULL,
  'CLINIC_MASTER'
FROM clinic_master c
WHERE
  c.returned_date IS NULL
  ) v
  LEFT JOIN merged s ON s.patient_id = v.patient_id
  WHERE v.started_at >= TO_DATE(:from_date, 'YYYYMMDD') AND v.started_at < TO_DATE(:to_date, 'YYYYMMDD')
),
asked AS (
  SELECT w.patient_id FROM in_window w
  UNION
  SELECT w.person_id FROM in_window w WHERE w.person_id <> w.patient_id
  UNION
  SELECT s.patient_id FROM merged s WHERE s.person_id IN (SELECT w.person_id FROM in_window w)
),
found AS (
  SELECT t.patient_id, t.visit_id, CASE WHEN (t.text LIKE :leaf_0_0 ESCAPE '!') THEN 1 ELSE 0 END AS h0, CASE WHEN (t.text LIKE :leaf_1_0 ESCAPE '!') THEN 1 ELSE 0 END AS h1, CASE WHEN (t.text LIKE :leaf_2_0 ESCAPE '!') THEN 1 ELSE 0 END AS h2, CASE WHEN (t.text LIKE :leaf_3_0 ESCAPE '!') THEN 1 ELSE 0 END AS h3, CASE WHEN (t.text LIKE :leaf_4_0 ESCAPE '!') THEN 1 ELSE 0 END AS h4
  FROM (
SELECT 'J|' || f.file_unique_id AS document_id,
       NVL2(f.visit_id, 'I|' || f.patient_id || '|' || CAST(f.visit_id AS VARCHAR(10)), NULL) AS visit_id,
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
       TO_CLOB(NVL2(o.illness_desc, '【主诉】' || o.illness_desc, '')) || TO_CLOB(NVL2(o.med_history, '【现病史】' || o.med_history, ''))
         || TO_CLOB(NVL2(o.anamnesis, '【既往史】' || o.anamnesis, '')) || TO_CLOB(NVL2(o.family_ill, '【家族史】' || o.family_ill, ''))
         || TO_CLOB(NVL2(o.body_exam, '【查体】' || o.body_exam, '')) || TO_CLOB(NVL2(o.diag_desc, '【诊断】' || o.diag_desc, ''))
         || TO_CLOB(NVL2(o.advice, '【处理】' || o.advice, '')),
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
       TO_CLOB(NVL2(e.clin_symp, '【临床症状】' || e.clin_symp, '')) || TO_CLOB(NVL2(e.phys_sign, '【体征】' || e.phys_sign, ''))
         || TO_CLOB(NVL2(e.clin_diag, '【临床诊断】' || e.clin_diag, '')),
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
       TO_CLOB('【临床诊断】' || m.relevant_clinic_diag),
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
SELECT
  CASE
    WHEN NOT d.patient_id IS NULL
    AND NOT CAST(d.visit_id AS VARCHAR2(10)) IS NULL
    AND NOT d.diagnosis_type IS NULL
    AND NOT CAST(d.diagnosis_no AS VARCHAR2(10)) IS NULL
    THEN 'I|' || d.patient_id || '|' || CAST(d.visit_id AS VARCHAR2(10)) || '|' || d.diagnosis_type || '|' || CAST(d.diagnosis_no AS VARCHAR2(10))
  END AS diagnosis_id,
  CASE
    WHEN NOT d.patient_id IS NULL AND NOT CAST(d.visit_id AS VARCHAR2(10)) IS NULL
    THEN 'I|' || d.patient_id || '|' || CAST(d.visit_id AS VARCHAR2(10))
  END AS visit_id,
  d.patient_id AS patient_id,
  'ICD-10' AS code_system,
  d.diagnosis_code AS code,
  d.diagnosis_desc AS name,
  d.diagnosis_date AS diagnosed_at,
  CAST(NULL AS DATE) AS updated_at,
  'DIAGNOSIS' AS source_table
FROM diagnosis d
UNION ALL
SELECT
  CASE
    WHEN NOT o.patient_id IS NULL
    AND NOT SUBSTR(CAST(o.visit_date AS VARCHAR2(30)), 1, 10) IS NULL
    AND NOT CAST(o.visit_no AS VARCHAR2(10)) IS NULL
    AND NOT CAST(o.ordinal AS VARCHAR2(10)) IS NULL
    THEN 'O|' || o.patient_id || '|' || SUBSTR(CAST(o.visit_date AS VARCHAR2(30)), 1, 10) || '|' || CAST(o.visit_no AS VARCHAR2(10)) || '|' || CAST(o.ordinal AS VARCHAR2(10))
  END,
  CASE
    WHEN NOT SUBSTR(CAST(o.visit_date AS VARCHAR2(30)), 1, 10) IS NULL
    AND NOT CAST(o.visit_no AS VARCHAR2(10)) IS NULL
    THEN 'O|' || SUBSTR(CAST(o.visit_date AS VARCHAR2(30)), 1, 10) || '|' || CAST(o.visit_no AS VARCHAR2(10))
  END,
  o.patient_id,
  'ICD-10',
  o.diag_code,
  o.diag_desc,
  o.visit_date,
  NULL,
  'OUTP_MR'
FROM outp_mr o
WHERE
  NOT o.diag_desc IS NULL OR NOT o.diag_code IS NULL
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
       TO_CLOB(NVL2(r.description, '【检查所见】', '')) || r.description
         || TO_CLOB(NVL2(r.impression, '【印象】', '')) || r.impression AS report_text,
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
SELECT
  CASE
    WHEN NOT r.test_no IS NULL
    AND NOT CAST(r.item_no AS VARCHAR2(10)) IS NULL
    AND NOT CAST(r.print_order AS VARCHAR2(10)) IS NULL
    THEN r.test_no || '|' || CAST(r.item_no AS VARCHAR2(10)) || '|' || CAST(r.print_order AS VARCHAR2(10))
  END AS result_id,
  CASE
    WHEN NVL(CAST(m.visit_id AS VARCHAR2(10)), '0') <> '0'
    THEN CASE
      WHEN NOT m.patient_id IS NULL AND NOT CAST(m.visit_id AS VARCHAR2(10)) IS NULL
      THEN 'I|' || m.patient_id || '|' || CAST(m.visit_id AS VARCHAR2(10))
    END
  END AS visit_id,
  m.patient_id AS patient_id,
  r.report_item_code AS code,
  r.report_item_name AS name,
  m.spcm_sample_date_time AS specimen_at,
  NVL(r.result_date_time, m.results_rpt_date_time) AS reported_at,
  r.result AS raw_value,
  r.units AS unit,
  r.reference_result AS reference_range,
  r.result_date_time AS updated_at,
  'LAB_RESULT' AS source_table
FROM lab_result r
LEFT JOIN lab_test_master m
  ON m.test_no = r.test_no
WHERE
  NVL(m.result_status, '4') = '4'
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
SELECT
  CASE
    WHEN NOT v.patient_id IS NULL AND NOT CAST(v.visit_id AS VARCHAR2(10)) IS NULL
    THEN 'I|' || v.patient_id || '|' || CAST(v.visit_id AS VARCHAR2(10))
  END AS visit_id,
  v.patient_id AS patient_id,
  'inpatient' AS visit_type,
  v.dept_admission_to AS department,
  v.admission_date_time AS started_at,
  v.discharge_date_time AS ended_at,
  CAST(NULL AS DATE) AS updated_at,
  'PAT_VISIT' AS source_table
FROM pat_visit v
UNION ALL
SELECT
  CASE
    WHEN NOT SUBSTR(CAST(c.visit_date AS VARCHAR2(30)), 1, 10) IS NULL
    AND NOT CAST(c.visit_no AS VARCHAR2(10)) IS NULL
    THEN 'O|' || SUBSTR(CAST(c.visit_date AS VARCHAR2(30)), 1, 10) || '|' || CAST(c.visit_no AS VARCHAR2(10))
  END,
  c.patient_id,
  'outpatient',
  c.visit_dept,
  c.visit_date,
  c.visit_date,
  NULL,
  'CLINIC_MASTER'
FROM clinic_master c
WHERE
  c.returned_date IS NULL
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
SELECT
  p.patient_id AS patient_id,
  p.sex AS sex,
  p.date_of_birth AS birth_date,
  g.into_patient_id AS merged_into,
  CAST(NULL AS DATE) AS updated_at,
  'PAT_MASTER_INDEX' AS source_table
FROM pat_master_index p
LEFT JOIN pat_id_merge g
  ON g.patient_id = p.patient_id
),
canonical_visit AS (
SELECT
  CASE
    WHEN NOT v.patient_id IS NULL AND NOT CAST(v.visit_id AS VARCHAR2(10)) IS NULL
    THEN 'I|' || v.patient_id || '|' || CAST(v.visit_id AS VARCHAR2(10))
  END AS visit_id,
  v.patient_id AS patient_id,
  'inpatient' AS visit_type,
  v.dept_admission_to AS department,
  v.admission_date_time AS started_at,
  v.discharge_date_time AS ended_at,
  CAST(NULL AS DATE) AS updated_at,
  'PAT_VISIT' AS source_table
FROM pat_visit v
UNION ALL
SELECT
  CASE
    WHEN NOT SUBSTR(CAST(c.visit_date AS VARCHAR2(30)), 1, 10) IS NULL
    AND NOT CAST(c.visit_no AS VARCHAR2(10)) IS NULL
    THEN 'O|' || SUBSTR(CAST(c.visit_date AS VARCHAR2(30)), 1, 10) || '|' || CAST(c.visit_no AS VARCHAR2(10))
  END,
  c.patient_id,
  'outpatient',
  c.visit_dept,
  c.visit_date,
  c.visit_date,
  NULL,
  'CLINIC_MASTER'
FROM clinic_master c
WHERE
  c.returned_date IS NULL
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
WHERE v.started_at IS NULL OR (v.started_at >= TO_DATE(:from_date, 'YYYYMMDD') AND v.started_at < TO_DATE(:to_date, 'YYYYMMDD'));

-- chart patient
-- binds: k0
WITH canonical_patient AS (
SELECT
  p.patient_id AS patient_id,
  p.sex AS sex,
  p.date_of_birth AS birth_date,
  g.into_patient_id AS merged_into,
  CAST(NULL AS DATE) AS updated_at,
  'PAT_MASTER_INDEX' AS source_table
FROM pat_master_index p
LEFT JOIN pat_id_merge g
  ON g.patient_id = p.patient_id
)
SELECT t.patient_id, t.sex, t.birth_date, t.merged_into, t.updated_at, t.source_table
FROM canonical_patient t
WHERE t.patient_id IN (:k0);

-- chart visit
-- binds: from_date, k0, to_date
WITH canonical_visit AS (
SELECT
  CASE
    WHEN NOT v.patient_id IS NULL AND NOT CAST(v.visit_id AS VARCHAR2(10)) IS NULL
    THEN 'I|' || v.patient_id || '|' || CAST(v.visit_id AS VARCHAR2(10))
  END AS visit_id,
  v.patient_id AS patient_id,
  'inpatient' AS visit_type,
  v.dept_admission_to AS department,
  v.admission_date_time AS started_at,
  v.discharge_date_time AS ended_at,
  CAST(NULL AS DATE) AS updated_at,
  'PAT_VISIT' AS source_table
FROM pat_visit v
UNION ALL
SELECT
  CASE
    WHEN NOT SUBSTR(CAST(c.visit_date AS VARCHAR2(30)), 1, 10) IS NULL
    AND NOT CAST(c.visit_no AS VARCHAR2(10)) IS NULL
    THEN 'O|' || SUBSTR(CAST(c.visit_date AS VARCHAR2(30)), 1, 10) || '|' || CAST(c.visit_no AS VARCHAR2(10))
  END,
  c.patient_id,
  'outpatient',
  c.visit_dept,
  c.visit_date,
  c.visit_date,
  NULL,
  'CLINIC_MASTER'
FROM clinic_master c
WHERE
  c.returned_date IS NULL
)
SELECT t.visit_id, t.patient_id, t.visit_type, t.department, t.started_at, t.ended_at, t.updated_at, t.source_table
FROM canonical_visit t
WHERE t.patient_id IN (:k0)
  AND (t.ended_at IS NULL OR t.ended_at >= TO_DATE(:from_date, 'YYYYMMDD'))
  AND (t.started_at IS NULL OR t.started_at < TO_DATE(:to_date, 'YYYYMMDD'));

-- chart document
-- binds: from_date, k0, to_date
WITH canonical_document AS (
SELECT 'J|' || f.file_unique_id AS document_id,
       NVL2(f.visit_id, 'I|' || f.patient_id || '|' || CAST(f.visit_id AS VARCHAR(10)), NULL) AS visit_id,
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
       TO_CLOB(NVL2(o.illness_desc, '【主诉】' || o.illness_desc, '')) || TO_CLOB(NVL2(o.med_history, '【现病史】' || o.med_history, ''))
         || TO_CLOB(NVL2(o.anamnesis, '【既往史】' || o.anamnesis, '')) || TO_CLOB(NVL2(o.family_ill, '【家族史】' || o.family_ill, ''))
         || TO_CLOB(NVL2(o.body_exam, '【查体】' || o.body_exam, '')) || TO_CLOB(NVL2(o.diag_desc, '【诊断】' || o.diag_desc, ''))
         || TO_CLOB(NVL2(o.advice, '【处理】' || o.advice, '')),
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
       TO_CLOB(NVL2(e.clin_symp, '【临床症状】' || e.clin_symp, '')) || TO_CLOB(NVL2(e.phys_sign, '【体征】' || e.phys_sign, ''))
         || TO_CLOB(NVL2(e.clin_diag, '【临床诊断】' || e.clin_diag, '')),
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
       TO_CLOB('【临床诊断】' || m.relevant_clinic_diag),
       NULL,
       'LAB_TEST_MASTER'
FROM lab_test_master m
WHERE m.relevant_clinic_diag IS NOT NULL
)
SELECT t.document_id, t.visit_id, t.patient_id, t.kind, t.written_at, t.text, t.updated_at, t.source_table
FROM canonical_document t
WHERE t.patient_id IN (:k0)
  AND (t.written_at IS NULL OR t.written_at >= TO_DATE(:from_date, 'YYYYMMDD'))
  AND (t.written_at IS NULL OR t.written_at < TO_DATE(:to_date, 'YYYYMMDD'));

-- chart lab
-- binds: from_date, k0, to_date
WITH canonical_lab AS (
SELECT
  CASE
    WHEN NOT r.test_no IS NULL
    AND NOT CAST(r.item_no AS VARCHAR2(10)) IS NULL
    AND NOT CAST(r.print_order AS VARCHAR2(10)) IS NULL
    THEN r.test_no || '|' || CAST(r.item_no AS VARCHAR2(10)) || '|' || CAST(r.print_order AS VARCHAR2(10))
  END AS result_id,
  CASE
    WHEN NVL(CAST(m.visit_id AS VARCHAR2(10)), '0') <> '0'
    THEN CASE
      WHEN NOT m.patient_id IS NULL AND NOT CAST(m.visit_id AS VARCHAR2(10)) IS NULL
      THEN 'I|' || m.patient_id || '|' || CAST(m.visit_id AS VARCHAR2(10))
    END
  END AS visit_id,
  m.patient_id AS patient_id,
  r.report_item_code AS code,
  r.report_item_name AS name,
  m.spcm_sample_date_time AS specimen_at,
  NVL(r.result_date_time, m.results_rpt_date_time) AS reported_at,
  r.result AS raw_value,
  r.units AS unit,
  r.reference_result AS reference_range,
  r.result_date_time AS updated_at,
  'LAB_RESULT' AS source_table
FROM lab_result r
LEFT JOIN lab_test_master m
  ON m.test_no = r.test_no
WHERE
  NVL(m.result_status, '4') = '4'
)
SELECT t.result_id, t.visit_id, t.patient_id, t.code, t.name, t.specimen_at, t.reported_at, t.raw_value, t.unit, t.reference_range, t.updated_at, t.source_table
FROM canonical_lab t
WHERE t.patient_id IN (:k0)
  AND (t.specimen_at IS NULL OR t.specimen_at >= TO_DATE(:from_date, 'YYYYMMDD'))
  AND (t.specimen_at IS NULL OR t.specimen_at < TO_DATE(:to_date, 'YYYYMMDD'));

-- chart diagnosis
-- binds: from_date, k0, to_date
WITH canonical_diagnosis AS (
SELECT
  CASE
    WHEN NOT d.patient_id IS NULL
    AND NOT CAST(d.visit_id AS VARCHAR2(10)) IS NULL
    AND NOT d.diagnosis_type IS NULL
    AND NOT CAST(d.diagnosis_no AS VARCHAR2(10)) IS NULL
    THEN 'I|' || d.patient_id || '|' || CAST(d.visit_id AS VARCHAR2(10)) || '|' || d.diagnosis_type || '|' || CAST(d.diagnosis_no AS VARCHAR2(10))
  END AS diagnosis_id,
  CASE
    WHEN NOT d.patient_id IS NULL AND NOT CAST(d.visit_id AS VARCHAR2(10)) IS NULL
    THEN 'I|' || d.patient_id || '|' || CAST(d.visit_id AS VARCHAR2(10))
  END AS visit_id,
  d.patient_id AS patient_id,
  'ICD-10' AS code_system,
  d.diagnosis_code AS code,
  d.diagnosis_desc AS name,
  d.diagnosis_date AS diagnosed_at,
  CAST(NULL AS DATE) AS updated_at,
  'DIAGNOSIS' AS source_table
FROM diagnosis d
UNION ALL
SELECT
  CASE
    WHEN NOT o.patient_id IS NULL
    AND NOT SUBSTR(CAST(o.visit_date AS VARCHAR2(30)), 1, 10) IS NULL
    AND NOT CAST(o.visit_no AS VARCHAR2(10)) IS NULL
    AND NOT CAST(o.ordinal AS VARCHAR2(10)) IS NULL
    THEN 'O|' || o.patient_id || '|' || SUBSTR(CAST(o.visit_date AS VARCHAR2(30)), 1, 10) || '|' || CAST(o.visit_no AS VARCHAR2(10)) || '|' || CAST(o.ordinal AS VARCHAR2(10))
  END,
  CASE
    WHEN NOT SUBSTR(CAST(o.visit_date AS VARCHAR2(30)), 1, 10) IS NULL
    AND NOT CAST(o.visit_no AS VARCHAR2(10)) IS NULL
    THEN 'O|' || SUBSTR(CAST(o.visit_date AS VARCHAR2(30)), 1, 10) || '|' || CAST(o.visit_no AS VARCHAR2(10))
  END,
  o.patient_id,
  'ICD-10',
  o.diag_code,
  o.diag_desc,
  o.visit_date,
  NULL,
  'OUTP_MR'
FROM outp_mr o
WHERE
  NOT o.diag_desc IS NULL OR NOT o.diag_code IS NULL
)
SELECT t.diagnosis_id, t.visit_id, t.patient_id, t.code_system, t.code, t.name, t.diagnosed_at, t.updated_at, t.source_table
FROM canonical_diagnosis t
WHERE t.patient_id IN (:k0)
  AND (t.diagnosed_at IS NULL OR t.diagnosed_at >= TO_DATE(:from_date, 'YYYYMMDD'))
  AND (t.diagnosed_at IS NULL OR t.diagnosed_at < TO_DATE(:to_date, 'YYYYMMDD'));

-- chart medication
-- binds: from_date, k0, to_date
WITH canonical_medication AS (
SELECT
  CASE
    WHEN NOT o.patient_id IS NULL
    AND NOT CAST(o.visit_id AS VARCHAR2(10)) IS NULL
    AND NOT CAST(o.order_no AS VARCHAR2(10)) IS NULL
    AND NOT CAST(o.order_sub_no AS VARCHAR2(10)) IS NULL
    THEN 'I|' || o.patient_id || '|' || CAST(o.visit_id AS VARCHAR2(10)) || '|' || CAST(o.order_no AS VARCHAR2(10)) || '|' || CAST(o.order_sub_no AS VARCHAR2(10))
  END AS medication_id,
  CASE
    WHEN NOT o.patient_id IS NULL AND NOT CAST(o.visit_id AS VARCHAR2(10)) IS NULL
    THEN 'I|' || o.patient_id || '|' || CAST(o.visit_id AS VARCHAR2(10))
  END AS visit_id,
  o.patient_id AS patient_id,
  o.order_code AS code,
  o.order_text AS name,
  o.administration AS route,
  o.start_date_time AS started_at,
  o.stop_date_time AS ended_at,
  o.enter_date_time AS updated_at,
  'ORDERS' AS source_table
FROM orders o
WHERE
  o.order_class = 'A' AND NVL(o.order_status, '0') <> '4'
UNION ALL
SELECT
  CASE
    WHEN NOT SUBSTR(CAST(r.visit_date AS VARCHAR2(30)), 1, 10) IS NULL
    AND NOT CAST(r.visit_no AS VARCHAR2(10)) IS NULL
    AND NOT CAST(r.item_no AS VARCHAR2(10)) IS NULL
    THEN 'O|' || SUBSTR(CAST(r.visit_date AS VARCHAR2(30)), 1, 10) || '|' || CAST(r.visit_no AS VARCHAR2(10)) || '|' || CAST(r.item_no AS VARCHAR2(10))
  END,
  CASE
    WHEN NOT SUBSTR(CAST(r.visit_date AS VARCHAR2(30)), 1, 10) IS NULL
    AND NOT CAST(r.visit_no AS VARCHAR2(10)) IS NULL
    THEN 'O|' || SUBSTR(CAST(r.visit_date AS VARCHAR2(30)), 1, 10) || '|' || CAST(r.visit_no AS VARCHAR2(10))
  END,
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
  AND (t.ended_at IS NULL OR t.ended_at >= TO_DATE(:from_date, 'YYYYMMDD'))
  AND (t.started_at IS NULL OR t.started_at < TO_DATE(:to_date, 'YYYYMMDD'));

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
       TO_CLOB(NVL2(r.description, '【检查所见】', '')) || r.description
         || TO_CLOB(NVL2(r.impression, '【印象】', '')) || r.impression AS report_text,
       e.report_date_time AS updated_at,
       'EXAM_MASTER'     AS source_table
FROM exam_master e
LEFT JOIN exam_report r ON r.exam_no = e.exam_no
)
SELECT t.imaging_id, t.visit_id, t.patient_id, t.modality, t.body_part, t.performed_at, t.report_text, t.updated_at, t.source_table
FROM canonical_imaging t
WHERE t.patient_id IN (:k0)
  AND (t.performed_at IS NULL OR t.performed_at >= TO_DATE(:from_date, 'YYYYMMDD'))
  AND (t.performed_at IS NULL OR t.performed_at < TO_DATE(:to_date, 'YYYYMMDD'));

-- chart procedure
-- binds: from_date, k0, to_date
WITH canonical_procedure AS (
SELECT
  CASE
    WHEN NOT o.patient_id IS NULL
    AND NOT CAST(o.visit_id AS VARCHAR2(10)) IS NULL
    AND NOT CAST(o.operation_no AS VARCHAR2(10)) IS NULL
    THEN 'P|' || o.patient_id || '|' || CAST(o.visit_id AS VARCHAR2(10)) || '|' || CAST(o.operation_no AS VARCHAR2(10))
  END AS procedure_id,
  CASE
    WHEN NOT o.patient_id IS NULL AND NOT CAST(o.visit_id AS VARCHAR2(10)) IS NULL
    THEN 'I|' || o.patient_id || '|' || CAST(o.visit_id AS VARCHAR2(10))
  END AS visit_id,
  o.patient_id AS patient_id,
  o.operation_code AS code,
  o.operation_desc AS name,
  o.operating_date AS performed_at,
  CAST(NULL AS DATE) AS updated_at,
  'OPERATION' AS source_table
FROM operation o
UNION ALL
SELECT
  CASE
    WHEN NOT b.patient_id IS NULL
    AND NOT CAST(b.visit_id AS VARCHAR2(10)) IS NULL
    AND NOT CAST(b.order_no AS VARCHAR2(10)) IS NULL
    AND NOT CAST(b.order_sub_no AS VARCHAR2(10)) IS NULL
    THEN 'I|' || b.patient_id || '|' || CAST(b.visit_id AS VARCHAR2(10)) || '|' || CAST(b.order_no AS VARCHAR2(10)) || '|' || CAST(b.order_sub_no AS VARCHAR2(10))
  END,
  CASE
    WHEN NOT b.patient_id IS NULL AND NOT CAST(b.visit_id AS VARCHAR2(10)) IS NULL
    THEN 'I|' || b.patient_id || '|' || CAST(b.visit_id AS VARCHAR2(10))
  END,
  b.patient_id,
  b.order_code,
  b.order_text,
  b.start_date_time,
  NULL,
  'ORDERS'
FROM orders b
WHERE
  b.order_class = 'B' AND NVL(b.order_status, '0') <> '4'
UNION ALL
SELECT
  CASE
    WHEN NOT SUBSTR(CAST(t.visit_date AS VARCHAR2(30)), 1, 10) IS NULL
    AND NOT CAST(t.visit_no AS VARCHAR2(10)) IS NULL
    AND NOT CAST(t.item_no AS VARCHAR2(10)) IS NULL
    THEN 'O|' || SUBSTR(CAST(t.visit_date AS VARCHAR2(30)), 1, 10) || '|' || CAST(t.visit_no AS VARCHAR2(10)) || '|' || CAST(t.item_no AS VARCHAR2(10))
  END,
  CASE
    WHEN NOT SUBSTR(CAST(t.visit_date AS VARCHAR2(30)), 1, 10) IS NULL
    AND NOT CAST(t.visit_no AS VARCHAR2(10)) IS NULL
    THEN 'O|' || SUBSTR(CAST(t.visit_date AS VARCHAR2(30)), 1, 10) || '|' || CAST(t.visit_no AS VARCHAR2(10))
  END,
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
  AND (t.performed_at IS NULL OR t.performed_at >= TO_DATE(:from_date, 'YYYYMMDD'))
  AND (t.performed_at IS NULL OR t.performed_at < TO_DATE(:to_date, 'YYYYMMDD'));

-- chart scale
-- binds: from_date, k0, to_date
WITH canonical_scale AS (
SELECT
  CASE
    WHEN NOT s.patient_id IS NULL
    AND NOT CAST(s.time_point AS VARCHAR2(30)) IS NULL
    AND NOT s.vital_signs IS NULL
    THEN s.patient_id || '|' || CAST(s.time_point AS VARCHAR2(30)) || '|' || s.vital_signs
  END AS scale_id,
  CASE
    WHEN NVL(CAST(s.visit_id AS VARCHAR2(10)), '0') <> '0'
    THEN CASE
      WHEN NOT s.patient_id IS NULL AND NOT CAST(s.visit_id AS VARCHAR2(10)) IS NULL
      THEN 'I|' || s.patient_id || '|' || CAST(s.visit_id AS VARCHAR2(10))
    END
  END AS visit_id,
  s.patient_id AS patient_id,
  CAST(NULL AS VARCHAR2(64)) AS code,
  s.vital_signs AS name,
  s.time_point AS measured_at,
  s.vital_signs_cvalues AS raw_value,
  s.vital_signs_values AS raw_number,
  CAST(NULL AS DATE) AS updated_at,
  'VITAL_SIGNS_REC' AS source_table
FROM vital_signs_rec s
)
SELECT t.scale_id, t.visit_id, t.patient_id, t.code, t.name, t.measured_at, t.raw_value, t.updated_at, t.raw_number, t.source_table
FROM canonical_scale t
WHERE t.patient_id IN (:k0)
  AND (t.measured_at IS NULL OR t.measured_at >= TO_DATE(:from_date, 'YYYYMMDD'))
  AND (t.measured_at IS NULL OR t.measured_at < TO_DATE(:to_date, 'YYYYMMDD'));

-- sight clinic_master
-- binds: 
SELECT COUNT(*) AS n, COUNT(t.patient_id) AS c0, COUNT(t.returned_date) AS c1, COUNT(t.visit_date) AS c2, COUNT(t.visit_dept) AS c3, COUNT(t.visit_no) AS c4
FROM clinic_master t;

-- sight diagnosis
-- binds: 
SELECT COUNT(*) AS n, COUNT(t.diagnosis_code) AS c0, COUNT(t.diagnosis_date) AS c1, COUNT(t.diagnosis_desc) AS c2, COUNT(t.diagnosis_no) AS c3, COUNT(t.diagnosis_type) AS c4, COUNT(t.patient_id) AS c5, COUNT(t.visit_id) AS c6
FROM diagnosis t;

-- sight exam_master
-- binds: 
SELECT COUNT(*) AS n, COUNT(t.clin_diag) AS c0, COUNT(t.clin_symp) AS c1, COUNT(t.exam_class) AS c2, COUNT(t.exam_date_time) AS c3, COUNT(t.exam_no) AS c4, COUNT(t.exam_sub_class) AS c5, COUNT(t.patient_id) AS c6, COUNT(t.phys_sign) AS c7, COUNT(t.report_date_time) AS c8, COUNT(t.req_date_time) AS c9, COUNT(t.visit_id) AS c10
FROM exam_master t;

-- sight exam_report
-- binds: 
SELECT COUNT(*) AS n, COUNT(t.description) AS c0, COUNT(t.exam_no) AS c1, COUNT(t.impression) AS c2
FROM exam_report t;

-- sight jhmr_file_content_text
-- binds: 
SELECT COUNT(*) AS n, COUNT(t.file_unique_id) AS c0, COUNT(t.mr_content) AS c1
FROM jhmr_file_content_text t;

-- sight jhmr_file_index
-- binds: 
SELECT COUNT(*) AS n, COUNT(t.caption_date_time) AS c0, COUNT(t.delete_flag) AS c1, COUNT(t.file_flag) AS c2, COUNT(t.file_unique_id) AS c3, COUNT(t.last_modify_date_time) AS c4, COUNT(t.patient_id) AS c5, COUNT(t.topic) AS c6, COUNT(t.visit_id) AS c7
FROM jhmr_file_index t;

-- sight lab_result
-- binds: 
SELECT COUNT(*) AS n, COUNT(t.item_no) AS c0, COUNT(t.print_order) AS c1, COUNT(t.reference_result) AS c2, COUNT(t.report_item_code) AS c3, COUNT(t.report_item_name) AS c4, COUNT(t.result) AS c5, COUNT(t.result_date_time) AS c6, COUNT(t.test_no) AS c7, COUNT(t.units) AS c8
FROM lab_result t;

-- sight lab_test_master
-- binds: 
SELECT COUNT(*) AS n, COUNT(t.patient_id) AS c0, COUNT(t.relevant_clinic_diag) AS c1, COUNT(t.requested_date_time) AS c2, COUNT(t.result_status) AS c3, COUNT(t.results_rpt_date_time) AS c4, COUNT(t.spcm_sample_date_time) AS c5, COUNT(t.test_no) AS c6, COUNT(t.visit_id) AS c7
FROM lab_test_master t;

-- sight operation
-- binds: 
SELECT COUNT(*) AS n, COUNT(t.operating_date) AS c0, COUNT(t.operation_code) AS c1, COUNT(t.operation_desc) AS c2, COUNT(t.operation_no) AS c3, COUNT(t.patient_id) AS c4, COUNT(t.visit_id) AS c5
FROM operation t;

-- sight orders
-- binds: 
SELECT COUNT(*) AS n, COUNT(t.administration) AS c0, COUNT(t.enter_date_time) AS c1, COUNT(t.order_class) AS c2, COUNT(t.order_code) AS c3, COUNT(t.order_no) AS c4, COUNT(t.order_status) AS c5, COUNT(t.order_sub_no) AS c6, COUNT(t.order_text) AS c7, COUNT(t.patient_id) AS c8, COUNT(t.start_date_time) AS c9, COUNT(t.stop_date_time) AS c10, COUNT(t.visit_id) AS c11
FROM orders t;

-- sight outp_mr
-- binds: 
SELECT COUNT(*) AS n, COUNT(t.advice) AS c0, COUNT(t.anamnesis) AS c1, COUNT(t.body_exam) AS c2, COUNT(t.diag_code) AS c3, COUNT(t.diag_desc) AS c4, COUNT(t.family_ill) AS c5, COUNT(t.illness_desc) AS c6, COUNT(t.med_history) AS c7, COUNT(t.ordinal) AS c8, COUNT(t.patient_id) AS c9, COUNT(t.visit_date) AS c10, COUNT(t.visit_no) AS c11
FROM outp_mr t;

-- sight outp_presc
-- binds: 
SELECT COUNT(*) AS n, COUNT(t.administration) AS c0, COUNT(t.drug_code) AS c1, COUNT(t.drug_name) AS c2, COUNT(t.end_date_time) AS c3, COUNT(t.item_no) AS c4, COUNT(t.patient_id) AS c5, COUNT(t.start_date_time) AS c6, COUNT(t.visit_date) AS c7, COUNT(t.visit_no) AS c8
FROM outp_presc t;

-- sight outp_treat_rec
-- binds: 
SELECT COUNT(*) AS n, COUNT(t.item_code) AS c0, COUNT(t.item_name) AS c1, COUNT(t.item_no) AS c2, COUNT(t.patient_id) AS c3, COUNT(t.performed_date_time) AS c4, COUNT(t.visit_date) AS c5, COUNT(t.visit_no) AS c6
FROM outp_treat_rec t;

-- sight pat_id_merge
-- binds: 
SELECT COUNT(*) AS n, COUNT(t.into_patient_id) AS c0, COUNT(t.patient_id) AS c1
FROM pat_id_merge t;

-- sight pat_master_index
-- binds: 
SELECT COUNT(*) AS n, COUNT(t.date_of_birth) AS c0, COUNT(t.patient_id) AS c1, COUNT(t.sex) AS c2
FROM pat_master_index t;

-- sight pat_visit
-- binds: 
SELECT COUNT(*) AS n, COUNT(t.admission_date_time) AS c0, COUNT(t.dept_admission_to) AS c1, COUNT(t.discharge_date_time) AS c2, COUNT(t.patient_id) AS c3, COUNT(t.visit_id) AS c4
FROM pat_visit t;

-- sight vital_signs_rec
-- binds: 
SELECT COUNT(*) AS n, COUNT(t.patient_id) AS c0, COUNT(t.time_point) AS c1, COUNT(t.visit_id) AS c2, COUNT(t.vital_signs) AS c3, COUNT(t.vital_signs_cvalues) AS c4, COUNT(t.vital_signs_values) AS c5
FROM vital_signs_rec t;

-- marks patient
-- binds: 
SELECT t.patient_id, COUNT(*) AS n, COUNT(*) - COUNT(t.updated_at) AS mark, MAX(t.updated_at) AS latest
FROM (
SELECT
  p.patient_id AS patient_id,
  p.sex AS sex,
  p.date_of_birth AS birth_date,
  g.into_patient_id AS merged_into,
  CAST(NULL AS DATE) AS updated_at,
  'PAT_MASTER_INDEX' AS source_table
FROM pat_master_index p
LEFT JOIN pat_id_merge g
  ON g.patient_id = p.patient_id
) t
WHERE t.patient_id IS NOT NULL
GROUP BY t.patient_id;

-- marks visit
-- binds: 
SELECT t.patient_id, COUNT(*) AS n, COUNT(*) - COUNT(t.updated_at) AS mark, MAX(t.updated_at) AS latest
FROM (
SELECT
  CASE
    WHEN NOT v.patient_id IS NULL AND NOT CAST(v.visit_id AS VARCHAR2(10)) IS NULL
    THEN 'I|' || v.patient_id || '|' || CAST(v.visit_id AS VARCHAR2(10))
  END AS visit_id,
  v.patient_id AS patient_id,
  'inpatient' AS visit_type,
  v.dept_admission_to AS department,
  v.admission_date_time AS started_at,
  v.discharge_date_time AS ended_at,
  CAST(NULL AS DATE) AS updated_at,
  'PAT_VISIT' AS source_table
FROM pat_visit v
UNION ALL
SELECT
  CASE
    WHEN NOT SUBSTR(CAST(c.visit_date AS VARCHAR2(30)), 1, 10) IS NULL
    AND NOT CAST(c.visit_no AS VARCHAR2(10)) IS NULL
    THEN 'O|' || SUBSTR(CAST(c.visit_date AS VARCHAR2(30)), 1, 10) || '|' || CAST(c.visit_no AS VARCHAR2(10))
  END,
  c.patient_id,
  'outpatient',
  c.visit_dept,
  c.visit_date,
  c.visit_date,
  NULL,
  'CLINIC_MASTER'
FROM clinic_master c
WHERE
  c.returned_date IS NULL
) t
WHERE t.patient_id IS NOT NULL
GROUP BY t.patient_id;

-- marks document
-- binds: 
SELECT t.patient_id, COUNT(*) AS n, COUNT(*) - COUNT(t.updated_at) AS mark, MAX(t.updated_at) AS latest
FROM (
SELECT 'J|' || f.file_unique_id AS document_id,
       NVL2(f.visit_id, 'I|' || f.patient_id || '|' || CAST(f.visit_id AS VARCHAR(10)), NULL) AS visit_id,
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
       TO_CLOB(NVL2(o.illness_desc, '【主诉】' || o.illness_desc, '')) || TO_CLOB(NVL2(o.med_history, '【现病史】' || o.med_history, ''))
         || TO_CLOB(NVL2(o.anamnesis, '【既往史】' || o.anamnesis, '')) || TO_CLOB(NVL2(o.family_ill, '【家族史】' || o.family_ill, ''))
         || TO_CLOB(NVL2(o.body_exam, '【查体】' || o.body_exam, '')) || TO_CLOB(NVL2(o.diag_desc, '【诊断】' || o.diag_desc, ''))
         || TO_CLOB(NVL2(o.advice, '【处理】' || o.advice, '')),
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
       TO_CLOB(NVL2(e.clin_symp, '【临床症状】' || e.clin_symp, '')) || TO_CLOB(NVL2(e.phys_sign, '【体征】' || e.phys_sign, ''))
         || TO_CLOB(NVL2(e.clin_diag, '【临床诊断】' || e.clin_diag, '')),
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
       TO_CLOB('【临床诊断】' || m.relevant_clinic_diag),
       NULL,
       'LAB_TEST_MASTER'
FROM lab_test_master m
WHERE m.relevant_clinic_diag IS NOT NULL
) t
WHERE t.patient_id IS NOT NULL
GROUP BY t.patient_id;

-- marks lab
-- binds: 
SELECT t.patient_id, COUNT(*) AS n, COUNT(*) - COUNT(t.updated_at) AS mark, MAX(t.updated_at) AS latest
FROM (
SELECT
  CASE
    WHEN NOT r.test_no IS NULL
    AND NOT CAST(r.item_no AS VARCHAR2(10)) IS NULL
    AND NOT CAST(r.print_order AS VARCHAR2(10)) IS NULL
    THEN r.test_no || '|' || CAST(r.item_no AS VARCHAR2(10)) || '|' || CAST(r.print_order AS VARCHAR2(10))
  END AS result_id,
  CASE
    WHEN NVL(CAST(m.visit_id AS VARCHAR2(10)), '0') <> '0'
    THEN CASE
      WHEN NOT m.patient_id IS NULL AND NOT CAST(m.visit_id AS VARCHAR2(10)) IS NULL
      THEN 'I|' || m.patient_id || '|' || CAST(m.visit_id AS VARCHAR2(10))
    END
  END AS visit_id,
  m.patient_id AS patient_id,
  r.report_item_code AS code,
  r.report_item_name AS name,
  m.spcm_sample_date_time AS specimen_at,
  NVL(r.result_date_time, m.results_rpt_date_time) AS reported_at,
  r.result AS raw_value,
  r.units AS unit,
  r.reference_result AS reference_range,
  r.result_date_time AS updated_at,
  'LAB_RESULT' AS source_table
FROM lab_result r
LEFT JOIN lab_test_master m
  ON m.test_no = r.test_no
WHERE
  NVL(m.result_status, '4') = '4'
) t
WHERE t.patient_id IS NOT NULL
GROUP BY t.patient_id;

-- mergers
-- binds: 
WITH canonical_patient AS (
SELECT
  p.patient_id AS patient_id,
  p.sex AS sex,
  p.date_of_birth AS birth_date,
  g.into_patient_id AS merged_into,
  CAST(NULL AS DATE) AS updated_at,
  'PAT_MASTER_INDEX' AS source_table
FROM pat_master_index p
LEFT JOIN pat_id_merge g
  ON g.patient_id = p.patient_id
)
SELECT p.patient_id, p.merged_into
FROM canonical_patient p
WHERE p.merged_into IS NOT NULL;

-- strays document
-- binds: 
WITH canonical_visit AS (
SELECT
  CASE
    WHEN NOT v.patient_id IS NULL AND NOT CAST(v.visit_id AS VARCHAR2(10)) IS NULL
    THEN 'I|' || v.patient_id || '|' || CAST(v.visit_id AS VARCHAR2(10))
  END AS visit_id,
  v.patient_id AS patient_id,
  'inpatient' AS visit_type,
  v.dept_admission_to AS department,
  v.admission_date_time AS started_at,
  v.discharge_date_time AS ended_at,
  CAST(NULL AS DATE) AS updated_at,
  'PAT_VISIT' AS source_table
FROM pat_visit v
UNION ALL
SELECT
  CASE
    WHEN NOT SUBSTR(CAST(c.visit_date AS VARCHAR2(30)), 1, 10) IS NULL
    AND NOT CAST(c.visit_no AS VARCHAR2(10)) IS NULL
    THEN 'O|' || SUBSTR(CAST(c.visit_date AS VARCHAR2(30)), 1, 10) || '|' || CAST(c.visit_no AS VARCHAR2(10))
  END,
  c.patient_id,
  'outpatient',
  c.visit_dept,
  c.visit_date,
  c.visit_date,
  NULL,
  'CLINIC_MASTER'
FROM clinic_master c
WHERE
  c.returned_date IS NULL
),
canonical_document AS (
SELECT 'J|' || f.file_unique_id AS document_id,
       NVL2(f.visit_id, 'I|' || f.patient_id || '|' || CAST(f.visit_id AS VARCHAR(10)), NULL) AS visit_id,
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
       TO_CLOB(NVL2(o.illness_desc, '【主诉】' || o.illness_desc, '')) || TO_CLOB(NVL2(o.med_history, '【现病史】' || o.med_history, ''))
         || TO_CLOB(NVL2(o.anamnesis, '【既往史】' || o.anamnesis, '')) || TO_CLOB(NVL2(o.family_ill, '【家族史】' || o.family_ill, ''))
         || TO_CLOB(NVL2(o.body_exam, '【查体】' || o.body_exam, '')) || TO_CLOB(NVL2(o.diag_desc, '【诊断】' || o.diag_desc, ''))
         || TO_CLOB(NVL2(o.advice, '【处理】' || o.advice, '')),
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
       TO_CLOB(NVL2(e.clin_symp, '【临床症状】' || e.clin_symp, '')) || TO_CLOB(NVL2(e.phys_sign, '【体征】' || e.phys_sign, ''))
         || TO_CLOB(NVL2(e.clin_diag, '【临床诊断】' || e.clin_diag, '')),
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
       TO_CLOB('【临床诊断】' || m.relevant_clinic_diag),
       NULL,
       'LAB_TEST_MASTER'
FROM lab_test_master m
WHERE m.relevant_clinic_diag IS NOT NULL
)
SELECT DISTINCT t.patient_id, t.visit_id
FROM canonical_document t
LEFT JOIN canonical_visit v ON v.visit_id = t.visit_id AND v.patient_id = t.patient_id
WHERE t.patient_id IS NOT NULL AND t.visit_id IS NOT NULL AND v.visit_id IS NULL;

-- strays lab
-- binds: 
WITH canonical_visit AS (
SELECT
  CASE
    WHEN NOT v.patient_id IS NULL AND NOT CAST(v.visit_id AS VARCHAR2(10)) IS NULL
    THEN 'I|' || v.patient_id || '|' || CAST(v.visit_id AS VARCHAR2(10))
  END AS visit_id,
  v.patient_id AS patient_id,
  'inpatient' AS visit_type,
  v.dept_admission_to AS department,
  v.admission_date_time AS started_at,
  v.discharge_date_time AS ended_at,
  CAST(NULL AS DATE) AS updated_at,
  'PAT_VISIT' AS source_table
FROM pat_visit v
UNION ALL
SELECT
  CASE
    WHEN NOT SUBSTR(CAST(c.visit_date AS VARCHAR2(30)), 1, 10) IS NULL
    AND NOT CAST(c.visit_no AS VARCHAR2(10)) IS NULL
    THEN 'O|' || SUBSTR(CAST(c.visit_date AS VARCHAR2(30)), 1, 10) || '|' || CAST(c.visit_no AS VARCHAR2(10))
  END,
  c.patient_id,
  'outpatient',
  c.visit_dept,
  c.visit_date,
  c.visit_date,
  NULL,
  'CLINIC_MASTER'
FROM clinic_master c
WHERE
  c.returned_date IS NULL
),
canonical_lab AS (
SELECT
  CASE
    WHEN NOT r.test_no IS NULL
    AND NOT CAST(r.item_no AS VARCHAR2(10)) IS NULL
    AND NOT CAST(r.print_order AS VARCHAR2(10)) IS NULL
    THEN r.test_no || '|' || CAST(r.item_no AS VARCHAR2(10)) || '|' || CAST(r.print_order AS VARCHAR2(10))
  END AS result_id,
  CASE
    WHEN NVL(CAST(m.visit_id AS VARCHAR2(10)), '0') <> '0'
    THEN CASE
      WHEN NOT m.patient_id IS NULL AND NOT CAST(m.visit_id AS VARCHAR2(10)) IS NULL
      THEN 'I|' || m.patient_id || '|' || CAST(m.visit_id AS VARCHAR2(10))
    END
  END AS visit_id,
  m.patient_id AS patient_id,
  r.report_item_code AS code,
  r.report_item_name AS name,
  m.spcm_sample_date_time AS specimen_at,
  NVL(r.result_date_time, m.results_rpt_date_time) AS reported_at,
  r.result AS raw_value,
  r.units AS unit,
  r.reference_result AS reference_range,
  r.result_date_time AS updated_at,
  'LAB_RESULT' AS source_table
FROM lab_result r
LEFT JOIN lab_test_master m
  ON m.test_no = r.test_no
WHERE
  NVL(m.result_status, '4') = '4'
)
SELECT DISTINCT t.patient_id, t.visit_id
FROM canonical_lab t
LEFT JOIN canonical_visit v ON v.visit_id = t.visit_id AND v.patient_id = t.patient_id
WHERE t.patient_id IS NOT NULL AND t.visit_id IS NOT NULL AND v.visit_id IS NULL;

-- positive diagnosis named
-- binds: from_date, leaf_0_0, to_date
SELECT v.visit_id, v.patient_id, v.started_at, v.ended_at, p.record_key, p.code, p.name, p.happened_at
FROM (
  SELECT DISTINCT t.diagnosis_id AS record_key, t.visit_id, t.patient_id, t.code AS code, t.name AS name, t.diagnosed_at AS happened_at
  FROM (
SELECT
  CASE
    WHEN NOT d.patient_id IS NULL
    AND NOT CAST(d.visit_id AS VARCHAR2(10)) IS NULL
    AND NOT d.diagnosis_type IS NULL
    AND NOT CAST(d.diagnosis_no AS VARCHAR2(10)) IS NULL
    THEN 'I|' || d.patient_id || '|' || CAST(d.visit_id AS VARCHAR2(10)) || '|' || d.diagnosis_type || '|' || CAST(d.diagnosis_no AS VARCHAR2(10))
  END AS diagnosis_id,
  CASE
    WHEN NOT d.patient_id IS NULL AND NOT CAST(d.visit_id AS VARCHAR2(10)) IS NULL
    THEN 'I|' || d.patient_id || '|' || CAST(d.visit_id AS VARCHAR2(10))
  END AS visit_id,
  d.patient_id AS patient_id,
  'ICD-10' AS code_system,
  d.diagnosis_code AS code,
  d.diagnosis_desc AS name,
  d.diagnosis_date AS diagnosed_at,
  CAST(NULL AS DATE) AS updated_at,
  'DIAGNOSIS' AS source_table
FROM diagnosis d
UNION ALL
SELECT
  CASE
    WHEN NOT o.patient_id IS NULL
    AND NOT SUBSTR(CAST(o.visit_date AS VARCHAR2(30)), 1, 10) IS NULL
    AND NOT CAST(o.visit_no AS VARCHAR2(10)) IS NULL
    AND NOT CAST(o.ordinal AS VARCHAR2(10)) IS NULL
    THEN 'O|' || o.patient_id || '|' || SUBSTR(CAST(o.visit_date AS VARCHAR2(30)), 1, 10) || '|' || CAST(o.visit_no AS VARCHAR2(10)) || '|' || CAST(o.ordinal AS VARCHAR2(10))
  END,
  CASE
    WHEN NOT SUBSTR(CAST(o.visit_date AS VARCHAR2(30)), 1, 10) IS NULL
    AND NOT CAST(o.visit_no AS VARCHAR2(10)) IS NULL
    THEN 'O|' || SUBSTR(CAST(o.visit_date AS VARCHAR2(30)), 1, 10) || '|' || CAST(o.visit_no AS VARCHAR2(10))
  END,
  o.patient_id,
  'ICD-10',
  o.diag_code,
  o.diag_desc,
  o.visit_date,
  NULL,
  'OUTP_MR'
FROM outp_mr o
WHERE
  NOT o.diag_desc IS NULL OR NOT o.diag_code IS NULL
  ) t
  WHERE (t.code LIKE :leaf_0_0 ESCAPE '!')
) p
JOIN (
SELECT
  CASE
    WHEN NOT v.patient_id IS NULL AND NOT CAST(v.visit_id AS VARCHAR2(10)) IS NULL
    THEN 'I|' || v.patient_id || '|' || CAST(v.visit_id AS VARCHAR2(10))
  END AS visit_id,
  v.patient_id AS patient_id,
  'inpatient' AS visit_type,
  v.dept_admission_to AS department,
  v.admission_date_time AS started_at,
  v.discharge_date_time AS ended_at,
  CAST(NULL AS DATE) AS updated_at,
  'PAT_VISIT' AS source_table
FROM pat_visit v
UNION ALL
SELECT
  CASE
    WHEN NOT SUBSTR(CAST(c.visit_date AS VARCHAR2(30)), 1, 10) IS NULL
    AND NOT CAST(c.visit_no AS VARCHAR2(10)) IS NULL
    THEN 'O|' || SUBSTR(CAST(c.visit_date AS VARCHAR2(30)), 1, 10) || '|' || CAST(c.visit_no AS VARCHAR2(10))
  END,
  c.patient_id,
  'outpatient',
  c.visit_dept,
  c.visit_date,
  c.visit_date,
  NULL,
  'CLINIC_MASTER'
FROM clinic_master c
WHERE
  c.returned_date IS NULL
) v ON p.visit_id = v.visit_id
WHERE v.started_at >= TO_DATE(:from_date, 'YYYYMMDD') AND v.started_at < TO_DATE(:to_date, 'YYYYMMDD');

-- positive lab named
-- binds: code_0, from_date, leaf_0_0, leaf_0_1, leaf_0_2, leaf_0_3, leaf_0_4, leaf_0_5, leaf_0_6, to_date
SELECT v.visit_id, v.patient_id, v.started_at, v.ended_at, p.record_key, p.code, p.name, p.happened_at
FROM (
  SELECT DISTINCT t.result_id AS record_key, t.visit_id, t.patient_id, t.code AS code, t.name AS name, t.specimen_at AS happened_at
  FROM (
SELECT
  CASE
    WHEN NOT r.test_no IS NULL
    AND NOT CAST(r.item_no AS VARCHAR2(10)) IS NULL
    AND NOT CAST(r.print_order AS VARCHAR2(10)) IS NULL
    THEN r.test_no || '|' || CAST(r.item_no AS VARCHAR2(10)) || '|' || CAST(r.print_order AS VARCHAR2(10))
  END AS result_id,
  CASE
    WHEN NVL(CAST(m.visit_id AS VARCHAR2(10)), '0') <> '0'
    THEN CASE
      WHEN NOT m.patient_id IS NULL AND NOT CAST(m.visit_id AS VARCHAR2(10)) IS NULL
      THEN 'I|' || m.patient_id || '|' || CAST(m.visit_id AS VARCHAR2(10))
    END
  END AS visit_id,
  m.patient_id AS patient_id,
  r.report_item_code AS code,
  r.report_item_name AS name,
  m.spcm_sample_date_time AS specimen_at,
  NVL(r.result_date_time, m.results_rpt_date_time) AS reported_at,
  r.result AS raw_value,
  r.units AS unit,
  r.reference_result AS reference_range,
  r.result_date_time AS updated_at,
  'LAB_RESULT' AS source_table
FROM lab_result r
LEFT JOIN lab_test_master m
  ON m.test_no = r.test_no
WHERE
  NVL(m.result_status, '4') = '4'
  ) t
  WHERE ((t.name LIKE :leaf_0_0 ESCAPE '!' OR t.name LIKE :leaf_0_1 ESCAPE '!' OR t.name LIKE :leaf_0_2 ESCAPE '!' OR t.name LIKE :leaf_0_3 ESCAPE '!' OR t.name LIKE :leaf_0_4 ESCAPE '!' OR t.name LIKE :leaf_0_5 ESCAPE '!' OR t.name LIKE :leaf_0_6 ESCAPE '!')) OR t.code LIKE :code_0 ESCAPE '!'
) p
JOIN (
SELECT
  CASE
    WHEN NOT v.patient_id IS NULL AND NOT CAST(v.visit_id AS VARCHAR2(10)) IS NULL
    THEN 'I|' || v.patient_id || '|' || CAST(v.visit_id AS VARCHAR2(10))
  END AS visit_id,
  v.patient_id AS patient_id,
  'inpatient' AS visit_type,
  v.dept_admission_to AS department,
  v.admission_date_time AS started_at,
  v.discharge_date_time AS ended_at,
  CAST(NULL AS DATE) AS updated_at,
  'PAT_VISIT' AS source_table
FROM pat_visit v
UNION ALL
SELECT
  CASE
    WHEN NOT SUBSTR(CAST(c.visit_date AS VARCHAR2(30)), 1, 10) IS NULL
    AND NOT CAST(c.visit_no AS VARCHAR2(10)) IS NULL
    THEN 'O|' || SUBSTR(CAST(c.visit_date AS VARCHAR2(30)), 1, 10) || '|' || CAST(c.visit_no AS VARCHAR2(10))
  END,
  c.patient_id,
  'outpatient',
  c.visit_dept,
  c.visit_date,
  c.visit_date,
  NULL,
  'CLINIC_MASTER'
FROM clinic_master c
WHERE
  c.returned_date IS NULL
) v ON p.visit_id = v.visit_id
WHERE v.started_at >= TO_DATE(:from_date, 'YYYYMMDD') AND v.started_at < TO_DATE(:to_date, 'YYYYMMDD');

-- positive lab loose
-- binds: code_0, from_date, leaf_0_0, leaf_0_1, leaf_0_2, leaf_0_3, leaf_0_4, leaf_0_5, leaf_0_6, to_date
SELECT v.visit_id, v.patient_id, v.started_at, v.ended_at, p.record_key, p.code, p.name, p.happened_at
FROM (
  SELECT DISTINCT t.result_id AS record_key, t.visit_id, t.patient_id, t.code AS code, t.name AS name, t.specimen_at AS happened_at
  FROM (
SELECT
  CASE
    WHEN NOT r.test_no IS NULL
    AND NOT CAST(r.item_no AS VARCHAR2(10)) IS NULL
    AND NOT CAST(r.print_order AS VARCHAR2(10)) IS NULL
    THEN r.test_no || '|' || CAST(r.item_no AS VARCHAR2(10)) || '|' || CAST(r.print_order AS VARCHAR2(10))
  END AS result_id,
  CASE
    WHEN NVL(CAST(m.visit_id AS VARCHAR2(10)), '0') <> '0'
    THEN CASE
      WHEN NOT m.patient_id IS NULL AND NOT CAST(m.visit_id AS VARCHAR2(10)) IS NULL
      THEN 'I|' || m.patient_id || '|' || CAST(m.visit_id AS VARCHAR2(10))
    END
  END AS visit_id,
  m.patient_id AS patient_id,
  r.report_item_code AS code,
  r.report_item_name AS name,
  m.spcm_sample_date_time AS specimen_at,
  NVL(r.result_date_time, m.results_rpt_date_time) AS reported_at,
  r.result AS raw_value,
  r.units AS unit,
  r.reference_result AS reference_range,
  r.result_date_time AS updated_at,
  'LAB_RESULT' AS source_table
FROM lab_result r
LEFT JOIN lab_test_master m
  ON m.test_no = r.test_no
WHERE
  NVL(m.result_status, '4') = '4'
  ) t
  WHERE ((t.name LIKE :leaf_0_0 ESCAPE '!' OR t.name LIKE :leaf_0_1 ESCAPE '!' OR t.name LIKE :leaf_0_2 ESCAPE '!' OR t.name LIKE :leaf_0_3 ESCAPE '!' OR t.name LIKE :leaf_0_4 ESCAPE '!' OR t.name LIKE :leaf_0_5 ESCAPE '!' OR t.name LIKE :leaf_0_6 ESCAPE '!')) OR t.code LIKE :code_0 ESCAPE '!'
) p
JOIN (
SELECT
  CASE
    WHEN NOT v.patient_id IS NULL AND NOT CAST(v.visit_id AS VARCHAR2(10)) IS NULL
    THEN 'I|' || v.patient_id || '|' || CAST(v.visit_id AS VARCHAR2(10))
  END AS visit_id,
  v.patient_id AS patient_id,
  'inpatient' AS visit_type,
  v.dept_admission_to AS department,
  v.admission_date_time AS started_at,
  v.discharge_date_time AS ended_at,
  CAST(NULL AS DATE) AS updated_at,
  'PAT_VISIT' AS source_table
FROM pat_visit v
UNION ALL
SELECT
  CASE
    WHEN NOT SUBSTR(CAST(c.visit_date AS VARCHAR2(30)), 1, 10) IS NULL
    AND NOT CAST(c.visit_no AS VARCHAR2(10)) IS NULL
    THEN 'O|' || SUBSTR(CAST(c.visit_date AS VARCHAR2(30)), 1, 10) || '|' || CAST(c.visit_no AS VARCHAR2(10))
  END,
  c.patient_id,
  'outpatient',
  c.visit_dept,
  c.visit_date,
  c.visit_date,
  NULL,
  'CLINIC_MASTER'
FROM clinic_master c
WHERE
  c.returned_date IS NULL
) v ON p.visit_id IS NULL AND p.patient_id = v.patient_id
WHERE v.started_at >= TO_DATE(:from_date, 'YYYYMMDD') AND v.started_at < TO_DATE(:to_date, 'YYYYMMDD');

-- sample patient
-- binds: 
SELECT RAWTOHEX(UTL_RAW.CAST_TO_RAW(t.sex)) AS sex FROM (
SELECT
  p.patient_id AS patient_id,
  p.sex AS sex,
  p.date_of_birth AS birth_date,
  g.into_patient_id AS merged_into,
  CAST(NULL AS DATE) AS updated_at,
  'PAT_MASTER_INDEX' AS source_table
FROM pat_master_index p
LEFT JOIN pat_id_merge g
  ON g.patient_id = p.patient_id
) t
WHERE ROWNUM <= 100;

-- sample visit
-- binds: from_date, to_date
SELECT RAWTOHEX(UTL_RAW.CAST_TO_RAW(t.visit_type)) AS visit_type, RAWTOHEX(UTL_RAW.CAST_TO_RAW(t.department)) AS department FROM (
SELECT
  CASE
    WHEN NOT v.patient_id IS NULL AND NOT CAST(v.visit_id AS VARCHAR2(10)) IS NULL
    THEN 'I|' || v.patient_id || '|' || CAST(v.visit_id AS VARCHAR2(10))
  END AS visit_id,
  v.patient_id AS patient_id,
  'inpatient' AS visit_type,
  v.dept_admission_to AS department,
  v.admission_date_time AS started_at,
  v.discharge_date_time AS ended_at,
  CAST(NULL AS DATE) AS updated_at,
  'PAT_VISIT' AS source_table
FROM pat_visit v
UNION ALL
SELECT
  CASE
    WHEN NOT SUBSTR(CAST(c.visit_date AS VARCHAR2(30)), 1, 10) IS NULL
    AND NOT CAST(c.visit_no AS VARCHAR2(10)) IS NULL
    THEN 'O|' || SUBSTR(CAST(c.visit_date AS VARCHAR2(30)), 1, 10) || '|' || CAST(c.visit_no AS VARCHAR2(10))
  END,
  c.patient_id,
  'outpatient',
  c.visit_dept,
  c.visit_date,
  c.visit_date,
  NULL,
  'CLINIC_MASTER'
FROM clinic_master c
WHERE
  c.returned_date IS NULL
) t
WHERE t.started_at >= TO_DATE(:from_date, 'YYYYMMDD') AND t.started_at < TO_DATE(:to_date, 'YYYYMMDD') AND ROWNUM <= 100;

-- sample document
-- binds: from_date, to_date
SELECT RAWTOHEX(UTL_RAW.CAST_TO_RAW(t.document_id)) AS document_id, RAWTOHEX(UTL_RAW.CAST_TO_RAW(t.kind)) AS kind, RAWTOHEX(UTL_RAW.CAST_TO_RAW(t.text)) AS text FROM (
SELECT 'J|' || f.file_unique_id AS document_id,
       NVL2(f.visit_id, 'I|' || f.patient_id || '|' || CAST(f.visit_id AS VARCHAR(10)), NULL) AS visit_id,
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
       TO_CLOB(NVL2(o.illness_desc, '【主诉】' || o.illness_desc, '')) || TO_CLOB(NVL2(o.med_history, '【现病史】' || o.med_history, ''))
         || TO_CLOB(NVL2(o.anamnesis, '【既往史】' || o.anamnesis, '')) || TO_CLOB(NVL2(o.family_ill, '【家族史】' || o.family_ill, ''))
         || TO_CLOB(NVL2(o.body_exam, '【查体】' || o.body_exam, '')) || TO_CLOB(NVL2(o.diag_desc, '【诊断】' || o.diag_desc, ''))
         || TO_CLOB(NVL2(o.advice, '【处理】' || o.advice, '')),
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
       TO_CLOB(NVL2(e.clin_symp, '【临床症状】' || e.clin_symp, '')) || TO_CLOB(NVL2(e.phys_sign, '【体征】' || e.phys_sign, ''))
         || TO_CLOB(NVL2(e.clin_diag, '【临床诊断】' || e.clin_diag, '')),
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
       TO_CLOB('【临床诊断】' || m.relevant_clinic_diag),
       NULL,
       'LAB_TEST_MASTER'
FROM lab_test_master m
WHERE m.relevant_clinic_diag IS NOT NULL
) t
WHERE t.written_at >= TO_DATE(:from_date, 'YYYYMMDD') AND t.written_at < TO_DATE(:to_date, 'YYYYMMDD') AND ROWNUM <= 100;

-- sample lab
-- binds: from_date, to_date
SELECT RAWTOHEX(UTL_RAW.CAST_TO_RAW(t.result_id)) AS result_id, RAWTOHEX(UTL_RAW.CAST_TO_RAW(t.code)) AS code, RAWTOHEX(UTL_RAW.CAST_TO_RAW(t.name)) AS name, RAWTOHEX(UTL_RAW.CAST_TO_RAW(t.raw_value)) AS raw_value, RAWTOHEX(UTL_RAW.CAST_TO_RAW(t.unit)) AS unit, RAWTOHEX(UTL_RAW.CAST_TO_RAW(t.reference_range)) AS reference_range FROM (
SELECT
  CASE
    WHEN NOT r.test_no IS NULL
    AND NOT CAST(r.item_no AS VARCHAR2(10)) IS NULL
    AND NOT CAST(r.print_order AS VARCHAR2(10)) IS NULL
    THEN r.test_no || '|' || CAST(r.item_no AS VARCHAR2(10)) || '|' || CAST(r.print_order AS VARCHAR2(10))
  END AS result_id,
  CASE
    WHEN NVL(CAST(m.visit_id AS VARCHAR2(10)), '0') <> '0'
    THEN CASE
      WHEN NOT m.patient_id IS NULL AND NOT CAST(m.visit_id AS VARCHAR2(10)) IS NULL
      THEN 'I|' || m.patient_id || '|' || CAST(m.visit_id AS VARCHAR2(10))
    END
  END AS visit_id,
  m.patient_id AS patient_id,
  r.report_item_code AS code,
  r.report_item_name AS name,
  m.spcm_sample_date_time AS specimen_at,
  NVL(r.result_date_time, m.results_rpt_date_time) AS reported_at,
  r.result AS raw_value,
  r.units AS unit,
  r.reference_result AS reference_range,
  r.result_date_time AS updated_at,
  'LAB_RESULT' AS source_table
FROM lab_result r
LEFT JOIN lab_test_master m
  ON m.test_no = r.test_no
WHERE
  NVL(m.result_status, '4') = '4'
) t
WHERE t.specimen_at >= TO_DATE(:from_date, 'YYYYMMDD') AND t.specimen_at < TO_DATE(:to_date, 'YYYYMMDD') AND ROWNUM <= 100;

-- sample diagnosis
-- binds: from_date, to_date
SELECT RAWTOHEX(UTL_RAW.CAST_TO_RAW(t.diagnosis_id)) AS diagnosis_id, RAWTOHEX(UTL_RAW.CAST_TO_RAW(t.code_system)) AS code_system, RAWTOHEX(UTL_RAW.CAST_TO_RAW(t.code)) AS code, RAWTOHEX(UTL_RAW.CAST_TO_RAW(t.name)) AS name FROM (
SELECT
  CASE
    WHEN NOT d.patient_id IS NULL
    AND NOT CAST(d.visit_id AS VARCHAR2(10)) IS NULL
    AND NOT d.diagnosis_type IS NULL
    AND NOT CAST(d.diagnosis_no AS VARCHAR2(10)) IS NULL
    THEN 'I|' || d.patient_id || '|' || CAST(d.visit_id AS VARCHAR2(10)) || '|' || d.diagnosis_type || '|' || CAST(d.diagnosis_no AS VARCHAR2(10))
  END AS diagnosis_id,
  CASE
    WHEN NOT d.patient_id IS NULL AND NOT CAST(d.visit_id AS VARCHAR2(10)) IS NULL
    THEN 'I|' || d.patient_id || '|' || CAST(d.visit_id AS VARCHAR2(10))
  END AS visit_id,
  d.patient_id AS patient_id,
  'ICD-10' AS code_system,
  d.diagnosis_code AS code,
  d.diagnosis_desc AS name,
  d.diagnosis_date AS diagnosed_at,
  CAST(NULL AS DATE) AS updated_at,
  'DIAGNOSIS' AS source_table
FROM diagnosis d
UNION ALL
SELECT
  CASE
    WHEN NOT o.patient_id IS NULL
    AND NOT SUBSTR(CAST(o.visit_date AS VARCHAR2(30)), 1, 10) IS NULL
    AND NOT CAST(o.visit_no AS VARCHAR2(10)) IS NULL
    AND NOT CAST(o.ordinal AS VARCHAR2(10)) IS NULL
    THEN 'O|' || o.patient_id || '|' || SUBSTR(CAST(o.visit_date AS VARCHAR2(30)), 1, 10) || '|' || CAST(o.visit_no AS VARCHAR2(10)) || '|' || CAST(o.ordinal AS VARCHAR2(10))
  END,
  CASE
    WHEN NOT SUBSTR(CAST(o.visit_date AS VARCHAR2(30)), 1, 10) IS NULL
    AND NOT CAST(o.visit_no AS VARCHAR2(10)) IS NULL
    THEN 'O|' || SUBSTR(CAST(o.visit_date AS VARCHAR2(30)), 1, 10) || '|' || CAST(o.visit_no AS VARCHAR2(10))
  END,
  o.patient_id,
  'ICD-10',
  o.diag_code,
  o.diag_desc,
  o.visit_date,
  NULL,
  'OUTP_MR'
FROM outp_mr o
WHERE
  NOT o.diag_desc IS NULL OR NOT o.diag_code IS NULL
) t
WHERE t.diagnosed_at >= TO_DATE(:from_date, 'YYYYMMDD') AND t.diagnosed_at < TO_DATE(:to_date, 'YYYYMMDD') AND ROWNUM <= 100;

-- sample medication
-- binds: from_date, to_date
SELECT RAWTOHEX(UTL_RAW.CAST_TO_RAW(t.medication_id)) AS medication_id, RAWTOHEX(UTL_RAW.CAST_TO_RAW(t.code)) AS code, RAWTOHEX(UTL_RAW.CAST_TO_RAW(t.name)) AS name, RAWTOHEX(UTL_RAW.CAST_TO_RAW(t.route)) AS route FROM (
SELECT
  CASE
    WHEN NOT o.patient_id IS NULL
    AND NOT CAST(o.visit_id AS VARCHAR2(10)) IS NULL
    AND NOT CAST(o.order_no AS VARCHAR2(10)) IS NULL
    AND NOT CAST(o.order_sub_no AS VARCHAR2(10)) IS NULL
    THEN 'I|' || o.patient_id || '|' || CAST(o.visit_id AS VARCHAR2(10)) || '|' || CAST(o.order_no AS VARCHAR2(10)) || '|' || CAST(o.order_sub_no AS VARCHAR2(10))
  END AS medication_id,
  CASE
    WHEN NOT o.patient_id IS NULL AND NOT CAST(o.visit_id AS VARCHAR2(10)) IS NULL
    THEN 'I|' || o.patient_id || '|' || CAST(o.visit_id AS VARCHAR2(10))
  END AS visit_id,
  o.patient_id AS patient_id,
  o.order_code AS code,
  o.order_text AS name,
  o.administration AS route,
  o.start_date_time AS started_at,
  o.stop_date_time AS ended_at,
  o.enter_date_time AS updated_at,
  'ORDERS' AS source_table
FROM orders o
WHERE
  o.order_class = 'A' AND NVL(o.order_status, '0') <> '4'
UNION ALL
SELECT
  CASE
    WHEN NOT SUBSTR(CAST(r.visit_date AS VARCHAR2(30)), 1, 10) IS NULL
    AND NOT CAST(r.visit_no AS VARCHAR2(10)) IS NULL
    AND NOT CAST(r.item_no AS VARCHAR2(10)) IS NULL
    THEN 'O|' || SUBSTR(CAST(r.visit_date AS VARCHAR2(30)), 1, 10) || '|' || CAST(r.visit_no AS VARCHAR2(10)) || '|' || CAST(r.item_no AS VARCHAR2(10))
  END,
  CASE
    WHEN NOT SUBSTR(CAST(r.visit_date AS VARCHAR2(30)), 1, 10) IS NULL
    AND NOT CAST(r.visit_no AS VARCHAR2(10)) IS NULL
    THEN 'O|' || SUBSTR(CAST(r.visit_date AS VARCHAR2(30)), 1, 10) || '|' || CAST(r.visit_no AS VARCHAR2(10))
  END,
  r.patient_id,
  r.drug_code,
  r.drug_name,
  r.administration,
  r.start_date_time,
  r.end_date_time,
  NULL,
  'OUTP_PRESC'
FROM outp_presc r
) t
WHERE t.started_at >= TO_DATE(:from_date, 'YYYYMMDD') AND t.started_at < TO_DATE(:to_date, 'YYYYMMDD') AND ROWNUM <= 100;

-- sample imaging
-- binds: from_date, to_date
SELECT RAWTOHEX(UTL_RAW.CAST_TO_RAW(t.imaging_id)) AS imaging_id, RAWTOHEX(UTL_RAW.CAST_TO_RAW(t.modality)) AS modality, RAWTOHEX(UTL_RAW.CAST_TO_RAW(t.body_part)) AS body_part, RAWTOHEX(UTL_RAW.CAST_TO_RAW(t.report_text)) AS report_text FROM (
SELECT e.exam_no AS imaging_id,
       CASE WHEN COALESCE(CAST(e.visit_id AS VARCHAR(10)), '0') <> '0'
            THEN 'I|' || e.patient_id || '|' || CAST(e.visit_id AS VARCHAR(10)) END AS visit_id,
       e.patient_id      AS patient_id,
       e.exam_class      AS modality,
       e.exam_sub_class  AS body_part,
       e.exam_date_time  AS performed_at,
       TO_CLOB(NVL2(r.description, '【检查所见】', '')) || r.description
         || TO_CLOB(NVL2(r.impression, '【印象】', '')) || r.impression AS report_text,
       e.report_date_time AS updated_at,
       'EXAM_MASTER'     AS source_table
FROM exam_master e
LEFT JOIN exam_report r ON r.exam_no = e.exam_no
) t
WHERE t.performed_at >= TO_DATE(:from_date, 'YYYYMMDD') AND t.performed_at < TO_DATE(:to_date, 'YYYYMMDD') AND ROWNUM <= 100;

-- sample procedure
-- binds: from_date, to_date
SELECT RAWTOHEX(UTL_RAW.CAST_TO_RAW(t.procedure_id)) AS procedure_id, RAWTOHEX(UTL_RAW.CAST_TO_RAW(t.code)) AS code, RAWTOHEX(UTL_RAW.CAST_TO_RAW(t.name)) AS name FROM (
SELECT
  CASE
    WHEN NOT o.patient_id IS NULL
    AND NOT CAST(o.visit_id AS VARCHAR2(10)) IS NULL
    AND NOT CAST(o.operation_no AS VARCHAR2(10)) IS NULL
    THEN 'P|' || o.patient_id || '|' || CAST(o.visit_id AS VARCHAR2(10)) || '|' || CAST(o.operation_no AS VARCHAR2(10))
  END AS procedure_id,
  CASE
    WHEN NOT o.patient_id IS NULL AND NOT CAST(o.visit_id AS VARCHAR2(10)) IS NULL
    THEN 'I|' || o.patient_id || '|' || CAST(o.visit_id AS VARCHAR2(10))
  END AS visit_id,
  o.patient_id AS patient_id,
  o.operation_code AS code,
  o.operation_desc AS name,
  o.operating_date AS performed_at,
  CAST(NULL AS DATE) AS updated_at,
  'OPERATION' AS source_table
FROM operation o
UNION ALL
SELECT
  CASE
    WHEN NOT b.patient_id IS NULL
    AND NOT CAST(b.visit_id AS VARCHAR2(10)) IS NULL
    AND NOT CAST(b.order_no AS VARCHAR2(10)) IS NULL
    AND NOT CAST(b.order_sub_no AS VARCHAR2(10)) IS NULL
    THEN 'I|' || b.patient_id || '|' || CAST(b.visit_id AS VARCHAR2(10)) || '|' || CAST(b.order_no AS VARCHAR2(10)) || '|' || CAST(b.order_sub_no AS VARCHAR2(10))
  END,
  CASE
    WHEN NOT b.patient_id IS NULL AND NOT CAST(b.visit_id AS VARCHAR2(10)) IS NULL
    THEN 'I|' || b.patient_id || '|' || CAST(b.visit_id AS VARCHAR2(10))
  END,
  b.patient_id,
  b.order_code,
  b.order_text,
  b.start_date_time,
  NULL,
  'ORDERS'
FROM orders b
WHERE
  b.order_class = 'B' AND NVL(b.order_status, '0') <> '4'
UNION ALL
SELECT
  CASE
    WHEN NOT SUBSTR(CAST(t.visit_date AS VARCHAR2(30)), 1, 10) IS NULL
    AND NOT CAST(t.visit_no AS VARCHAR2(10)) IS NULL
    AND NOT CAST(t.item_no AS VARCHAR2(10)) IS NULL
    THEN 'O|' || SUBSTR(CAST(t.visit_date AS VARCHAR2(30)), 1, 10) || '|' || CAST(t.visit_no AS VARCHAR2(10)) || '|' || CAST(t.item_no AS VARCHAR2(10))
  END,
  CASE
    WHEN NOT SUBSTR(CAST(t.visit_date AS VARCHAR2(30)), 1, 10) IS NULL
    AND NOT CAST(t.visit_no AS VARCHAR2(10)) IS NULL
    THEN 'O|' || SUBSTR(CAST(t.visit_date AS VARCHAR2(30)), 1, 10) || '|' || CAST(t.visit_no AS VARCHAR2(10))
  END,
  t.patient_id,
  t.item_code,
  t.item_name,
  t.performed_date_time,
  NULL,
  'OUTP_TREAT_REC'
FROM outp_treat_rec t
) t
WHERE t.performed_at >= TO_DATE(:from_date, 'YYYYMMDD') AND t.performed_at < TO_DATE(:to_date, 'YYYYMMDD') AND ROWNUM <= 100;

-- sample scale
-- binds: from_date, to_date
SELECT RAWTOHEX(UTL_RAW.CAST_TO_RAW(t.scale_id)) AS scale_id, RAWTOHEX(UTL_RAW.CAST_TO_RAW(t.code)) AS code, RAWTOHEX(UTL_RAW.CAST_TO_RAW(t.name)) AS name, RAWTOHEX(UTL_RAW.CAST_TO_RAW(t.raw_value)) AS raw_value FROM (
SELECT
  CASE
    WHEN NOT s.patient_id IS NULL
    AND NOT CAST(s.time_point AS VARCHAR2(30)) IS NULL
    AND NOT s.vital_signs IS NULL
    THEN s.patient_id || '|' || CAST(s.time_point AS VARCHAR2(30)) || '|' || s.vital_signs
  END AS scale_id,
  CASE
    WHEN NVL(CAST(s.visit_id AS VARCHAR2(10)), '0') <> '0'
    THEN CASE
      WHEN NOT s.patient_id IS NULL AND NOT CAST(s.visit_id AS VARCHAR2(10)) IS NULL
      THEN 'I|' || s.patient_id || '|' || CAST(s.visit_id AS VARCHAR2(10))
    END
  END AS visit_id,
  s.patient_id AS patient_id,
  CAST(NULL AS VARCHAR2(64)) AS code,
  s.vital_signs AS name,
  s.time_point AS measured_at,
  s.vital_signs_cvalues AS raw_value,
  s.vital_signs_values AS raw_number,
  CAST(NULL AS DATE) AS updated_at,
  'VITAL_SIGNS_REC' AS source_table
FROM vital_signs_rec s
) t
WHERE t.measured_at >= TO_DATE(:from_date, 'YYYYMMDD') AND t.measured_at < TO_DATE(:to_date, 'YYYYMMDD') AND ROWNUM <= 100;
