"""The fhir_r4 pack on the simulated year as NDJSON: the same patients as the CSV export, the same answers.

The two exports of one simulation are not the same data.  Every difference is named here and counted.
"""

from collections import Counter
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from extract.his import compile as compiled
from extract.his.packs import read_pack
from extract.his.sites import Limits, Site
from extract.his.source import opened
from extract.his.windows import Window
from extract.study import protocol as protocols
from extract.study.protocol import Search
from sql import packs

ROOT = Path(__file__).parents[3]
DATA = ROOT.parent / "shared" / "data"
EXAMPLE = ROOT / "docs" / "examples" / "hba1c-clinosim"
PROTOCOL = protocols.load(EXAMPLE / "study.toml")
YEAR = Window("all", date(2024, 1, 1), date(2027, 1, 1))


class Side:
    """One export, read through its pack."""

    def __init__(self, pack, folder, people=None):
        self.site = Site(
            pack=pack, url=f"duckdb:///{DATA / folder}", zone="UTC", limits=Limits(), root=Path()
        )
        self.people, self.known = people, {}
        self.engine = opened(self.site)

    def __getitem__(self, table):
        """Canonical rows of the people, by canonical table."""
        if table not in self.known:
            schema = compiled.chart_schema(self.site, table)
            listed = ", ".join(f"t.{name}" for name in schema.names)
            sql = f"SELECT {listed} FROM ({self.site.pack.tables[table].sql}) t"
            stream = self.engine.stream(sql, {}, schema, batch_rows=5000)
            rows = [row for batch in stream for row in batch.to_pylist()]
            self.known[table] = [r for r in rows if self.people is None or r["patient_id"] in self.people]
        return self.known[table]

    def candidates(self, expression):
        """(visit, patient) that the SQL finds."""
        search = Search.model_validate({"expression": expression, "from": YEAR.start, "to": YEAR.end})
        asked = PROTOCOL.model_copy(update={"search": search})
        statement = compiled.candidates(self.site, asked, YEAR, self.engine.day)
        stream = self.engine.stream(statement.sql, statement.params, compiled.CANDIDATES, batch_rows=5000)
        rows = [(r["visit_id"], r["patient_id"]) for b in stream for r in b.to_pylist()]
        return {row for row in rows if self.people is None or row[1] in self.people}


@pytest.fixture(scope="module")
def fhir():
    side = Side(read_pack(packs() / "fhir_r4", "duckdb"), "clinosim-us-fhir")
    yield side
    side.engine.close()


@pytest.fixture(scope="module")
def flat(fhir):
    """The CSV export, of the same hundred people, through the pack of the worked example."""
    people = {row["patient_id"] for row in fhir["patient"]}
    side = Side(read_pack(EXAMPLE / "pack", "duckdb"), "clinosim-us", people)
    yield side
    side.engine.close()


def by(rows, key):
    found = {row[key]: row for row in rows}
    assert len(found) == len(rows)
    return found


def admission(visit):
    """The CSV export counts the emergency room of three admissions as part of them."""
    return visit.removesuffix("-ED")


def test_patients_are_the_same_hundred(fhir, flat):
    """The CSV export knows an age, no birth date: its year is one later for everybody."""
    ours, theirs = by(fhir["patient"], "patient_id"), by(flat["patient"], "patient_id")
    assert len(ours) == 100
    assert ours.keys() == theirs.keys()
    assert [key for key in ours if ours[key]["sex"] != theirs[key]["sex"]] == []
    assert {theirs[key]["birth_date"].year - ours[key]["birth_date"].year for key in ours} == {1}


def test_visits_are_the_same_505_and_three_emergency_rooms(fhir, flat):
    ours, theirs = by(fhir["visit"], "visit_id"), by(flat["visit"], "visit_id")
    assert len(theirs) == 505
    assert theirs.keys() <= ours.keys()
    assert sorted(admission(key) for key in ours.keys() - theirs.keys()) == [
        "ENC-POP-000381-368257296599", "ENC-POP-001996-253729721607", "ENC-POP-002394-714087638194",
    ]  # fmt: skip
    for column in ("patient_id", "visit_type", "started_at"):
        assert [key for key in theirs if ours[key][column] != theirs[key][column]] == [], column
    # One admission has not ended; the CSV export writes down when it will.
    [lasting] = [key for key in theirs if ours[key]["ended_at"] != theirs[key]["ended_at"]]
    assert ours[lasting]["ended_at"] is None


