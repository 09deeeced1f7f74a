-- name: count_document_without_text
-- purpose: documents none of whose attachments can be read as text
-- params: none
-- grain: one row, one column n
-- phi: none
SELECT COUNT(*) AS n
FROM (SELECT x.status,
             [c['attachment'] FOR c IN x.content
              IF STARTS_WITH(c['attachment']['contentType'], 'text/')
                 OR CONTAINS(c['attachment']['contentType'], 'xml')][1] AS form
      FROM DocumentReference x) d
LEFT JOIN "Binary" b ON b.id = NULLIF(REGEXP_EXTRACT(d.form['url'], '(?:^|/)Binary/([^/]+)', 1), '')
WHERE COALESCE(d.status, '') <> 'entered-in-error'
  AND TRY(DECODE(FROM_BASE64(COALESCE(d.form['data'], b.data)))) IS NULL
