-- name: count_problem_list_item
-- purpose: conditions of the problem list, and those of no encounter
-- params: none
-- grain: one row, one column n
-- phi: none
SELECT COUNT(*) AS n
FROM Condition n
WHERE n.encounter['reference'] IS NULL
   OR LIST_CONTAINS(FLATTEN([[c['code'] FOR c IN g['coding']] FOR g IN n.category]), 'problem-list-item')
