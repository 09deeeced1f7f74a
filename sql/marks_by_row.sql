-- name: marks_by_row
-- purpose: for each patient what changes when a row behind his records is added, changed or taken away; what the pack counts of the same rows
-- params: none
-- fills: {patient} whose a row is; {mark} of the rows, {joined} of those looked up beside them; {counts}; {rows} the joined tables
-- grain: one row per patient, and one for the rows that are nobody's
-- phi: keys only
SELECT {patient} AS patient_id, COUNT(*) AS n, {mark} AS mark, {joined} AS joined{counts}
FROM {rows}
GROUP BY {patient}
