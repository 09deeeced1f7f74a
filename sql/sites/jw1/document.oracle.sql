-- name: document
-- purpose: (Oracle: every branch a CLOB) all free text about a patient: EMR notes, outpatient records, clinical notes on requests
-- params: none
-- grain: one row per note, per outpatient record, per request that carries a text
-- phi: free text
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
