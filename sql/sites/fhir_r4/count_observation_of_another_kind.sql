-- name: count_observation_of_another_kind
-- purpose: observations that are neither laboratory, vital signs nor survey
-- params: none
-- grain: one row, one column n
-- phi: none
SELECT COUNT(*) AS n
FROM Observation r
WHERE NOT COALESCE(LIST_HAS_ANY(FLATTEN([[c['code'] FOR c IN g['coding']] FOR g IN r.category]), ['laboratory', 'LAB', 'vital-signs', 'survey']), FALSE)
