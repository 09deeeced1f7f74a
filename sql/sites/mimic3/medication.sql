-- name: medication
-- purpose: drugs as prescribed
-- params: none
-- grain: one row per ROW_ID
-- phi: drugs
SELECT p.row_id     AS medication_id,
       p.hadm_id    AS visit_id,
       p.subject_id AS patient_id,
       p.ndc        AS code,
       p.drug       AS name,
       p.route      AS route,
       p.startdate  AS started_at,
       p.enddate    AS ended_at,
       NULL         AS updated_at,
       'PRESCRIPTIONS' AS source_table
FROM prescriptions p
