-- name: count_observation_without_value
-- purpose: observations that state no value (a question asked, a status by its concept alone)
-- params: none
-- grain: one row, one column n
-- phi: none
SELECT COUNT(*) AS n
FROM observation o
WHERE o.value_as_number IS NULL AND o.value_as_string IS NULL AND o.value_source_value IS NULL
