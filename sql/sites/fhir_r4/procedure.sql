-- name: procedure
-- purpose: procedures that were done
-- params: none
-- grain: one row per Procedure
-- phi: dates
SELECT r.id AS procedure_id,
       COALESCE(v.visit_id, NULLIF(REGEXP_EXTRACT(r.encounter['reference'], '(?:^|/)Encounter/([^/]+)', 1), '')) AS visit_id,
       COALESCE(s.patient_id, NULLIF(REGEXP_EXTRACT(r.subject['reference'], '(?:^|/)Patient/([^/]+)', 1), '')) AS patient_id,
       r.code['coding'][1]['code'] AS code,
       COALESCE(r.code['text'], r.code['coding'][1]['display']) AS name,
       COALESCE(CAST(CAST(TRY_CAST(COALESCE(r.performedDateTime, r.performedPeriod['start']) AS TIMESTAMPTZ) AS TIMESTAMP) AS VARCHAR), COALESCE(r.performedDateTime, r.performedPeriod['start'])) AS performed_at,
       COALESCE(CAST(CAST(TRY_CAST(r.meta['lastUpdated'] AS TIMESTAMPTZ) AS TIMESTAMP) AS VARCHAR), r.meta['lastUpdated']) AS updated_at,
       'Procedure' AS source_table
FROM Procedure r
LEFT JOIN (SELECT p.id, COALESCE([i['value'] FOR i IN p.identifier
                                  IF list_contains([c['code'] FOR c IN i['type']['coding']], 'MR')][1],
                                p.identifier[1]['value'], p.id) AS patient_id
           FROM Patient p) s ON s.id = NULLIF(REGEXP_EXTRACT(r.subject['reference'], '(?:^|/)Patient/([^/]+)', 1), '')
LEFT JOIN (SELECT e.id, COALESCE([i['value'] FOR i IN e.identifier
                                  IF list_contains([c['code'] FOR c IN i['type']['coding']], 'VN')][1],
                                e.identifier[1]['value'], e.id) AS visit_id
           FROM Encounter e) v ON v.id = NULLIF(REGEXP_EXTRACT(r.encounter['reference'], '(?:^|/)Encounter/([^/]+)', 1), '')
WHERE COALESCE(r.status, '') NOT IN ('entered-in-error', 'not-done')
