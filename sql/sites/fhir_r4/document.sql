-- name: document
-- purpose: notes: the first attachment that is text, inline or in a Binary; markup is taken off
-- params: none
-- grain: one row per DocumentReference
-- phi: text
SELECT r.id AS document_id,
       COALESCE(v.visit_id, NULLIF(REGEXP_EXTRACT(r.context['encounter'][1]['reference'], '(?:^|/)Encounter/([^/]+)', 1), '')) AS visit_id,
       COALESCE(s.patient_id, NULLIF(REGEXP_EXTRACT(r.subject['reference'], '(?:^|/)Patient/([^/]+)', 1), '')) AS patient_id,
       COALESCE(r.type['text'], r.type['coding'][1]['display']) AS kind,
       COALESCE(CAST(CAST(TRY_CAST(r.date AS TIMESTAMPTZ) AS TIMESTAMP) AS VARCHAR), r.date) AS written_at,
       CASE WHEN CONTAINS(r.mime, 'html') OR CONTAINS(r.mime, 'xml')
            THEN TRIM(REGEXP_REPLACE(r.said, '<[^>]*>', ' ', 'g')) ELSE r.said END AS text,
       COALESCE(CAST(CAST(TRY_CAST(r.meta['lastUpdated'] AS TIMESTAMPTZ) AS TIMESTAMP) AS VARCHAR), r.meta['lastUpdated']) AS updated_at,
       'DocumentReference' AS source_table
FROM (
  SELECT d.id, d.status, d.type, d.subject, d.date, d.context, d.meta,
         COALESCE(d.form['contentType'], b.contentType) AS mime,
         TRY(DECODE(FROM_BASE64(COALESCE(d.form['data'], b.data)))) AS said
  FROM (SELECT x.id, x.status, x.type, x.subject, x.date, x.context, x.meta,
               [c['attachment'] FOR c IN x.content
                IF STARTS_WITH(c['attachment']['contentType'], 'text/')
                   OR CONTAINS(c['attachment']['contentType'], 'xml')][1] AS form
        FROM DocumentReference x) d
  LEFT JOIN "Binary" b ON b.id = NULLIF(REGEXP_EXTRACT(d.form['url'], '(?:^|/)Binary/([^/]+)', 1), '')
) r
LEFT JOIN (SELECT p.id, COALESCE([i['value'] FOR i IN p.identifier
                                  IF list_contains([c['code'] FOR c IN i['type']['coding']], 'MR')][1],
                                p.identifier[1]['value'], p.id) AS patient_id
           FROM Patient p) s ON s.id = NULLIF(REGEXP_EXTRACT(r.subject['reference'], '(?:^|/)Patient/([^/]+)', 1), '')
LEFT JOIN (SELECT e.id, COALESCE([i['value'] FOR i IN e.identifier
                                  IF list_contains([c['code'] FOR c IN i['type']['coding']], 'VN')][1],
                                e.identifier[1]['value'], e.id) AS visit_id
           FROM Encounter e) v ON v.id = NULLIF(REGEXP_EXTRACT(r.context['encounter'][1]['reference'], '(?:^|/)Encounter/([^/]+)', 1), '')
WHERE COALESCE(r.status, '') <> 'entered-in-error'
