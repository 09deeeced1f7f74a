-- name: imaging
-- purpose: images with what was reported about them, and reports of radiology whose image is not in the export
-- params: none
-- grain: one row per ImagingStudy (S) or DiagnosticReport without one (R)
-- phi: text
SELECT r.record AS imaging_id,
       COALESCE(v.visit_id, NULLIF(REGEXP_EXTRACT(r.encounter, '(?:^|/)Encounter/([^/]+)', 1), '')) AS visit_id,
       COALESCE(s.patient_id, NULLIF(REGEXP_EXTRACT(r.subject, '(?:^|/)Patient/([^/]+)', 1), '')) AS patient_id,
       r.modality AS modality,
       r.body_part AS body_part,
       COALESCE(CAST(CAST(TRY_CAST(r.performed AS TIMESTAMPTZ) AS TIMESTAMP) AS VARCHAR), r.performed) AS performed_at,
       r.report AS report_text,
       COALESCE(CAST(CAST(TRY_CAST(r.touched AS TIMESTAMPTZ) AS TIMESTAMP) AS VARCHAR), r.touched) AS updated_at,
       r.source AS source_table
FROM (
  SELECT 'S|' || i.id AS record, i.subject['reference'] AS subject, i.encounter['reference'] AS encounter,
         NULLIF(CONCAT_WS(', ', i.modality[1]['code'], i.modality[1]['display'], i.description), '') AS modality,
         COALESCE(i.series[1]['bodySite']['display'], i.series[1]['bodySite']['code']) AS body_part,
         i.started AS performed, d.report, GREATEST(i.meta['lastUpdated'], d.touched) AS touched,
         'ImagingStudy' AS source
  FROM ImagingStudy i
  LEFT JOIN (SELECT l.study, STRING_AGG(l.report, CHR(10) ORDER BY l.id) AS report, MAX(l.touched) AS touched
             FROM (SELECT x.id, x.meta['lastUpdated'] AS touched,
                          UNNEST([NULLIF(REGEXP_EXTRACT(t['reference'], '(?:^|/)ImagingStudy/([^/]+)', 1), '') FOR t IN x.imagingStudy]) AS study,
                          COALESCE(TRY(DECODE(FROM_BASE64([f['data'] FOR f IN x.presentedForm IF STARTS_WITH(f['contentType'], 'text/plain')][1]))),
                       x.conclusion) AS report
                   FROM DiagnosticReport x
                   WHERE COALESCE(x.status, '') <> 'entered-in-error') l
             GROUP BY l.study) d ON d.study = i.id
  WHERE COALESCE(i.status, '') NOT IN ('entered-in-error', 'cancelled')
  UNION ALL
  SELECT 'R|' || x.id, x.subject['reference'], x.encounter['reference'],
         COALESCE(x.code['text'], x.code['coding'][1]['display']), NULL,
         COALESCE(x.effectiveDateTime, x.effectivePeriod['start']),
         COALESCE(TRY(DECODE(FROM_BASE64([f['data'] FOR f IN x.presentedForm IF STARTS_WITH(f['contentType'], 'text/plain')][1]))),
                       x.conclusion), x.meta['lastUpdated'], 'DiagnosticReport'
  FROM DiagnosticReport x
  WHERE COALESCE(LEN(x.imagingStudy), 0) = 0 AND COALESCE(x.status, '') <> 'entered-in-error'
    AND (LIST_CONTAINS(FLATTEN([[c['code'] FOR c IN g['coding']] FOR g IN x.category]), 'RAD') OR LIST_CONTAINS(FLATTEN([[c['code'] FOR c IN g['coding']] FOR g IN x.category]), '394914008'))
) r
LEFT JOIN (SELECT p.id, COALESCE([i['value'] FOR i IN p.identifier
                                  IF list_contains([c['code'] FOR c IN i['type']['coding']], 'MR')][1],
                                p.identifier[1]['value'], p.id) AS patient_id
           FROM Patient p) s ON s.id = NULLIF(REGEXP_EXTRACT(r.subject, '(?:^|/)Patient/([^/]+)', 1), '')
LEFT JOIN (SELECT e.id, COALESCE([i['value'] FOR i IN e.identifier
                                  IF list_contains([c['code'] FOR c IN i['type']['coding']], 'VN')][1],
                                e.identifier[1]['value'], e.id) AS visit_id
           FROM Encounter e) v ON v.id = NULLIF(REGEXP_EXTRACT(r.encounter, '(?:^|/)Encounter/([^/]+)', 1), '')
