"""A landing store made of a few rows, and a study that asks a neutral question of them."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import settings

from extract.chart.screening import screen_landed
from extract.his.packs import LabConcept, LakeRules, LinkRule, Pack
from extract.his.records import KEY, SCHEMAS
from extract.study.protocol import parse

# A shared machine is slow at times; these tests promise answers, not milliseconds.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")

STUDY = """
format = 1
[study]
id = "itch"
title = { zh = "瘙痒", en = "Itch" }
[search]
expression = '"瘙痒" AND lab:IgE'
from = 2023-01-01
to = 2023-12-31
look_alike = { IgE = ["IgE抗体谱"] }
[timepoints]
T0 = { anchor = "first_match", window = [-3, 7] }
T1 = { after = "T0", day = 28, window = [21, 35], pick = "nearest", tie = "later" }
[extractor.score]
kind = "number"
labels = ["瘙痒评分"]
units = ["分"]
range = [0, 10]
[extractor.place]
kind = "choice"
sections = ["主诉"]
[[variable]]
id = "age"
label = { zh = "年龄", en = "Age" }
source = { derived = "age_at(T0)" }
[[variable]]
id = "sex"
label = { zh = "性别", en = "Sex" }
source = { patient = "sex" }
values = [ { code = 1, zh = "男", en = "male", from = ["M"] }, { code = 2, zh = "女", en = "female", from = ["F"] } ]
[[variable]]
id = "score"
label = { zh = "评分", en = "Score" }
step = 0.1
at = ["T0", "T1"]
source = [ { scale = "score" }, { text = "score" } ]
[[variable]]
id = "ige"
label = { zh = "IgE", en = "IgE" }
step = 0.1
at = ["T0", "T1"]
source = { lab = "IgE" }
[[variable]]
id = "place"
label = { zh = "部位", en = "Place" }
source = { text = "place" }
many = true
required = false
values = [ { code = 1, zh = "手", en = "hand", from = ["手部"] }, { code = 2, zh = "足", en = "foot", from = ["足部"] } ]
[[include]]
id = "I1"
label = { zh = "成人", en = "adult" }
rule = { variable = "age", between = [18, 80] }
auto = true
[[include]]
id = "I2"
label = { zh = "评分≥4", en = "score 4 or more" }
rule = { variable = "score", at = "T0", at_least = 4 }
[[include]]
id = "I3"
label = { zh = "有IgE与超声", en = "IgE and ultrasound" }
rule = { all = [ { lab = "IgE", at = "T0" }, { imaging = ["US"] } ] }
[[exclude]]
id = "E1"
label = { zh = "肿瘤", en = "tumour" }
rule = { any = [ { diagnosis = ["C00-C97"] }, { text = ["恶性肿瘤"] } ] }
[[exclude]]
id = "E2"
label = { zh = "激素", en = "steroids" }
rule = { medication = ["steroid"], before_days = 90 }
[[exclude]]
id = "E3"
label = { zh = "缺失", en = "missing" }
rule = { missing = ["score", "ige"], at = ["T0", "T1"] }
auto = true
[[exclude]]
id = "E4"
label = { zh = "判断", en = "judged" }
rule = { judge = "drugs" }
[outcome]
responder = { any = [ { drop = "score", at_least = 3 } ] }
"""

PACK = Pack(
    name="bench",
    version="1",
    dialects=("sqlite",),
    tables={},
    absent=(),
    counts=(),
    lake=LakeRules(),
    link={"lab": LinkRule(before_days=1, after_days=7), "imaging": LinkRule(before_days=1, after_days=7)},
    labs={
        "IgE": LabConcept(
            names=("IgE", "总IgE"), unit="IU/mL", units={"IU/mL": Decimal(1), "kIU/L": Decimal(1)}
        )
    },
    imaging={"US": ("US", "超声")},
    medication={"steroid": ("泼尼松",)},
    procedure={"operation": ("切除",)},
    scales={"score": ("瘙痒评分",)},
)


class Rows:
    """A landing store held in memory: canonical rows by table, with what landing adds."""

    def __init__(self):
        self.rows = {name: [] for name in SCHEMAS}
        self.fetched = None

    def add(self, table, key, version="v1", **columns):
        """A row of any table."""
        known = dict.fromkeys(SCHEMAS[table].names)
        unknown = set(columns) - set(known)
        assert not unknown, unknown
        self.rows[table].append(
            {**known, KEY[table]: key, **columns, "record_id": f"{table}:{key}", "version": version}
        )
        return self

    def drop(self, record_id):
        """Take a record away."""
        for rows in self.rows.values():
            rows[:] = [row for row in rows if row["record_id"] != record_id]

    def current(self, table):
        """The records of a table, as landing gives them."""
        schema = (
            SCHEMAS[table].append(pa.field("record_id", pa.string())).append(pa.field("version", pa.string()))
        )
        return pa.Table.from_pylist(self.rows[table], schema=schema)

    def candidates(self):
        """What the SQL fetched: every visit, unless ``fetched`` names some."""
        visits = [
            (row["visit_id"], row["patient_id"])
            for row in self.rows["visit"]
            if self.fetched is None or row["visit_id"] in self.fetched
        ]
        return pa.table(
            {
                "visit_id": pa.array([v for v, _ in visits], pa.string()),
                "patient_id": pa.array([p for _, p in visits], pa.string()),
                "window": pa.array(["2023"] * len(visits), pa.string()),
            }
        )

    def window_totals(self):
        """Patients and visits of 2023."""
        visits = [row for row in self.rows["visit"] if row["started_at"].year == 2023]
        return {"patients": len({row["patient_id"] for row in visits}), "visits": len(visits)}

    # ---- what most tests need ----

    def patient(self, id_="p", *, sex="M", born=date(1980, 5, 1), merged_into=None):
        """A patient, born in 1980 unless said otherwise."""
        return self.add("patient", id_, sex=sex, birth_date=born, merged_into=merged_into)

    def visit(self, id_, day, patient="p", ended=None):
        """A visit of a day, or until ``ended``."""
        return self.add(
            "visit",
            id_,
            patient_id=patient,
            started_at=moment(day),
            ended_at=moment(ended) if ended else None,
        )

    def note(self, id_, day, text, visit=None, patient="p", kind="门诊病历"):
        """A document."""
        return self.add(
            "document", id_, patient_id=patient, visit_id=visit, kind=kind, written_at=moment(day), text=text
        )

    def lab(self, id_, day, raw, visit=None, patient="p", name="IgE", unit="IU/mL", reported=None):
        """A result; without ``visit`` it must be linked."""
        return self.add(
            "lab",
            id_,
            patient_id=patient,
            visit_id=visit,
            name=name,
            raw_value=raw,
            unit=unit,
            specimen_at=moment(day),
            reported_at=moment(reported or day),
        )

    def eligible(self, patient="p"):
        """A patient in whom every criterion is passed; day 1 is the anchor."""
        return (
            self.patient(patient)
            .visit(f"{patient}-v0", 1, patient)
            .visit(f"{patient}-v1", 29, patient)
            .note(f"{patient}-n0", 1, "主诉：手部瘙痒。瘙痒评分7分。", f"{patient}-v0", patient)
            .note(f"{patient}-n1", 29, "主诉：复诊。瘙痒评分3分。", f"{patient}-v1", patient)
            .lab(f"{patient}-l0", 1, "120", None, patient)
            .lab(f"{patient}-l1", 29, "80", None, patient)
            .add("imaging", f"{patient}-i", patient_id=patient, modality="超声", performed_at=moment(2))
        )


def moment(day):
    """Day n of 2023, at 08:00; day 0 is the last of 2022."""
    return datetime(2022, 12, 31, 8) + timedelta(days=day)  # noqa: DTZ001 - naive by contract


@pytest.fixture
def rows():
    return Rows()


@pytest.fixture(scope="session")
def protocol():
    return parse(STUDY)


@pytest.fixture
def screened(rows, protocol):
    """Screens ``rows`` and answers questions about the result."""

    def run():
        return Answers(screen_landed(protocol, PACK, rows))

    return run


class Answers:
    """Questions to a screening, in the words of the tests."""

    def __init__(self, screening):
        self.screening = screening

    def verdict(self, criterion, patient="p"):
        """The machine's verdict."""
        return self.row("verdicts", patient, criterion=criterion)["verdict"]

    def value(self, variable, timepoint="", patient="p"):
        """The row of a value."""
        return self.row("values", patient, variable=variable, timepoint=timepoint)

    def candidate(self, patient="p"):
        """The candidate's row."""
        return self.row("candidates", patient)

    def row(self, table, patient, **where):
        """The one row of a table that fits."""
        found = [
            row
            for row in self.screening.tables[table].to_pylist()
            if row["patient_id"] == patient and all(row[k] == v for k, v in where.items())
        ]
        assert len(found) == 1, (table, where, found)
        return found[0]

    def evidence(self, **where):
        """The evidence rows that fit."""
        return [r for r in self.screening.evidence.to_pylist() if all(r[k] == v for k, v in where.items())]
