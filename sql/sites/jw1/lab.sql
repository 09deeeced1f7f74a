-- name: lab
-- purpose: laboratory results; the patient is known only through TEST_NO, the visit often not at all
-- params: none
-- grain: one row per reported item; what the laboratory has not released is counted, not delivered
-- phi: values
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
