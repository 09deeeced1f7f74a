-- name: found_likely
-- purpose: the same for a table of texts, of likely visits; then of their patients, records of no visit of theirs.
--          A text is looked at in the join or after it: {linked} and {loose} say so in each condition
-- params: leaf_0_0 … (LIKE patterns of the terms)
-- fills: {select}, {visit} the pack's SELECTs; {columns} CASE WHEN … THEN 1 ELSE 0 END AS h0 …;
--        {linked}, {loose} any term
-- grain: one row per record that holds a term
-- phi: keys only
  SELECT t.patient_id, t.visit_id, {columns}
  FROM likely l
  JOIN (
{select}
  ) t ON t.visit_id = l.visit_id
  JOIN asked a ON a.patient_id = t.patient_id
  WHERE {linked}
  UNION ALL
  SELECT t.patient_id, t.visit_id, {columns}
  FROM likely_patient l
  JOIN (
{select}
  ) t ON t.patient_id = l.patient_id
  LEFT JOIN (
{visit}
  ) v ON v.visit_id = t.visit_id AND v.patient_id = t.patient_id
  WHERE v.visit_id IS NULL AND ({loose})
