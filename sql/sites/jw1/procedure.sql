-- name: procedure
-- purpose: operations of stays, treatment orders that were not voided, outpatient treatments
-- params: none
-- grain: one row per operation, per treatment order, per outpatient treatment
-- phi: dates
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
