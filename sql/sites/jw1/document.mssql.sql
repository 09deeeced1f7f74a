-- name: document
-- purpose: (SQL Server: every branch nvarchar(max), or joining would cut it at 4,000) all free text about a patient
-- params: none
-- grain: one row per note, per outpatient record, per request that carries a text
-- phi: free text
SELECT 'J|' + f.file_unique_id AS document_id,
       'I|' + f.patient_id + '|' + CAST(f.visit_id AS VARCHAR(10)) AS visit_id,
       f.patient_id             AS patient_id,
       f.topic                  AS kind,
       f.caption_date_time      AS written_at,
       CAST(t.mr_content AS NVARCHAR(MAX)) AS text,
       f.last_modify_date_time  AS updated_at,
       'JHMR_FILE_CONTENT_TEXT' AS source_table
FROM jhmr_file_index f
LEFT JOIN jhmr_file_content_text t ON t.file_unique_id = f.file_unique_id
WHERE COALESCE(f.delete_flag, '0') <> '1' AND COALESCE(f.file_flag, ' ') <> 'T'
UNION ALL
SELECT 'M|' + o.patient_id + '|' + SUBSTRING(CONVERT(VARCHAR(30), o.visit_date, 120), 1, 10) + '|'
            + CAST(o.visit_no AS VARCHAR(10)) + '|' + CAST(o.ordinal AS VARCHAR(10)),
       'O|' + SUBSTRING(CONVERT(VARCHAR(30), o.visit_date, 120), 1, 10) + '|' + CAST(o.visit_no AS VARCHAR(10)),
       o.patient_id,
       N'门诊病历',
       o.visit_date,
       COALESCE(N'【主诉】' + CAST(o.illness_desc AS NVARCHAR(MAX)), N'')
         + COALESCE(N'【现病史】' + CAST(o.med_history AS NVARCHAR(MAX)), N'')
         + COALESCE(N'【既往史】' + CAST(o.anamnesis AS NVARCHAR(MAX)), N'')
         + COALESCE(N'【家族史】' + CAST(o.family_ill AS NVARCHAR(MAX)), N'')
         + COALESCE(N'【查体】' + CAST(o.body_exam AS NVARCHAR(MAX)), N'')
         + COALESCE(N'【诊断】' + CAST(o.diag_desc AS NVARCHAR(MAX)), N'')
         + COALESCE(N'【处理】' + CAST(o.advice AS NVARCHAR(MAX)), N''),
       NULL,
       'OUTP_MR'
FROM outp_mr o
UNION ALL
SELECT 'E|' + e.exam_no,
       CASE WHEN COALESCE(CAST(e.visit_id AS VARCHAR(10)), '0') <> '0'
            THEN 'I|' + e.patient_id + '|' + CAST(e.visit_id AS VARCHAR(10)) END,
       e.patient_id,
       N'检查申请',
       e.req_date_time,
       COALESCE(N'【临床症状】' + CAST(e.clin_symp AS NVARCHAR(MAX)), N'')
         + COALESCE(N'【体征】' + CAST(e.phys_sign AS NVARCHAR(MAX)), N'')
         + COALESCE(N'【临床诊断】' + CAST(e.clin_diag AS NVARCHAR(MAX)), N''),
       NULL,
       'EXAM_MASTER'
FROM exam_master e
WHERE e.clin_symp IS NOT NULL OR e.phys_sign IS NOT NULL OR e.clin_diag IS NOT NULL
UNION ALL
SELECT 'L|' + m.test_no,
       CASE WHEN COALESCE(CAST(m.visit_id AS VARCHAR(10)), '0') <> '0'
            THEN 'I|' + m.patient_id + '|' + CAST(m.visit_id AS VARCHAR(10)) END,
       m.patient_id,
       N'检验申请',
       m.requested_date_time,
       N'【临床诊断】' + CAST(m.relevant_clinic_diag AS NVARCHAR(MAX)),
       NULL,
       'LAB_TEST_MASTER'
FROM lab_test_master m
WHERE m.relevant_clinic_diag IS NOT NULL
