-- name: opinion_stands
-- purpose: places from which a criterion was judged, and whether one of the opinions is on the present evidence
-- params: none
-- grain: one row per candidate that is present, criterion that people judge, and place
-- phi: candidate numbers only
SELECT 'candidate/' || CAST(p.id AS VARCHAR) || '/' || d.criterion AS row_key,
       1 - MAX(CASE WHEN d.evidence_hash = JSON_TEXT(p.criterion_hashes, d.criterion) THEN 1 ELSE 0 END) AS broken
FROM decision d
JOIN (
  SELECT c.id, s.patient_id, s.criterion_hashes, s.machine_verdicts
  FROM candidate_state s
  JOIN (SELECT n.patient_id, MAX(n.id) AS newest FROM candidate_state n GROUP BY n.patient_id) l ON l.newest = s.id
  JOIN candidate c ON c.patient_id = s.patient_id
  WHERE s.state = 'present'
) p ON p.patient_id = d.patient_id
WHERE JSON_TEXT(p.criterion_hashes, d.criterion) IS NOT NULL
  AND NOT (COALESCE(JSON_TEXT(p.machine_verdicts, d.criterion, 'auto'), '') IN ('1', 'true')
           AND COALESCE(JSON_TEXT(p.machine_verdicts, d.criterion, 'verdict'), '') <> 'unknown')
GROUP BY p.id, d.criterion, d.slot
