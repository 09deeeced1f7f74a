-- name: medication
-- purpose: drug exposures
-- params: none
-- grain: one row per drug_exposure_id
-- phi: drugs
SELECT CAST(d.drug_exposure_id AS VARCHAR(20))    AS medication_id,
       CAST(d.visit_occurrence_id AS VARCHAR(20)) AS visit_id,
       CAST(d.person_id AS VARCHAR(20))           AS patient_id,
       d.drug_source_value                        AS code,
       COALESCE(c.concept_name, d.drug_source_value) AS name,
       d.route_source_value                       AS route,
       COALESCE(d.drug_exposure_start_datetime, d.drug_exposure_start_date) AS started_at,
       COALESCE(d.drug_exposure_end_datetime, d.drug_exposure_end_date)     AS ended_at,
       NULL            AS updated_at,
       'DRUG_EXPOSURE' AS source_table
FROM drug_exposure d
LEFT JOIN concept c ON c.concept_id = d.drug_concept_id
