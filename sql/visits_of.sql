-- name: visits_of
-- purpose: whose visits these are, and when they began
-- params: k0 … (patient ids, or visit ids)
-- fills: {canonical} the pack's SELECT; {column} the key that is asked by; {keys} the binds
-- grain: one row per visit
-- phi: keys and dates
WITH {canonical}
SELECT v.visit_id, v.patient_id, v.started_at
FROM canonical_visit v
WHERE v.{column} IN ({keys})
