"""What FHIR allows and the simulated export does not do: a small export written by hand, resource by resource."""

import base64
import gzip
import json

import pyarrow as pa
import pytest

from extract.errors import SourceUnreachable
from extract.his import compile as compiled
from extract.his.packs import read_pack
from extract.his.sites import Limits, Site
from extract.his.source import opened
from sql import packs


def b64(text, encoding="utf-8"):
    return base64.b64encode(text.encode(encoding)).decode()


def lines(resources):
    return "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in resources)


PATIENTS = [
    {"id": "a", "identifier": [{"value": "card"}, {"type": {"coding": [{"code": "MR"}]}, "value": "M1"}],
     "gender": "female", "birthDate": "1980-02-03", "name": [{"text": "nobody reads this"}]},
    {"id": "b", "identifier": [{"value": "M2"}], "gender": "unknown",
     "link": [{"type": "seealso", "other": {"reference": "Patient/z"}},
              {"type": "replaced-by", "other": {"reference": "Patient/a"}}]},
    {"id": "c"},
]  # fmt: skip
ENCOUNTERS = [
    {"id": "e1", "status": "finished", "class": {"code": "IMP"}, "subject": {"reference": "Patient/a"},
     "identifier": [{"value": "first"}, {"type": {"coding": [{"code": "VN"}]}, "value": "V1"}],
     "period": {"start": "2024-12-31T23:30:00Z", "end": "2025-01-04T09:00:00+08:00"},
     "reasonCode": [{"text": "腰痛"}, {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10", "code": "M54.5", "display": "腰痛"}]}],
     "diagnosis": [{"condition": {"reference": "https://his/fhir/Condition/k1/_history/2"}, "use": {"coding": [{"code": "DD"}]}},
                   {"condition": {"reference": "Condition/k2"}, "use": {"coding": [{"code": "CM"}]}},
                   {"condition": {"reference": "Condition/k4"}}]},
    {"id": "e2", "status": "planned", "class": {"code": "AMB"}, "subject": {"reference": "Patient/a"}},
    {"id": "e3", "status": "finished", "class": {"code": "HH"}, "subject": {"reference": "Patient/gone"},
     "period": {"start": "2025-03"}},
]  # fmt: skip
CONDITIONS = [
    {"id": "k1", "code": {"text": "椎间盘突出", "coding": [{"system": "http://snomed.info/sct", "code": "1"},
        {"system": "http://hl7.org/fhir/sid/icd-10", "code": "M51.2", "display": "其他特指的椎间盘移位"}]},
     "encounter": {"reference": "Encounter/e1"}, "subject": {"reference": "Patient/a"}},
    {"id": "k2", "code": {"text": "高血压"}, "subject": {"reference": "Patient/a"}},
    {"id": "k3", "code": {"text": "坐骨神经痛"}, "subject": {"reference": "Patient/a"}, "encounter": {"reference": "Encounter/e1"}},
    {"id": "k4", "code": {"text": "骨折"}, "subject": {"reference": "Patient/a"},
     "verificationStatus": {"coding": [{"code": "refuted"}]}},
]  # fmt: skip
LABORATORY = [{"coding": [{"code": "laboratory"}]}]
SURVEY = [{"coding": [{"code": "survey"}]}]
OBSERVATIONS = [
    {"id": "o1", "category": LABORATORY, "code": {"coding": [{"system": "local", "code": "77", "display": "血沉"},
        {"system": "http://loinc.org", "code": "4537-7"}]}, "subject": {"reference": "Patient/a"},
     "encounter": {"reference": "Encounter/e1"}, "valueQuantity": {"comparator": "<", "value": 2.0, "unit": "mm/h"},
     "effectiveDateTime": "2025-01-01T08:00:00+08:00", "specimen": {"reference": "Specimen/s1"},
     "referenceRange": [{"high": {"value": 20}}]},
    {"id": "o2", "category": LABORATORY, "code": {"text": "panel"}, "subject": {"reference": "Patient/a"},
     "effectivePeriod": {"start": "2025-01-01"},
     "component": [{"code": {"text": "x"}, "valueString": "阴性"},
                   {"code": {"text": "y"}, "valueRatio": {"numerator": {"value": 1}, "denominator": {"value": 40}}}]},
    {"id": "o3", "status": "entered-in-error", "category": LABORATORY, "code": {"text": "z"}, "valueString": "1"},
    {"id": "o4", "category": LABORATORY, "code": {"text": "z"}, "dataAbsentReason": {"text": "lost"}},
    {"id": "o5", "category": SURVEY, "code": {"text": "VAS", "coding": [{"code": "72514-3"}]}, "valueInteger": 7,
     "subject": {"reference": "Patient/b"}, "effectiveInstant": "2025-02-01T00:00:00.123Z"},
    {"id": "o6", "category": LABORATORY, "code": {"text": "w"}, "subject": {"reference": "Group/9"},
     "valueCodeableConcept": {"coding": [{"code": "P", "display": "positive"}]}, "encounter": {"reference": "Encounter/elsewhere"}},
]  # fmt: skip
DOCUMENTS = [
    {"id": "d1", "type": {"coding": [{"display": "病程"}]}, "subject": {"reference": "Patient/a"}, "date": "2025-01-01T09:00:00Z",
     "content": [{"attachment": {"contentType": "application/pdf", "data": b64("%PDF")}},
                 {"attachment": {"contentType": "text/html", "data": b64("<p>颈痛<br/>3月</p>")}}],
     "context": {"encounter": [{"reference": "Encounter/e1"}]}},
    {"id": "d2", "subject": {"reference": "Patient/a"}, "content": [{"attachment": {"contentType": "text/plain", "url": "Binary/x1"}}]},
    {"id": "d3", "subject": {"reference": "Patient/a"}, "content": [{"attachment": {"contentType": "application/pdf", "data": b64("%PDF")}}]},
    {"id": "d4", "subject": {"reference": "Patient/a"}, "content": [{"attachment": {"contentType": "text/plain", "data": b64("腰痛", "gbk")}}]},
]  # fmt: skip


@pytest.fixture
def export(tmp_path):
    """The resources as files: one plain, one in two parts, one compressed; the rest left out."""
    (tmp_path / "Patient.ndjson").write_text(lines(PATIENTS), encoding="utf-8")
    (tmp_path / "Encounter.ndjson").write_text(lines(ENCOUNTERS), encoding="utf-8")
    (tmp_path / "Condition.ndjson").write_text(lines(CONDITIONS), encoding="utf-8")
    (tmp_path / "Observation.0.ndjson").write_text(lines(OBSERVATIONS[:3]), encoding="utf-8")
    (tmp_path / "Observation-1.ndjson.gz").write_bytes(gzip.compress(lines(OBSERVATIONS[3:]).encode()))
    (tmp_path / "DocumentReference.ndjson").write_text(lines(DOCUMENTS), encoding="utf-8")
    (tmp_path / "Binary.ndjson").write_text(lines([{"id": "x1", "data": b64("VAS 6 分")}]), encoding="utf-8")
    (tmp_path / "Specimen.ndjson").write_text(
        lines([{"id": "s1", "collection": {"collectedDateTime": "2025-01-01T07:30:00+08:00"}}]),
        encoding="utf-8",
    )
    (tmp_path / "Practitioner.ndjson").write_text("no JSON at all", encoding="utf-8")
    return tmp_path


@pytest.fixture
def session(export):
    pack = read_pack(packs() / "fhir_r4", "duckdb")
    site = Site(pack=pack, url=f"duckdb:///{export}", zone="Asia/Shanghai", limits=Limits(), root=export)
    engine = opened(site)
    yield site, engine
    engine.close()


@pytest.fixture
def canonical(session):
    """``canonical(table)``: rows by key, empty fields left out."""
    site, engine = session

    def read(table):
        schema = compiled.chart_schema(site, table)
        listed = ", ".join(f"t.{name}" for name in schema.names if name not in {"source_table", "updated_at"})
        kept = [field for field in schema if field.name not in {"source_table", "updated_at"}]
        sql = f"SELECT {listed} FROM ({site.pack.tables[table].sql}) t"
        rows = [r for b in engine.stream(sql, {}, pa.schema(kept), batch_rows=9) for r in b.to_pylist()]
        key = schema.names[0]
        return {row[key]: {k: v for k, v in row.items() if v is not None and k != key} for row in rows}

    return read


def test_persons_go_by_their_record_number_and_mergers_by_their_link(canonical):
    found = canonical("patient")
    assert found.keys() == {"M1", "M2", "c"}
    assert found["M2"]["merged_into"] == "M1"
    assert (found["M1"]["sex"], str(found["M1"]["birth_date"])) == ("F", "1980-02-03")


def test_times_with_a_zone_are_the_hospital_s_wall_clock(canonical):
    """...before SQL compares them with the window: new year's eve in Greenwich is new year in Shanghai."""
    found = canonical("visit")
    assert found.keys() == {"V1", "e3"}  # what is planned has not begun
    assert str(found["V1"]["started_at"]) == "2025-01-01 07:30:00"
    assert str(found["V1"]["ended_at"]) == "2025-01-04 09:00:00"
    assert found["e3"] == {"patient_id": "gone", "visit_type": "HH"}  # a month is no time; it is counted


def test_the_diagnoses_of_a_visit_are_its_reasons_and_conditions(canonical):
    found = canonical("diagnosis")
    assert {key: (row.get("code"), row["name"]) for key, row in found.items()} == {
        "R|e1|2": ("M54.5", "腰痛"),
        "D|e1|1": ("M51.2", "椎间盘突出 (其他特指的椎间盘移位)"),
        "C|k3": (None, "坐骨神经痛"),
    }
    assert found["D|e1|1"]["code_system"] == "ICD-10"
    assert {row["visit_id"] for row in found.values()} == {"V1"}


def test_results_keep_comparator_digits_and_components(canonical):
    found = canonical("lab")
    assert {key: row["raw_value"] for key, row in found.items()} == {
        "o1": "<2.0", "o2|1": "阴性", "o2|2": "1:40", "o6": "positive",
    }  # fmt: skip
    assert found["o1"]["name"] == "血沉 (ESR)"
    assert (found["o1"]["code"], found["o1"]["reference_range"]) == ("4537-7", "<=20")
    assert str(found["o1"]["specimen_at"]) == "2025-01-01 07:30:00"
    assert "patient_id" not in found["o6"]  # a group is no patient
    assert found["o6"]["visit_id"] == "elsewhere"
    assert canonical("scale")["o5"]["raw_value"] == "7"
    assert str(canonical("scale")["o5"]["measured_at"]) == "2025-02-01 08:00:00"


def test_a_note_is_its_first_attachment_that_is_text(canonical):
    found = canonical("document")
    assert found["d1"]["text"].split() == ["颈痛", "3月"]
    assert found["d2"]["text"] == "VAS 6 分"
    assert "text" not in found["d3"]
    assert "text" not in found["d4"]


def test_what_is_left_out_is_counted(session):
    site, engine = session
    counted = {count.reason: engine.ask(count.sql)[0][0] for count in site.pack.counts}
    assert counted == {
        "comorbidity_of_visit": 1, "problem_list_item": 2, "document_without_text": 2,
        "observation_of_another_kind": 0, "report_without_image": 0, "medication_without_name": 0,
        "entered_in_error": 3,
    }  # fmt: skip


def test_types_that_an_export_leaves_out_are_empty(canonical):
    assert [canonical(t) for t in ("imaging", "medication", "procedure")] == [{}, {}, {}]


def test_a_broken_file_is_named_and_never_quoted(export):
    (export / "Patient.ndjson").write_text('{"id": "秘密', encoding="utf-8")
    pack = read_pack(packs() / "fhir_r4", "duckdb")
    site = Site(pack=pack, url=f"duckdb:///{export}", zone="UTC", limits=Limits(), root=export)
    with pytest.raises(SourceUnreachable, match="Patient") as told:
        opened(site)
    assert "秘密" not in str(told.value)


def test_no_statement_reads_beside_the_folder(session, tmp_path):
    """External access stays closed after the files were opened."""
    _, engine = session
    for attempt in ("SELECT * FROM read_text('/etc/hostname')", "SELECT * FROM read_csv('/etc/passwd')"):
        with pytest.raises(Exception, match="could not run"):
            engine.ask(attempt)
