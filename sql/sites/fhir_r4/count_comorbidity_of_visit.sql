-- name: count_comorbidity_of_visit
-- purpose: comorbidities listed with an encounter
-- params: none
-- grain: one row, one column n
-- phi: none
SELECT COUNT(*) AS n
FROM (SELECT UNNEST([x['use']['coding'][1]['code'] FOR x IN r.diagnosis]) AS role FROM Encounter r) l
WHERE l.role = 'CM'
