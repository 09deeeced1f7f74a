-- name: met
-- purpose: visits whose hits satisfy an expression.  A record without a visit, of a visit that nobody knows or of
--          somebody else's, counts for every visit of its patient
-- fills: {found} the hits; {among} the visits; {visit} the pack's SELECT; {leaves} MAX(g.h0) AS h0 …; {highest} MAX(k.h0) AS h0 …;
--        {expression} over h0 …
-- grain: one row per visit
-- phi: keys only
  SELECT y.visit_id, y.patient_id, y.person_id
  FROM (
    SELECT t.visit_id, t.patient_id, t.person_id, {highest}
    FROM (
      SELECT 0 AS of_person, w.visit_id AS target, w.visit_id, w.patient_id, w.person_id FROM {among} w
      UNION ALL
      SELECT 1 AS of_person, w.person_id AS target, w.visit_id, w.patient_id, w.person_id FROM {among} w
    ) t
    JOIN (
      SELECT g.of_person, g.target, {leaves}
      FROM (
        SELECT CASE WHEN COALESCE(o.person_id, v.patient_id) = COALESCE(s.person_id, f.patient_id) THEN 0 ELSE 1 END
                 AS of_person,
               CASE WHEN COALESCE(o.person_id, v.patient_id) = COALESCE(s.person_id, f.patient_id) THEN f.visit_id
                    ELSE COALESCE(s.person_id, f.patient_id) END AS target,
               f.*
        FROM {found} f
        LEFT JOIN merged s ON s.patient_id = f.patient_id
        LEFT JOIN (
{visit}
        ) v ON v.visit_id = f.visit_id
        LEFT JOIN merged o ON o.patient_id = v.patient_id
      ) g
      GROUP BY g.of_person, g.target
    ) k ON k.of_person = t.of_person AND k.target = t.target
    GROUP BY t.visit_id, t.patient_id, t.person_id
  ) y
  WHERE {expression}
