-- name: narrowing
-- purpose: visits that the terms in names (laboratory items, diagnoses, drugs, procedures) leave over, and the
--          patients of their charts: only their texts are searched
-- fills: {found} one SELECT per searched table of names; {met} the visits whose hits in names allow the search;
-- grain: one row per visit, one per patient
-- phi: keys only
named AS (
{found}
),
likely AS (
{met}
),
likely_patient AS (
  SELECT l.patient_id FROM likely l
  UNION
  SELECT l.person_id FROM likely l
  UNION
  SELECT s.patient_id FROM merged s WHERE s.person_id IN (SELECT l.person_id FROM likely l)
),
