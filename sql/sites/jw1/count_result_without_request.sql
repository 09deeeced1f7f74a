-- name: count_result_without_request
-- purpose: results whose TEST_NO has no request, so that no patient can be found
-- params: none
-- grain: one row, one column n
-- phi: none
SELECT COUNT(*) AS n
FROM lab_result r
LEFT JOIN lab_test_master m ON m.test_no = r.test_no
WHERE m.test_no IS NULL
