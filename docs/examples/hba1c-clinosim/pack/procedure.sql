-- name: procedure
-- purpose: operations and other procedures; the export gives no encounter, and one id for several of them
-- params: none
-- grain: one row per procedure_id and start
-- phi: dates
SELECT p.procedure_id || '|' || p.start_datetime AS procedure_id,
       NULL             AS visit_id,
       p.patient_id     AS patient_id,
       p.procedure_code AS code,
       p.procedure_name AS name,
       REPLACE(SUBSTR(p.start_datetime, 1, 19), 'T', ' ') AS performed_at,
       NULL             AS updated_at,
       'procedures'     AS source_table
FROM procedures p
