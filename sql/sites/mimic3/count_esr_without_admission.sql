-- name: count_esr_without_admission
-- purpose: sedimentation rates without an admission, and which ones they are (keys as in lab.sql)
-- params: none
-- grain: one row: how many (n) and their keys (which)
-- phi: keys only
SELECT COUNT(*) AS n,
       STRING_AGG('lab:|' || l.itemid || '|' || l.charttime || '|1', '; ' ORDER BY l.charttime) AS which
FROM labevents l
WHERE l.hadm_id IS NULL AND l.itemid = '51288'
