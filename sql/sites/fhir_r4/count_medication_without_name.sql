-- name: count_medication_without_name
-- purpose: prescriptions whose drug is neither named nor in the export
-- params: none
-- grain: one row, one column n
-- phi: none
SELECT COUNT(*) AS n
FROM MedicationRequest r
LEFT JOIN Medication m ON m.id = NULLIF(REGEXP_EXTRACT(r.medicationReference['reference'], '(?:^|/)Medication/([^/]+)', 1), '')
WHERE COALESCE(r.medicationCodeableConcept['text'], r.medicationCodeableConcept['coding'][1]['display'],
               m.code['text'], m.code['coding'][1]['display'], r.medicationReference['display']) IS NULL
