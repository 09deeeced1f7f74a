-- name: medication
-- purpose: prescriptions; what was given or taken is not in it
-- params: none
-- grain: one row per MedicationRequest
-- phi: drugs
SELECT r.id AS medication_id,
       COALESCE(v.visit_id, NULLIF(REGEXP_EXTRACT(r.encounter['reference'], '(?:^|/)Encounter/([^/]+)', 1), '')) AS visit_id,
       COALESCE(s.patient_id, NULLIF(REGEXP_EXTRACT(r.subject['reference'], '(?:^|/)Patient/([^/]+)', 1), '')) AS patient_id,
       COALESCE(r.medicationCodeableConcept['coding'][1]['code'], m.code['coding'][1]['code']) AS code,
       COALESCE(r.medicationCodeableConcept['text'], r.medicationCodeableConcept['coding'][1]['display'],
                m.code['text'], m.code['coding'][1]['display'], r.medicationReference['display']) AS name,
       COALESCE(r.dosageInstruction[1]['route']['text'],
                r.dosageInstruction[1]['route']['coding'][1]['display']) AS route,
       COALESCE(CAST(CAST(TRY_CAST(COALESCE(r.authoredOn, r.dispenseRequest['validityPeriod']['start']) AS TIMESTAMPTZ) AS TIMESTAMP) AS VARCHAR), COALESCE(r.authoredOn, r.dispenseRequest['validityPeriod']['start'])) AS started_at,
       COALESCE(CAST(CAST(TRY_CAST(r.dispenseRequest['validityPeriod']['end'] AS TIMESTAMPTZ) AS TIMESTAMP) AS VARCHAR), r.dispenseRequest['validityPeriod']['end']) AS ended_at,
       COALESCE(CAST(CAST(TRY_CAST(r.meta['lastUpdated'] AS TIMESTAMPTZ) AS TIMESTAMP) AS VARCHAR), r.meta['lastUpdated']) AS updated_at,
       'MedicationRequest' AS source_table
FROM MedicationRequest r
LEFT JOIN Medication m ON m.id = NULLIF(REGEXP_EXTRACT(r.medicationReference['reference'], '(?:^|/)Medication/([^/]+)', 1), '')
LEFT JOIN (SELECT p.id, COALESCE([i['value'] FOR i IN p.identifier
                                  IF list_contains([c['code'] FOR c IN i['type']['coding']], 'MR')][1],
                                p.identifier[1]['value'], p.id) AS patient_id
           FROM Patient p) s ON s.id = NULLIF(REGEXP_EXTRACT(r.subject['reference'], '(?:^|/)Patient/([^/]+)', 1), '')
LEFT JOIN (SELECT e.id, COALESCE([i['value'] FOR i IN e.identifier
                                  IF list_contains([c['code'] FOR c IN i['type']['coding']], 'VN')][1],
                                e.identifier[1]['value'], e.id) AS visit_id
           FROM Encounter e) v ON v.id = NULLIF(REGEXP_EXTRACT(r.encounter['reference'], '(?:^|/)Encounter/([^/]+)', 1), '')
WHERE COALESCE(r.status, '') NOT IN ('entered-in-error', 'cancelled')
