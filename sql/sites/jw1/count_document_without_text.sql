-- name: count_document_without_text
-- purpose: entries of the document index whose text is missing
-- params: none
-- grain: one row, one column n
-- phi: none
SELECT COUNT(*) AS n
FROM jhmr_file_index f
LEFT JOIN jhmr_file_content_text t ON t.file_unique_id = f.file_unique_id
WHERE t.mr_content IS NULL
  AND COALESCE(f.delete_flag, '0') <> '1' AND COALESCE(f.file_flag, ' ') <> 'T'
