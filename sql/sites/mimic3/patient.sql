-- name: patient
-- purpose: every patient; a birth date that was moved three centuries back (older than 89) is withheld, and counted
-- params: none
-- grain: one row per SUBJECT_ID
-- phi: birth date (shifted by the publisher)
-- The export writes M/D/YY: the century is the last one that is not after the first admission.
SELECT b.subject_id AS patient_id,
       b.gender     AS sex,
       CASE WHEN b.day IS NULL THEN NULL
            WHEN '22' || b.day <= b.first_at THEN '22' || b.day
            WHEN '21' || b.day <= b.first_at THEN '21' || b.day
            ELSE '20' || b.day END AS birth_date,
       NULL         AS merged_into,
       NULL         AS updated_at,
       'PATIENTS'   AS source_table
FROM (SELECT p.subject_id, p.gender,
             CASE WHEN p.dob LIKE '%/%'
                  THEN SPLIT_PART(SPLIT_PART(p.dob, ' ', 1), '/', 3) || '-'
                       || LPAD(SPLIT_PART(p.dob, '/', 1), 2, '0') || '-' || LPAD(SPLIT_PART(p.dob, '/', 2), 2, '0')
             END AS day,
             (SELECT MIN(l.charttime)
              FROM admissions a
              JOIN labevents l ON l.hadm_id = a.hadm_id
              WHERE a.subject_id = p.subject_id) AS first_at
      FROM patients p) b
