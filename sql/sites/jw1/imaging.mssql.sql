-- name: imaging
-- purpose: (SQL Server: the report nvarchar(max), or joining would cut it at 4,000) examinations with their reports
-- params: none
-- grain: one row per examination
-- phi: free text
SELECT e.exam_no AS imaging_id,
       CASE WHEN COALESCE(CAST(e.visit_id AS VARCHAR(10)), '0') <> '0'
            THEN 'I|' + e.patient_id + '|' + CAST(e.visit_id AS VARCHAR(10)) END AS visit_id,
       e.patient_id      AS patient_id,
       e.exam_class      AS modality,
       e.exam_sub_class  AS body_part,
       e.exam_date_time  AS performed_at,
       COALESCE(N'【检查所见】' + CAST(r.description AS NVARCHAR(MAX)), N'')
         + COALESCE(N'【印象】' + CAST(r.impression AS NVARCHAR(MAX)), N'') AS report_text,
       e.report_date_time AS updated_at,
       'EXAM_MASTER'     AS source_table
FROM exam_master e
LEFT JOIN exam_report r ON r.exam_no = e.exam_no
