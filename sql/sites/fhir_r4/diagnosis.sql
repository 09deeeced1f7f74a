-- name: diagnosis
-- purpose: what a visit was for and what it found: coded reasons, diagnoses of the encounter, conditions of the encounter
-- params: none
-- grain: one row per Encounter and reason (R), Encounter and diagnosis (D), Condition of an encounter that does not list it (C)
-- phi: diagnoses
-- A comorbidity (use CM) and a problem list item stand for years and on every visit: they are no diagnosis of a
-- visit, and are counted instead.  Who wants them writes a diagnosis.sql of their own without these two conditions.
SELECT d.record AS diagnosis_id,
       COALESCE(v.visit_id, NULLIF(REGEXP_EXTRACT(d.encounter, '(?:^|/)Encounter/([^/]+)', 1), '')) AS visit_id,
       COALESCE(s.patient_id, NULLIF(REGEXP_EXTRACT(d.subject, '(?:^|/)Patient/([^/]+)', 1), '')) AS patient_id,
       CASE COALESCE(d.icd, d.coding[1])['system'] WHEN 'http://hl7.org/fhir/sid/icd-10-cm' THEN 'ICD-10-CM' WHEN 'http://hl7.org/fhir/sid/icd-10' THEN 'ICD-10'
              WHEN 'http://hl7.org/fhir/sid/icd-9-cm' THEN 'ICD-9-CM' WHEN 'http://snomed.info/sct' THEN 'SNOMED CT' ELSE COALESCE(d.icd, d.coding[1])['system'] END AS code_system,
       COALESCE(d.icd, d.coding[1])['code'] AS code,
       CASE WHEN COALESCE(d.icd, d.coding[1])['display'] <> d.said
            THEN d.said || ' (' || COALESCE(d.icd, d.coding[1])['display'] || ')'
            ELSE COALESCE(d.said, COALESCE(d.icd, d.coding[1])['display']) END AS name,
       COALESCE(CAST(CAST(TRY_CAST(d.told AS TIMESTAMPTZ) AS TIMESTAMP) AS VARCHAR), d.told) AS diagnosed_at,
       COALESCE(CAST(CAST(TRY_CAST(d.touched AS TIMESTAMPTZ) AS TIMESTAMP) AS VARCHAR), d.touched) AS updated_at,
       d.source AS source_table
FROM (
  SELECT a.record, a.subject, a.encounter, a.told, a.touched, a.source, a.concept['text'] AS said,
         a.concept['coding'] AS coding,
         [c FOR c IN a.concept['coding'] IF CONTAINS(c['system'], '/icd-')][1] AS icd
  FROM (
    SELECT 'R|' || e.id || '|' || CAST(e.nth AS VARCHAR) AS record, e.subject['reference'] AS subject,
           'Encounter/' || e.id AS encounter, e.period['start'] AS told, e.meta['lastUpdated'] AS touched,
           'Encounter' AS source, e.listed AS concept
    FROM (SELECT r.id, r.status, r.subject, r.period, r.meta, UNNEST(r.reasonCode) AS listed,
                 GENERATE_SUBSCRIPTS(r.reasonCode, 1) AS nth
          FROM Encounter r) e
    WHERE e.listed['coding'] IS NOT NULL AND COALESCE(e.status, '') NOT IN ('entered-in-error', 'cancelled', 'planned')
    UNION ALL
    SELECT 'D|' || e.id || '|' || CAST(e.nth AS VARCHAR), e.subject['reference'], 'Encounter/' || e.id,
           CASE WHEN e.role = 'DD' THEN COALESCE(e.period['end'], e.period['start']) ELSE e.period['start'] END,
           GREATEST(e.meta['lastUpdated'], n.meta['lastUpdated']), 'Encounter', n.code
    FROM (SELECT r.id, r.status, r.subject, r.period, r.meta,
                 UNNEST([{'condition': x['condition']['reference'], 'role': x['use']['coding'][1]['code']}
                         FOR x IN r.diagnosis])['condition'] AS listed,
                 UNNEST([{'condition': x['condition']['reference'], 'role': x['use']['coding'][1]['code']}
                         FOR x IN r.diagnosis])['role'] AS role,
                 GENERATE_SUBSCRIPTS(r.diagnosis, 1) AS nth
          FROM Encounter r) e
    JOIN Condition n ON n.id = NULLIF(REGEXP_EXTRACT(e.listed, '(?:^|/)Condition/([^/]+)', 1), '')
    WHERE COALESCE(e.role, '') <> 'CM' AND COALESCE(e.status, '') NOT IN ('entered-in-error', 'cancelled', 'planned')
      AND COALESCE(n.verificationStatus['coding'][1]['code'], '') NOT IN ('entered-in-error', 'refuted')
    UNION ALL
    SELECT 'C|' || n.id, n.subject['reference'], n.encounter['reference'], n.recordedDate, n.meta['lastUpdated'],
           'Condition', n.code
    FROM Condition n
    WHERE n.encounter['reference'] IS NOT NULL
      AND NOT COALESCE(LIST_CONTAINS(FLATTEN([[c['code'] FOR c IN g['coding']] FOR g IN n.category]), 'problem-list-item'), FALSE)
      AND COALESCE(n.verificationStatus['coding'][1]['code'], '') NOT IN ('entered-in-error', 'refuted')
      AND n.id NOT IN (SELECT NULLIF(REGEXP_EXTRACT(l.listed, '(?:^|/)Condition/([^/]+)', 1), '')
                       FROM (SELECT UNNEST([x['condition']['reference'] FOR x IN r.diagnosis]) AS listed FROM Encounter r) l
                       WHERE NULLIF(REGEXP_EXTRACT(l.listed, '(?:^|/)Condition/([^/]+)', 1), '') IS NOT NULL)
  ) a
) d
LEFT JOIN (SELECT p.id, COALESCE([i['value'] FOR i IN p.identifier
                                  IF list_contains([c['code'] FOR c IN i['type']['coding']], 'MR')][1],
                                p.identifier[1]['value'], p.id) AS patient_id
           FROM Patient p) s ON s.id = NULLIF(REGEXP_EXTRACT(d.subject, '(?:^|/)Patient/([^/]+)', 1), '')
LEFT JOIN (SELECT e.id, COALESCE([i['value'] FOR i IN e.identifier
                                  IF list_contains([c['code'] FOR c IN i['type']['coding']], 'VN')][1],
                                e.identifier[1]['value'], e.id) AS visit_id
           FROM Encounter e) v ON v.id = NULLIF(REGEXP_EXTRACT(d.encounter, '(?:^|/)Encounter/([^/]+)', 1), '')
