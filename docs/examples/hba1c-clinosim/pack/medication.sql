-- name: medication
-- purpose: drug orders; prescriptions carry neither a date nor an encounter and are counted instead
-- params: none
-- grain: one row per order_id
-- phi: drugs
SELECT o.order_id      AS medication_id,
       o.encounter_id  AS visit_id,
       o.patient_id    AS patient_id,
       NULL            AS code,
       o.display_name  AS name,
       NULL            AS route,
       REPLACE(SUBSTR(o.ordered_datetime, 1, 19), 'T', ' ') AS started_at,
       NULL            AS ended_at,
       NULL            AS updated_at,
       'orders'        AS source_table
FROM orders o
WHERE o.order_type = 'medication'
