-- name: mergers
-- purpose: every patient number that was merged into another
-- params: none
-- fills: {canonical} the pack's SELECT
-- grain: one row per merger
-- phi: keys only
WITH {canonical}
SELECT p.patient_id, p.merged_into
FROM canonical_patient p
WHERE p.merged_into IS NOT NULL
