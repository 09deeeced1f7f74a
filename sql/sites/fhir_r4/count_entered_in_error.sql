-- name: count_entered_in_error
-- purpose: resources of any kind that are marked as entered in error, cancelled, planned or not done
-- params: none
-- grain: one row, one column n
-- phi: none
SELECT (SELECT COUNT(*) FROM Encounter a WHERE a.status IN ('entered-in-error', 'cancelled', 'planned'))
     + (SELECT COUNT(*) FROM Condition a WHERE a.verificationStatus['coding'][1]['code'] IN ('entered-in-error', 'refuted'))
     + (SELECT COUNT(*) FROM Observation a WHERE a.status IN ('entered-in-error', 'cancelled'))
     + (SELECT COUNT(*) FROM DocumentReference a WHERE a.status = 'entered-in-error')
     + (SELECT COUNT(*) FROM DiagnosticReport a WHERE a.status = 'entered-in-error')
     + (SELECT COUNT(*) FROM ImagingStudy a WHERE a.status IN ('entered-in-error', 'cancelled'))
     + (SELECT COUNT(*) FROM MedicationRequest a WHERE a.status IN ('entered-in-error', 'cancelled'))
     + (SELECT COUNT(*) FROM Procedure a WHERE a.status IN ('entered-in-error', 'not-done')) AS n
