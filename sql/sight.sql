-- name: sight
-- purpose: a source table as it stands: how many rows, and how many of each column are filled
-- params: none
-- fills: {counts} COUNT of the columns that the pack reads
-- grain: one row
-- phi: none
SELECT COUNT(*) AS n{counts}
FROM {table} t
