-- name: lab
-- purpose: laboratory results; this export has no SUBJECT_ID, so the patient is known through HADM_ID only
-- params: none
-- grain: one row per result; results of one item at one time are numbered by their value
-- phi: values
-- A result without HADM_ID keeps neither visit nor patient here: it is delivered so, and counted.
SELECT COALESCE(r.hadm_id, '') || '|' || r.itemid || '|' || r.charttime || '|' || CAST(r.nth AS VARCHAR(10)) AS result_id,
       r.hadm_id    AS visit_id,
       a.subject_id AS patient_id,
       r.itemid     AS code,
       i.label      AS name,
       r.charttime  AS specimen_at,
       r.charttime  AS reported_at,
       r.value      AS raw_value,
       r.valueuom   AS unit,
       NULL         AS reference_range,
       NULL         AS updated_at,
       'LABEVENTS'  AS source_table
FROM (SELECT l.hadm_id, l.itemid, l.charttime, l.value, l.valueuom,
             ROW_NUMBER() OVER (PARTITION BY l.hadm_id, l.itemid, l.charttime
                                ORDER BY l.value, l.valueuom, l.flag) AS nth
      FROM labevents l) r
LEFT JOIN admissions a ON a.hadm_id = r.hadm_id
LEFT JOIN d_labitems i ON i.itemid = r.itemid
