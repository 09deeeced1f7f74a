-- name: count_report_without_image
-- purpose: diagnostic reports of anything but an image
-- params: none
-- grain: one row, one column n
-- phi: none
SELECT COUNT(*) AS n
FROM DiagnosticReport x
WHERE COALESCE(LEN(x.imagingStudy), 0) = 0
  AND NOT COALESCE(LIST_HAS_ANY(FLATTEN([[c['code'] FOR c IN g['coding']] FOR g IN x.category]), ['RAD', '394914008']), FALSE)
