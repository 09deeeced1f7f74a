-- name: imaging
-- purpose: (Oracle: the report a CLOB) examinations with their reports; outpatient ones carry no visit
-- params: none
-- grain: one row per examination
-- phi: free text
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
