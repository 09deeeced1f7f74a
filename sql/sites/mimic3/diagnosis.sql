-- name: diagnosis
-- purpose: billed ICD-9 codes, dated by the discharge they were coded at, and the admission's own words
-- params: none
-- grain: one row per code of a stay (C), one per stay (W)
-- phi: diagnoses
-- The export writes M/D/YY, the laboratory full dates: the laboratory of the stay tells the century.
SELECT 'C|' || d.row_id AS diagnosis_id,
       d.hadm_id        AS visit_id,
       d.subject_id     AS patient_id,
       'ICD-9-CM'       AS code_system,
       CASE WHEN d.icd9_code LIKE 'E____%' THEN SUBSTR(d.icd9_code, 1, 4) || '.' || SUBSTR(d.icd9_code, 5)
            WHEN d.icd9_code NOT LIKE 'E%' AND LENGTH(d.icd9_code) > 3
            THEN SUBSTR(d.icd9_code, 1, 3) || '.' || SUBSTR(d.icd9_code, 4)
            ELSE d.icd9_code END AS code,
       t.long_title     AS name,
       v.discharged     AS diagnosed_at,
       NULL             AS updated_at,
       'DIAGNOSES_ICD'  AS source_table
FROM diagnoses_icd d
LEFT JOIN d_icd_diagnoses t ON t.icd9_code = d.icd9_code
LEFT JOIN (SELECT a.hadm_id, a.subject_id, a.diagnosis,
             CASE WHEN SPLIT_PART(SPLIT_PART(a.admittime, ' ', 1), '/', 3) < '20' AND l.first_at >= '2199-12' THEN '22' ELSE '21' END || SPLIT_PART(SPLIT_PART(a.admittime, ' ', 1), '/', 3) || '-' || LPAD(SPLIT_PART(a.admittime, '/', 1), 2, '0') || '-'
             || LPAD(SPLIT_PART(a.admittime, '/', 2), 2, '0') || ' ' || LPAD(SPLIT_PART(a.admittime, ' ', 2), 5, '0') || ':00' AS admitted,
             CASE WHEN SPLIT_PART(SPLIT_PART(a.dischtime, ' ', 1), '/', 3) < '20' AND l.last_at >= '2199-12' THEN '22' ELSE '21' END || SPLIT_PART(SPLIT_PART(a.dischtime, ' ', 1), '/', 3) || '-' || LPAD(SPLIT_PART(a.dischtime, '/', 1), 2, '0') || '-'
             || LPAD(SPLIT_PART(a.dischtime, '/', 2), 2, '0') || ' ' || LPAD(SPLIT_PART(a.dischtime, ' ', 2), 5, '0') || ':00' AS discharged
      FROM admissions a
      LEFT JOIN (SELECT l.hadm_id, MIN(l.charttime) AS first_at, MAX(l.charttime) AS last_at
           FROM labevents l GROUP BY l.hadm_id) l ON l.hadm_id = a.hadm_id) v ON v.hadm_id = d.hadm_id
UNION ALL
SELECT 'W|' || w.hadm_id,
       w.hadm_id,
       w.subject_id,
       'words',
       NULL,
       w.diagnosis,
       w.admitted,
       NULL,
       'ADMISSIONS'
FROM (SELECT a.hadm_id, a.subject_id, a.diagnosis,
             CASE WHEN SPLIT_PART(SPLIT_PART(a.admittime, ' ', 1), '/', 3) < '20' AND l.first_at >= '2199-12' THEN '22' ELSE '21' END || SPLIT_PART(SPLIT_PART(a.admittime, ' ', 1), '/', 3) || '-' || LPAD(SPLIT_PART(a.admittime, '/', 1), 2, '0') || '-'
             || LPAD(SPLIT_PART(a.admittime, '/', 2), 2, '0') || ' ' || LPAD(SPLIT_PART(a.admittime, ' ', 2), 5, '0') || ':00' AS admitted,
             CASE WHEN SPLIT_PART(SPLIT_PART(a.dischtime, ' ', 1), '/', 3) < '20' AND l.last_at >= '2199-12' THEN '22' ELSE '21' END || SPLIT_PART(SPLIT_PART(a.dischtime, ' ', 1), '/', 3) || '-' || LPAD(SPLIT_PART(a.dischtime, '/', 1), 2, '0') || '-'
             || LPAD(SPLIT_PART(a.dischtime, '/', 2), 2, '0') || ' ' || LPAD(SPLIT_PART(a.dischtime, ' ', 2), 5, '0') || ':00' AS discharged
      FROM admissions a
      LEFT JOIN (SELECT l.hadm_id, MIN(l.charttime) AS first_at, MAX(l.charttime) AS last_at
           FROM labevents l GROUP BY l.hadm_id) l ON l.hadm_id = a.hadm_id) w
WHERE w.diagnosis IS NOT NULL
