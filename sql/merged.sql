-- name: merged
-- purpose: patients that share a chart with these: the ids they were merged into, and those merged into them
-- params: k0 … (patient ids)
-- fills: {canonical} the pack's SELECT; {keys} the binds
-- grain: one row per patient and merger
-- phi: keys only
WITH {canonical}
SELECT p.patient_id, p.merged_into
FROM canonical_patient p
WHERE p.patient_id IN ({keys}) AND p.merged_into IS NOT NULL
UNION ALL
SELECT p.patient_id, p.merged_into
FROM canonical_patient p
WHERE p.merged_into IN ({keys})
