-- name: window_totals
-- purpose: all visits in the search's dates and the patients they belong to: the top of the funnel
-- params: from_date, to_date (the day after the last)
-- fills: {canonical} the pack's SELECTs
-- grain: one row
-- phi: none
WITH {canonical},
person AS (
  SELECT p.patient_id, COALESCE(q.merged_into, p.merged_into, p.patient_id) AS person_id
  FROM canonical_patient p
  LEFT JOIN canonical_patient q ON q.patient_id = p.merged_into
)
SELECT COUNT(DISTINCT COALESCE(s.person_id, v.patient_id)) AS patients, COUNT(DISTINCT v.visit_id) AS visits
FROM canonical_visit v
LEFT JOIN person s ON s.patient_id = v.patient_id
WHERE v.started_at >= :from_date AND v.started_at < :to_date
