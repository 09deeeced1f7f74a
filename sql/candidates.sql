-- name: candidates
-- purpose: visits in the window that may satisfy the search expression (a superset of the exact answer)
-- params: from_date, to_date (the day after the window), leaf_0_0 … (LIKE patterns of the terms)
-- fills: {patient}, {visit} the pack's SELECTs; {narrowing} what names alone tell, or nothing;
--        {found} one SELECT per searched table; {met} the visits whose hits satisfy the search (met.sql)
-- grain: one row per visit
-- phi: keys only
WITH merged AS (
  SELECT p.patient_id, COALESCE(q.merged_into, p.merged_into) AS person_id
  FROM (
{patient}
  ) p
  LEFT JOIN (
{patient}
  ) q ON q.patient_id = p.merged_into
  WHERE p.merged_into IS NOT NULL
),
in_window AS (
  SELECT v.visit_id, v.patient_id, COALESCE(s.person_id, v.patient_id) AS person_id
  FROM (
{visit}
  ) v
  LEFT JOIN merged s ON s.patient_id = v.patient_id
  WHERE v.started_at >= :from_date AND v.started_at < :to_date
),
asked AS (
  SELECT w.patient_id FROM in_window w
  UNION
  SELECT w.person_id FROM in_window w WHERE w.person_id <> w.patient_id
  UNION
  SELECT s.patient_id FROM merged s WHERE s.person_id IN (SELECT w.person_id FROM in_window w)
),
{narrowing}found AS (
{found}
)
SELECT DISTINCT m.visit_id, m.patient_id
FROM (
{met}
) m
