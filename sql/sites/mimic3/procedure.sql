-- name: procedure
-- purpose: billed ICD-9 procedures; the source has no time of its own, so they are dated by the admission
-- params: none
-- grain: one row per ROW_ID
-- phi: procedures
-- The export writes M/D/YY, the laboratory full dates: the laboratory of the stay tells the century.
SELECT p.row_id     AS procedure_id,
       p.hadm_id    AS visit_id,
       p.subject_id AS patient_id,
       p.icd9_code  AS code,
       t.long_title AS name,
       v.admitted   AS performed_at,
       NULL         AS updated_at,
       'PROCEDURES_ICD' AS source_table
FROM procedures_icd p
LEFT JOIN d_icd_procedures t ON t.icd9_code = p.icd9_code
LEFT JOIN (SELECT a.hadm_id, a.subject_id, a.diagnosis,
             CASE WHEN SPLIT_PART(SPLIT_PART(a.admittime, ' ', 1), '/', 3) < '20' AND l.first_at >= '2199-12' THEN '22' ELSE '21' END || SPLIT_PART(SPLIT_PART(a.admittime, ' ', 1), '/', 3) || '-' || LPAD(SPLIT_PART(a.admittime, '/', 1), 2, '0') || '-'
             || LPAD(SPLIT_PART(a.admittime, '/', 2), 2, '0') || ' ' || LPAD(SPLIT_PART(a.admittime, ' ', 2), 5, '0') || ':00' AS admitted,
             CASE WHEN SPLIT_PART(SPLIT_PART(a.dischtime, ' ', 1), '/', 3) < '20' AND l.last_at >= '2199-12' THEN '22' ELSE '21' END || SPLIT_PART(SPLIT_PART(a.dischtime, ' ', 1), '/', 3) || '-' || LPAD(SPLIT_PART(a.dischtime, '/', 1), 2, '0') || '-'
             || LPAD(SPLIT_PART(a.dischtime, '/', 2), 2, '0') || ' ' || LPAD(SPLIT_PART(a.dischtime, ' ', 2), 5, '0') || ':00' AS discharged
      FROM admissions a
      LEFT JOIN (SELECT l.hadm_id, MIN(l.charttime) AS first_at, MAX(l.charttime) AS last_at
           FROM labevents l GROUP BY l.hadm_id) l ON l.hadm_id = a.hadm_id) v ON v.hadm_id = p.hadm_id
