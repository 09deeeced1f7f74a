-- name: verdict_evidence
-- purpose: opinions and rulings, and whether each was given on evidence that its hash fixes
-- params: none
-- grain: one row per opinion and ruling
-- phi: candidate numbers only
SELECT 'candidate/' || CAST(c.id AS VARCHAR) || '/' || v.criterion AS row_key,
       CASE WHEN v.evidence_hash = '' THEN 1 ELSE 0 END AS broken
FROM (
  SELECT d.patient_id, d.criterion, d.evidence_hash FROM decision d
  UNION ALL
  SELECT a.patient_id, a.criterion, a.evidence_hash FROM arbitration a
) v
JOIN candidate c ON c.patient_id = v.patient_id
