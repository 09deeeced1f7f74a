-- name: visit
-- purpose: hospital admissions
-- params: none
-- grain: one row per HADM_ID
-- phi: dates (shifted by the publisher)
-- The export writes M/D/YY, the laboratory full dates: the laboratory of the stay tells the century.
SELECT v.hadm_id    AS visit_id,
       v.subject_id AS patient_id,
       'inpatient'  AS visit_type,
       NULL         AS department,
       v.admitted   AS started_at,
       v.discharged AS ended_at,
       NULL         AS updated_at,
       'ADMISSIONS' AS source_table
FROM (SELECT a.hadm_id, a.subject_id, a.diagnosis,
             CASE WHEN SPLIT_PART(SPLIT_PART(a.admittime, ' ', 1), '/', 3) < '20' AND l.first_at >= '2199-12' THEN '22' ELSE '21' END || SPLIT_PART(SPLIT_PART(a.admittime, ' ', 1), '/', 3) || '-' || LPAD(SPLIT_PART(a.admittime, '/', 1), 2, '0') || '-'
             || LPAD(SPLIT_PART(a.admittime, '/', 2), 2, '0') || ' ' || LPAD(SPLIT_PART(a.admittime, ' ', 2), 5, '0') || ':00' AS admitted,
             CASE WHEN SPLIT_PART(SPLIT_PART(a.dischtime, ' ', 1), '/', 3) < '20' AND l.last_at >= '2199-12' THEN '22' ELSE '21' END || SPLIT_PART(SPLIT_PART(a.dischtime, ' ', 1), '/', 3) || '-' || LPAD(SPLIT_PART(a.dischtime, '/', 1), 2, '0') || '-'
             || LPAD(SPLIT_PART(a.dischtime, '/', 2), 2, '0') || ' ' || LPAD(SPLIT_PART(a.dischtime, ' ', 2), 5, '0') || ':00' AS discharged
      FROM admissions a
      LEFT JOIN (SELECT l.hadm_id, MIN(l.charttime) AS first_at, MAX(l.charttime) AS last_at
           FROM labevents l GROUP BY l.hadm_id) l ON l.hadm_id = a.hadm_id) v
