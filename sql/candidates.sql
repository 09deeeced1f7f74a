-- name: candidates
-- purpose: visits in the window that may satisfy the search expression (a superset of the exact answer)
-- params: from_date, to_date (the day after the window), leaf_0_0 … (LIKE patterns of the terms)
-- fills: {canonical} the pack's SELECTs; {found} one SELECT per searched table; {either} h0 … hn of a visit;
--        {highest} MAX(h0) … MAX(hn); {expression} the search over h0 … hn
-- grain: one row per visit
-- phi: keys only
WITH {canonical},
one_person AS (
  SELECT p.patient_id, COALESCE(q.merged_into, p.merged_into, p.patient_id) AS person_id
  FROM canonical_patient p
  LEFT JOIN canonical_patient q ON q.patient_id = p.merged_into
),
in_window AS (
  SELECT v.visit_id, v.patient_id, COALESCE(s.person_id, v.patient_id) AS person_id
  FROM canonical_visit v
  LEFT JOIN one_person s ON s.patient_id = v.patient_id
  WHERE v.started_at >= :from_date AND v.started_at < :to_date
),
asked AS (
  SELECT w.patient_id FROM in_window w
  UNION
  SELECT s.patient_id FROM one_person s WHERE s.person_id IN (SELECT i.person_id FROM in_window i)
),
found AS (
{found}
),
by_visit AS (
  SELECT f.visit_id, {highest}
  FROM found f
  WHERE f.visit_id IS NOT NULL
  GROUP BY f.visit_id
),
-- a record without a visit, or of a visit that nobody knows, counts for every visit of its patient
by_person AS (
  SELECT COALESCE(s.person_id, f.patient_id) AS person_id, {highest}
  FROM found f
  LEFT JOIN canonical_visit v ON v.visit_id = f.visit_id
  LEFT JOIN one_person s ON s.patient_id = f.patient_id
  WHERE v.visit_id IS NULL
  GROUP BY COALESCE(s.person_id, f.patient_id)
),
hits AS (
  SELECT w.visit_id, w.patient_id, {either}
  FROM in_window w
  LEFT JOIN by_visit b ON b.visit_id = w.visit_id
  LEFT JOIN by_person u ON u.person_id = w.person_id
)
SELECT DISTINCT t.visit_id, t.patient_id
FROM hits t
WHERE {expression}
