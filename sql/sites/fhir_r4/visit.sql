-- name: visit
-- purpose: encounters that have begun, by their visit number (identifier of type VN), else their first identifier, else their id
-- params: none
-- grain: one row per Encounter
-- phi: dates
SELECT v.visit_id AS visit_id,
       COALESCE(s.patient_id, NULLIF(REGEXP_EXTRACT(r.subject['reference'], '(?:^|/)Patient/([^/]+)', 1), '')) AS patient_id,
       CASE r.class['code'] WHEN 'AMB' THEN 'outpatient' WHEN 'IMP' THEN 'inpatient' WHEN 'EMER' THEN 'emergency'
                            ELSE r.class['code'] END AS visit_type,
       COALESCE(r.serviceType['text'], r.serviceType['coding'][1]['display'],
                r.serviceProvider['display'], r.serviceProvider['reference']) AS department,
       COALESCE(CAST(CAST(TRY_CAST(r.period['start'] AS TIMESTAMPTZ) AS TIMESTAMP) AS VARCHAR), r.period['start']) AS started_at,
       COALESCE(CAST(CAST(TRY_CAST(r.period['end'] AS TIMESTAMPTZ) AS TIMESTAMP) AS VARCHAR), r.period['end']) AS ended_at,
       COALESCE(CAST(CAST(TRY_CAST(r.meta['lastUpdated'] AS TIMESTAMPTZ) AS TIMESTAMP) AS VARCHAR), r.meta['lastUpdated']) AS updated_at,
       'Encounter' AS source_table
FROM Encounter r
LEFT JOIN (SELECT e.id, COALESCE([i['value'] FOR i IN e.identifier
                                  IF list_contains([c['code'] FOR c IN i['type']['coding']], 'VN')][1],
                                e.identifier[1]['value'], e.id) AS visit_id
           FROM Encounter e) v ON v.id = r.id
LEFT JOIN (SELECT p.id, COALESCE([i['value'] FOR i IN p.identifier
                                  IF list_contains([c['code'] FOR c IN i['type']['coding']], 'MR')][1],
                                p.identifier[1]['value'], p.id) AS patient_id
           FROM Patient p) s ON s.id = NULLIF(REGEXP_EXTRACT(r.subject['reference'], '(?:^|/)Patient/([^/]+)', 1), '')
WHERE COALESCE(r.status, '') NOT IN ('entered-in-error', 'cancelled', 'planned')
