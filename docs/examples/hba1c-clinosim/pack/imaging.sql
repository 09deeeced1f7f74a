-- name: imaging
-- purpose: imaging orders; the export has no reports
-- params: none
-- grain: one row per order_id
-- phi: dates
SELECT o.order_id      AS imaging_id,
       o.encounter_id  AS visit_id,
       o.patient_id    AS patient_id,
       o.display_name  AS modality,
       NULL            AS body_part,
       REPLACE(SUBSTR(o.ordered_datetime, 1, 19), 'T', ' ') AS performed_at,
       NULL            AS report_text,
       NULL            AS updated_at,
       'orders'        AS source_table
FROM orders o
WHERE o.order_type = 'imaging'
