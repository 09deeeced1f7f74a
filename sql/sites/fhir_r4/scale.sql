-- name: scale
-- purpose: vital signs, scores and assessments, and the components of those that have some (blood pressure)
-- params: none
-- grain: one row per Observation (or Observation and component)
-- phi: values
SELECT r.record AS scale_id,
       COALESCE(v.visit_id, NULLIF(REGEXP_EXTRACT(r.encounter['reference'], '(?:^|/)Encounter/([^/]+)', 1), '')) AS visit_id,
       COALESCE(s.patient_id, NULLIF(REGEXP_EXTRACT(r.subject['reference'], '(?:^|/)Patient/([^/]+)', 1), '')) AS patient_id,
       COALESCE([c['code'] FOR c IN r.code['coding'] IF c['system'] = 'http://loinc.org'][1], r.code['coding'][1]['code']) AS code,
       COALESCE(r.code['text'], r.code['coding'][1]['display']) AS name,
       COALESCE(CAST(CAST(TRY_CAST(COALESCE(r.effectiveDateTime, r.effectiveInstant, r.effectivePeriod['start']) AS TIMESTAMPTZ) AS TIMESTAMP) AS VARCHAR), COALESCE(r.effectiveDateTime, r.effectiveInstant, r.effectivePeriod['start'])) AS measured_at,
       COALESCE(COALESCE(r.valueQuantity['comparator'], '') || r.valueQuantity['value'], r.valueString, r.valueInteger,
                r.valueCodeableConcept['text'], r.valueCodeableConcept['coding'][1]['display'],
                r.valueCodeableConcept['coding'][1]['code'], r.valueBoolean, r.valueDateTime,
                r.valueRange['low']['value'] || '-' || r.valueRange['high']['value'],
                r.valueRatio['numerator']['value'] || ':' || r.valueRatio['denominator']['value']) AS raw_value,
       COALESCE(CAST(CAST(TRY_CAST(r.meta['lastUpdated'] AS TIMESTAMPTZ) AS TIMESTAMP) AS VARCHAR), r.meta['lastUpdated']) AS updated_at,
       'Observation' AS source_table
FROM (
  SELECT o.id AS record, o.code, o.status, o.category, o.subject, o.encounter, o.effectiveDateTime, o.effectiveInstant, o.effectivePeriod, o.issued, o.specimen, o.meta,
         o.valueQuantity, o.valueString, o.valueInteger, o.valueBoolean, o.valueDateTime, o.valueCodeableConcept, o.valueRange, o.valueRatio, o.referenceRange
  FROM Observation o
  UNION ALL
  SELECT o.id || '|' || CAST(o.nth AS VARCHAR), o.part['code'], o.status, o.category, o.subject, o.encounter, o.effectiveDateTime, o.effectiveInstant, o.effectivePeriod, o.issued, o.specimen, o.meta,
         o.part['valueQuantity'], o.part['valueString'], o.part['valueInteger'], o.part['valueBoolean'], o.part['valueDateTime'], o.part['valueCodeableConcept'], o.part['valueRange'], o.part['valueRatio'], o.part['referenceRange']
  FROM (SELECT x.id, x.status, x.category, x.subject, x.encounter, x.effectiveDateTime, x.effectiveInstant, x.effectivePeriod, x.issued, x.specimen, x.meta,
               UNNEST(x.component) AS part, GENERATE_SUBSCRIPTS(x.component, 1) AS nth
        FROM Observation x) o
) r
LEFT JOIN (SELECT p.id, COALESCE([i['value'] FOR i IN p.identifier
                                  IF list_contains([c['code'] FOR c IN i['type']['coding']], 'MR')][1],
                                p.identifier[1]['value'], p.id) AS patient_id
           FROM Patient p) s ON s.id = NULLIF(REGEXP_EXTRACT(r.subject['reference'], '(?:^|/)Patient/([^/]+)', 1), '')
LEFT JOIN (SELECT e.id, COALESCE([i['value'] FOR i IN e.identifier
                                  IF list_contains([c['code'] FOR c IN i['type']['coding']], 'VN')][1],
                                e.identifier[1]['value'], e.id) AS visit_id
           FROM Encounter e) v ON v.id = NULLIF(REGEXP_EXTRACT(r.encounter['reference'], '(?:^|/)Encounter/([^/]+)', 1), '')
WHERE (LIST_CONTAINS(FLATTEN([[c['code'] FOR c IN g['coding']] FOR g IN r.category]), 'vital-signs') OR LIST_CONTAINS(FLATTEN([[c['code'] FOR c IN g['coding']] FOR g IN r.category]), 'survey'))
  AND NOT COALESCE(LIST_CONTAINS(FLATTEN([[c['code'] FOR c IN g['coding']] FOR g IN r.category]), 'laboratory'), FALSE)
  AND COALESCE(r.status, '') NOT IN ('entered-in-error', 'cancelled')
  AND COALESCE(COALESCE(r.valueQuantity['comparator'], '') || r.valueQuantity['value'], r.valueString, r.valueInteger,
                r.valueCodeableConcept['text'], r.valueCodeableConcept['coding'][1]['display'],
                r.valueCodeableConcept['coding'][1]['code'], r.valueBoolean, r.valueDateTime,
                r.valueRange['low']['value'] || '-' || r.valueRange['high']['value'],
                r.valueRatio['numerator']['value'] || ':' || r.valueRatio['denominator']['value']) IS NOT NULL