def test_every_note_is_the_same_to_the_letter(fhir, flat):
    ours, theirs = by(fhir["document"], "document_id"), by(flat["document"], "document_id")
    assert len(theirs) == 128
    assert ours.keys() == theirs.keys()
    for column in ("patient_id", "kind", "written_at", "text"):
        assert [key for key in theirs if ours[key][column] != theirs[key][column]] == [], column
    apart = [key for key in theirs if ours[key]["visit_id"] != theirs[key]["visit_id"]]
    assert len(apart) == 3  # triage notes of the three emergency rooms
    assert all(admission(ours[key]["visit_id"]) == theirs[key]["visit_id"] for key in apart)


def result(row):
    return row["patient_id"], row["reported_at"], row["unit"], Decimal(row["raw_value"])


def test_every_laboratory_result_is_the_same(fhir, flat):
    """Value, unit and time of all 1,387; an item has one LOINC code, and its short name stands in ours."""
    measured = [row for row in fhir["lab"] if row["reported_at"] is not None]
    assert len(measured) == len(flat["lab"]) == 1387
    assert Counter(map(result, measured)) == Counter(map(result, flat["lab"]))
    spelled = [row for row in flat["lab"] if "." in row["raw_value"]]
    assert Counter(r["raw_value"] for r in measured) == Counter(r["raw_value"] for r in flat["lab"])
    assert len(spelled) == 1387  # a whole number is written 16.0 in both
    named = {}
    for row in measured:
        named.setdefault(result(row), set()).add((row["code"], row["name"]))
    codes = {}
    for row in flat["lab"]:
        if len(found := named[result(row)]) == 1:
            codes.setdefault(row["name"], set()).update(found)
    assert len(codes) == 31
    for short, found in codes.items():
        [(_, name)] = found
        assert name.endswith(f" ({short})")
    more = Counter(row["code"] for row in fhir["lab"] if row["reported_at"] is None)
    # Blood groups and one urine culture with two susceptibilities are not in lab_results.csv.
    assert more == {"883-9": 100, "10331-7": 100, "630-4": 1, "19000-9": 1, "18862-3": 1}


def test_diagnoses_differ_in_granularity_alone(fhir, flat):
    """Of 464 visits with a diagnosis, 302 have the same code and words, 161 a finer code, one another."""
    ours = {}
    for row in fhir["diagnosis"]:
        ours.setdefault(row["visit_id"], []).append(row)
    told = Counter()
    for row in flat["diagnosis"]:
        found = ours[row["visit_id"]]
        if any((o["code"], o["name"]) == (row["code"], row["name"]) for o in found):
            told["same"] += 1
        elif any(o["code"].startswith(row["code"]) for o in found):
            told["finer"] += 1
        else:
            told[row["code"]] += 1
    # Of a delivery, FHIR gives the reason for admission and not the outcome.
    assert told == {"same": 303, "finer": 161, "Z37.0": 1}
    without = ours.keys() - {row["visit_id"] for row in flat["diagnosis"]}
    assert Counter(row["name"] for visit in without for row in ours[visit]) == {
        "Encounter for immunization": 41  # not in diagnoses.csv
    }


FINER = {
    "Disorders of lipoprotein metabolism and other lipidemias": 104,
    "Other chronic obstructive pulmonary disease": 18,
    "Malignant neoplasm of bronchus and lung": 4,
    "Other hypothyroidism": 4,
    "Osteoporosis without current pathological fracture": 2,
    "Outcome of delivery": 1,
}
"""Names that only the CSV export uses, and the visits that have them."""
MORE = {"Encounter for immunization": 41}


