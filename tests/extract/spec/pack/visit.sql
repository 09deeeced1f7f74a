-- name: visit
-- purpose: attendances; the key is composed
-- params: none
-- grain: one row per person_no and ordinal
-- phi: none
SELECT 'V|' || a.person_no || '|' || CAST(a.ordinal AS VARCHAR(10)) AS visit_id,
       a.person_no  AS patient_id,
       'seen'       AS visit_type,
       NULL         AS department,
       a.began      AS started_at,
       NULL         AS ended_at,
       NULL         AS updated_at
FROM attendance a
