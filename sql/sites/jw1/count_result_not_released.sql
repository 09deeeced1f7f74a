-- name: count_result_not_released
-- purpose: results of requests that the laboratory has not released (RESULT_STATUS other than 4)
-- params: none
-- grain: one row, one column n
-- phi: none
SELECT COUNT(*) AS n
FROM lab_result r
JOIN lab_test_master m ON m.test_no = r.test_no
WHERE COALESCE(m.result_status, '4') <> '4'
