-- name: resolution_settles
-- purpose: resolutions, and whether each settles two entries in the two passes that differ, of its own field and evidence
-- params: none
-- grain: one row per resolution
-- phi: candidate numbers only
SELECT 'candidate/' || CAST(c.id AS VARCHAR) || '/' || r.variable
         || CASE WHEN r.timepoint = '' THEN '' ELSE '@' || r.timepoint END AS row_key,
       CASE WHEN f.pass = 1 AND s.pass = 2
             AND f.patient_id = r.patient_id AND s.patient_id = r.patient_id
             AND f.variable = r.variable AND s.variable = r.variable
             AND f.timepoint = r.timepoint AND s.timepoint = r.timepoint
             AND f.evidence_hash = r.evidence_hash AND s.evidence_hash = r.evidence_hash
             AND (CASE WHEN f.missing <> '' OR s.missing <> '' THEN CASE WHEN f.missing <> s.missing THEN 1 ELSE 0 END
                       WHEN f.comparator <> s.comparator THEN 1
                       WHEN f.scaled IS NULL OR s.scaled IS NULL THEN CASE WHEN f.value <> s.value THEN 1 ELSE 0 END
                       WHEN f.scaled <> s.scaled THEN 1
                       ELSE 0 END) = 1
            THEN 0 ELSE 1 END AS broken
FROM resolution r
JOIN entry f ON f.id = r.first_entry
JOIN entry s ON s.id = r.second_entry
JOIN candidate c ON c.patient_id = r.patient_id
