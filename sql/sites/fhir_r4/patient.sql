-- name: patient
-- purpose: persons, by their medical record number (identifier of type MR), else their first identifier, else their id
-- params: none
-- grain: one row per Patient
-- phi: birth date
SELECT s.patient_id AS patient_id,
       CASE r.gender WHEN 'male' THEN 'M' WHEN 'female' THEN 'F' ELSE r.gender END AS sex,
       r.birthDate  AS birth_date,
       o.patient_id AS merged_into,
       COALESCE(CAST(CAST(TRY_CAST(r.meta['lastUpdated'] AS TIMESTAMPTZ) AS TIMESTAMP) AS VARCHAR), r.meta['lastUpdated']) AS updated_at,
       'Patient'    AS source_table
FROM Patient r
LEFT JOIN (SELECT p.id, COALESCE([i['value'] FOR i IN p.identifier
                                  IF list_contains([c['code'] FOR c IN i['type']['coding']], 'MR')][1],
                                p.identifier[1]['value'], p.id) AS patient_id
           FROM Patient p) s ON s.id = r.id
LEFT JOIN (SELECT p.id, COALESCE([i['value'] FOR i IN p.identifier
                                  IF list_contains([c['code'] FOR c IN i['type']['coding']], 'MR')][1],
                                p.identifier[1]['value'], p.id) AS patient_id
           FROM Patient p) o ON o.id = NULLIF(REGEXP_EXTRACT([k['other']['reference'] FOR k IN r.link IF k['type'] = 'replaced-by'][1], '(?:^|/)Patient/([^/]+)', 1), '')
