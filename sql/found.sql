-- name: found
-- purpose: which terms stand in the records of one table, of patients with a visit in the window
-- params: leaf_0_0 … (LIKE patterns of the terms)
-- fills: {select} the pack's SELECT; {columns} CASE WHEN … THEN 1 ELSE 0 END AS h0 …; {any} any term
-- grain: one row per record that holds a term
-- phi: keys only
  SELECT t.patient_id, t.visit_id, {columns}
  FROM (
{select}
  ) t
  JOIN asked a ON a.patient_id = t.patient_id
  WHERE {any}
