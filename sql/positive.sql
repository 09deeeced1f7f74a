-- name: positive
-- purpose: records of one table with a code or an item that is asked for, and the visits in the search's dates
--          that they name, or that they may belong to where they name none; whatever any text says
-- params: from_date, to_date (the day after the last), code_0 …, leaf_0_0 … (LIKE patterns)
-- fills: {visit}, {select} the pack's SELECTs; {key}, {code}, {item}, {at} columns of the table; {any}; {joined}
-- grain: one row per record and visit
-- phi: keys, dates, codes and names of items
SELECT v.visit_id, v.patient_id, v.started_at, v.ended_at, p.record_key, p.code, p.name, p.happened_at
FROM (
  SELECT DISTINCT t.{key} AS record_key, t.visit_id, t.patient_id, {code} AS code, {item} AS name, t.{at} AS happened_at
  FROM (
{select}
  ) t
  WHERE {any}
) p
JOIN (
{visit}
) v ON {joined}
WHERE v.started_at >= :from_date AND v.started_at < :to_date
