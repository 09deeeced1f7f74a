-- name: count_examination_without_report
-- purpose: examinations without a report: delivered, with no report text
-- params: none
-- grain: one row, one column n
-- phi: none
SELECT COUNT(*) AS n
FROM exam_master e
LEFT JOIN exam_report r ON r.exam_no = e.exam_no
WHERE r.exam_no IS NULL
