-- name: count_deleted_document
-- purpose: documents that were deleted in the EMR (delete_flag 1 or FILE_FLAG T)
-- params: none
-- grain: one row, one column n
-- phi: none
SELECT COUNT(*) AS n
FROM jhmr_file_index f
WHERE COALESCE(f.delete_flag, '0') = '1' OR COALESCE(f.file_flag, ' ') = 'T'
