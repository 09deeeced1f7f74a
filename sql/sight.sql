-- name: sight
-- purpose: a source table as it stands: how many rows, how many of each column are filled, and a stamp of all rows
-- params: none
-- fills: {counts} COUNT of the columns that the pack reads; {stamp} a number that changes whenever a row does, or NULL
-- grain: one row
-- phi: none
SELECT COUNT(*) AS n, {stamp} AS stamp{counts}
FROM {table} t
