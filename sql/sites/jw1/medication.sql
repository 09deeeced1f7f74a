-- name: medication
-- purpose: inpatient drug orders that were not voided, and outpatient prescriptions
-- params: none
-- grain: one row per order line
-- phi: dates
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
