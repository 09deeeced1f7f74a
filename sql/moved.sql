-- name: moved
-- purpose: the marks of those alone who have a new row, and a count of all rows, which shows whether anybody else has lost one
-- params: low0 … (the sign of the base and of each table beside it)
-- fills: {patient}, {mark}, {joined}, {counts}, {rows} as in marks_by_row; {summed} the counts' names; {none} a nought for each; {fresh}; {alias}, {source} the base; {late} rows that have found their partner
-- grain: kind 1: one row per patient with a new row; 2: new rows that are nobody's; 3: all rows of the base; 4: old rows with a new partner
-- phi: keys only
WITH fresh AS (
  SELECT {patient} AS patient_id, COUNT(*) AS n, {mark} AS mark, {joined} AS joined{counts}
  FROM {rows}
  WHERE {alias}.ctid = ANY(ARRAY(SELECT z.ctid FROM {source} z WHERE {fresh}))
  GROUP BY {patient}
)
SELECT 1 AS kind, {patient} AS patient_id, COUNT(*) AS n, {mark} AS mark, {joined} AS joined{counts}
FROM {rows}
WHERE {patient} IN (SELECT q.patient_id FROM fresh q)
GROUP BY {patient}
UNION ALL
SELECT 2 AS kind, q.patient_id, q.n, q.mark, q.joined{summed}
FROM fresh q
WHERE q.patient_id IS NULL
UNION ALL
SELECT 3 AS kind, NULL, COUNT(*), {mark}, 0{none}
FROM {source} {alias}{late}