def test_candidates_are_equal_for_every_diagnosis_and_every_word_of_the_notes(fhir, flat):
    """...one search for each of 36 diagnoses and 12 words, but for the names above."""
    names = sorted({row["name"] for row in flat["diagnosis"]})
    words = Counter(w for row in flat["document"] for w in set(row["text"].split()) if w.isalpha())
    terms = [f'diagnosis:"{name}"' for name in names]
    terms += [f'document:"{word}"' for word, _ in words.most_common(12)]
    assert len(terms) == 48
    fewer, more = {}, {}
    for term in terms:
        here = {(admission(visit), who) for visit, who in fhir.candidates(term)}
        there = flat.candidates(term)
        assert here | there, term
        fewer[term], more[term] = len(there - here), len(here - there)
    assert {t: n for t, n in fewer.items() if n} == {f'diagnosis:"{n}"': k for n, k in FINER.items()}
    assert {t: n for t, n in more.items() if n} == {f'diagnosis:"{n}"': k for n, k in MORE.items()}


def test_a_search_with_a_laboratory_item_differs_by_the_encounter_alone(fhir, flat):
    """CSV results carry no encounter and so count for each visit of a patient; FHIR's say which.

    With the encounter taken away, the candidates are equal visit by visit.
    """
    table = fhir.site.pack.tables["lab"]
    start = table.sql.index("COALESCE(v.visit_id, ")
    end = table.sql.index(" AS visit_id,", start)
    blind = table.model_copy(update={"sql": f"{table.sql[:start]}NULL{table.sql[end:]}"})
    pack = fhir.site.pack.model_copy(update={"tables": {**fhir.site.pack.tables, "lab": blind}})
    unlinked = Side(pack, "clinosim-us-fhir")
    for expression, without, linked in (
        ('diagnosis:"diabetes mellitus" AND lab:HbA1c', 18, 18),
        ('diagnosis:"Low back pain" AND lab:ESR', 1, 1),
        ('diagnosis:"Low back pain" AND (lab:ESR OR lab:CRP)', 3, 1),
        ("document:pain AND lab:WBC", 16, 4),
    ):
        there, ours = flat.candidates(expression), fhir.candidates(expression)
        assert unlinked.candidates(expression) == there, expression
        assert ours <= there
        assert (len(there), len(ours)) == (without, linked)
    unlinked.engine.close()


def test_orders_of_images_are_the_same_and_have_their_reports(fhir, flat):
    def where(row):
        return row["patient_id"], row["visit_id"], row["performed_at"]

    assert len(flat["imaging"]) == 33
    assert Counter(map(where, fhir["imaging"])) == Counter(map(where, flat["imaging"]))
    assert all(row["report_text"] for row in fhir["imaging"])
    assert not any(row["report_text"] for row in flat["imaging"])


def test_drugs_procedures_and_scores_that_both_have_are_the_same(fhir, flat):
    """FHIR dates the prescriptions, which in the CSV files have no date; it has no pain scores."""
    ordered = Counter((row["patient_id"], row["visit_id"]) for row in flat["medication"])
    asked = Counter((row["patient_id"], row["visit_id"]) for row in fhir["medication"])
    assert (ordered.total(), (ordered & asked).total(), asked.total()) == (116, 116, 879)
    done = Counter((r["patient_id"], r["code"], r["name"], r["performed_at"]) for r in flat["procedure"])
    told = Counter((r["patient_id"], r["code"], r["name"], r["performed_at"]) for r in fhir["procedure"])
    assert (done.total(), (done & told).total(), told.total()) == (10, 10, 56)
    assert len(flat["scale"]) == 142
    assert "72514-3" not in {row["code"] for row in fhir["scale"]}


def test_a_pull_brings_the_24_patients_with_low_back_pain_and_counts_what_it_leaves_out(pulled, fhir, flat):
    found = pulled(
        expression='diagnosis:"Low back pain"',
        dates=("2025-01-01", "2026-01-31"),
        pack="fhir_r4",
        url=f"duckdb:///{DATA / 'clinosim-us-fhir'}",
    )
    assert found.candidates == flat.candidates('diagnosis:"Low back pain"')
    assert len(found.patients("diagnosis", code="M54")) == 24
    told = {r["reason"]: r["count"] for r in found.report.rejected}
    assert told["comorbidity_of_visit"] == 863
    assert told["problem_list_item"] == 227
    assert told["observation_of_another_kind"] == 262
    assert not told.keys() & {"repeated_key", "contradicted_key", "no_key", "unreadable_time"}
