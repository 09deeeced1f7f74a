-- name: strays
-- purpose: records that name a visit which is not one of their own patient's, or none at all
-- params: k0 … (patient ids), where only some are asked for
-- fills: {canonical} the pack's SELECTs of visit and {table}; {some} the condition on patients
-- grain: one row per patient and visit
-- phi: keys only
WITH {canonical}
SELECT DISTINCT t.patient_id, t.visit_id
FROM canonical_{table} t
LEFT JOIN canonical_visit v ON v.visit_id = t.visit_id AND v.patient_id = t.patient_id
WHERE t.patient_id IS NOT NULL AND t.visit_id IS NOT NULL AND v.visit_id IS NULL{some}
