-- name: lab
-- purpose: laboratory observations, and the components of those that are panels; a LOINC code's usual short name stands behind the long one
-- params: none
-- grain: one row per Observation (or Observation and component)
-- phi: values
SELECT r.record AS result_id,
       COALESCE(v.visit_id, NULLIF(REGEXP_EXTRACT(r.encounter['reference'], '(?:^|/)Encounter/([^/]+)', 1), '')) AS visit_id,
       COALESCE(s.patient_id, NULLIF(REGEXP_EXTRACT(r.subject['reference'], '(?:^|/)Patient/([^/]+)', 1), '')) AS patient_id,
       COALESCE([c['code'] FOR c IN r.code['coding'] IF c['system'] = 'http://loinc.org'][1], r.code['coding'][1]['code']) AS code,
       COALESCE(r.code['text'], r.code['coding'][1]['display'])
         || COALESCE(' (' || k.short || ')', '') AS name,
       COALESCE(CAST(CAST(TRY_CAST(COALESCE(c.collection['collectedDateTime'], c.collection['collectedPeriod']['start'], r.effectiveDateTime, r.effectiveInstant, r.effectivePeriod['start']) AS TIMESTAMPTZ) AS TIMESTAMP) AS VARCHAR), COALESCE(c.collection['collectedDateTime'], c.collection['collectedPeriod']['start'], r.effectiveDateTime, r.effectiveInstant, r.effectivePeriod['start'])) AS specimen_at,
       COALESCE(CAST(CAST(TRY_CAST(r.issued AS TIMESTAMPTZ) AS TIMESTAMP) AS VARCHAR), r.issued) AS reported_at,
       COALESCE(COALESCE(r.valueQuantity['comparator'], '') || r.valueQuantity['value'], r.valueString, r.valueInteger,
                r.valueCodeableConcept['text'], r.valueCodeableConcept['coding'][1]['display'],
                r.valueCodeableConcept['coding'][1]['code'], r.valueBoolean, r.valueDateTime,
                r.valueRange['low']['value'] || '-' || r.valueRange['high']['value'],
                r.valueRatio['numerator']['value'] || ':' || r.valueRatio['denominator']['value']) AS raw_value,
       COALESCE(r.valueQuantity['unit'], r.valueQuantity['code'], r.valueRange['high']['unit']) AS unit,
       COALESCE(r.referenceRange[1]['low']['value'] || '-' || r.referenceRange[1]['high']['value'],
                '<=' || r.referenceRange[1]['high']['value'], '>=' || r.referenceRange[1]['low']['value'],
                r.referenceRange[1]['text']) AS reference_range,
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
LEFT JOIN (VALUES
             ('30341-2', 'ESR'), ('4537-7', 'ESR'), ('4538-5', 'ESR'), ('4539-3', 'ESR'), ('18184-2', 'ESR'), ('43402-7', 'ESR'),
             ('1988-5', 'CRP'), ('30522-7', 'CRP'), ('76485-2', 'CRP'),
             ('4548-4', 'HbA1c'), ('17856-6', 'HbA1c'),
             ('6690-2', 'WBC'), ('26464-8', 'WBC'), ('804-5', 'WBC'),
             ('718-7', 'Hb'), ('20509-6', 'Hb'),
             ('4544-3', 'Hct'), ('20570-8', 'Hct'),
             ('777-3', 'Plt'), ('26515-7', 'Plt'), ('778-1', 'Plt'),
             ('1742-6', 'ALT'), ('1743-4', 'ALT'),
             ('1920-8', 'AST'), ('30239-8', 'AST'),
             ('6768-6', 'ALP'),
             ('2324-2', 'GGT'),
             ('2532-0', 'LDH'), ('14804-9', 'LDH'),
             ('1975-2', 'T_Bil'),
             ('1751-7', 'Albumin'),
             ('2885-2', 'TP'),
             ('2160-0', 'Creatinine'), ('38483-4', 'Creatinine'),
             ('3094-0', 'BUN'), ('6299-2', 'BUN'),
             ('48642-3', 'eGFR'), ('48643-1', 'eGFR'), ('62238-1', 'eGFR'), ('33914-3', 'eGFR'),
             ('2951-2', 'Na'),
             ('2823-3', 'K'),
             ('2075-0', 'Cl'),
             ('17861-6', 'Ca'),
             ('1963-8', 'HCO3'), ('1959-6', 'HCO3'),
             ('2345-7', 'Glucose'), ('2339-0', 'Glucose'),
             ('2093-3', 'TC'),
             ('2085-9', 'HDL'),
             ('13457-7', 'LDL'), ('18262-6', 'LDL'),
             ('2571-8', 'TG'),
             ('3016-3', 'TSH'), ('11580-8', 'TSH'),
             ('10839-9', 'Troponin_I'), ('49563-0', 'Troponin_I'),
             ('42637-9', 'BNP'), ('30934-4', 'BNP'),
             ('2524-7', 'Lactate'), ('2518-9', 'Lactate'),
             ('75241-0', 'PCT'), ('33959-8', 'PCT'),
             ('6301-6', 'PT_INR'), ('34714-6', 'PT_INR'),
             ('14979-9', 'APTT'), ('3173-2', 'APTT'),
             ('48065-7', 'D_dimer'),
             ('3255-7', 'Fibrinogen'),
             ('13969-1', 'CK_MB'),
             ('2744-1', 'pH'),
             ('2019-8', 'pCO2'),
             ('2703-7', 'pO2')
          ) k(code, short) ON k.code = COALESCE([c['code'] FOR c IN r.code['coding'] IF c['system'] = 'http://loinc.org'][1], r.code['coding'][1]['code'])
LEFT JOIN Specimen c ON c.id = NULLIF(REGEXP_EXTRACT(r.specimen['reference'], '(?:^|/)Specimen/([^/]+)', 1), '')
LEFT JOIN (SELECT p.id, COALESCE([i['value'] FOR i IN p.identifier
                                  IF list_contains([c['code'] FOR c IN i['type']['coding']], 'MR')][1],
                                p.identifier[1]['value'], p.id) AS patient_id
           FROM Patient p) s ON s.id = NULLIF(REGEXP_EXTRACT(r.subject['reference'], '(?:^|/)Patient/([^/]+)', 1), '')
LEFT JOIN (SELECT e.id, COALESCE([i['value'] FOR i IN e.identifier
                                  IF list_contains([c['code'] FOR c IN i['type']['coding']], 'VN')][1],
                                e.identifier[1]['value'], e.id) AS visit_id
           FROM Encounter e) v ON v.id = NULLIF(REGEXP_EXTRACT(r.encounter['reference'], '(?:^|/)Encounter/([^/]+)', 1), '')
WHERE (LIST_CONTAINS(FLATTEN([[c['code'] FOR c IN g['coding']] FOR g IN r.category]), 'laboratory') OR LIST_CONTAINS(FLATTEN([[c['code'] FOR c IN g['coding']] FOR g IN r.category]), 'LAB'))
  AND COALESCE(r.status, '') NOT IN ('entered-in-error', 'cancelled')
  AND COALESCE(COALESCE(r.valueQuantity['comparator'], '') || r.valueQuantity['value'], r.valueString, r.valueInteger,
                r.valueCodeableConcept['text'], r.valueCodeableConcept['coding'][1]['display'],
                r.valueCodeableConcept['coding'][1]['code'], r.valueBoolean, r.valueDateTime,
                r.valueRange['low']['value'] || '-' || r.valueRange['high']['value'],
                r.valueRatio['numerator']['value'] || ':' || r.valueRatio['denominator']['value']) IS NOT NULL
