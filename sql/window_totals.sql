-- name: window_totals
-- purpose: all visits in the search's dates and the patients they belong to: the top of the funnel;
--          and the visits that no search by date and patient can reach
-- params: from_date, to_date (the day after the last)
-- fills: {canonical} the pack's SELECTs
-- grain: one row
-- phi: none
WITH {canonical},
one_person AS (
  SELECT p.patient_id, COALESCE(q.merged_into, p.merged_into, p.patient_id) AS person_id
  FROM canonical_patient p
  LEFT JOIN canonical_patient q ON q.patient_id = p.merged_into
)
SELECT COUNT(DISTINCT CASE WHEN v.started_at IS NOT NULL THEN COALESCE(s.person_id, v.patient_id) END) AS patients,
       COUNT(DISTINCT CASE WHEN v.started_at IS NOT NULL THEN v.visit_id END) AS visits,
       COUNT(CASE WHEN v.started_at IS NOT NULL AND v.patient_id IS NULL THEN 1 END) AS without_patient,
       COUNT(CASE WHEN v.started_at IS NULL THEN 1 END) AS without_date
FROM canonical_visit v
LEFT JOIN one_person s ON s.patient_id = v.patient_id
WHERE v.started_at IS NULL OR (v.started_at >= :from_date AND v.started_at < :to_date)
