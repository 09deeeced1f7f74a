"""A small study for the rooms of review: a protocol, hand-made screenings, people, and both databases."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from sqlalchemy import URL, create_engine, make_url, text

from extract.study import protocol as protocols
from extract.study.database import StudyDatabase
from validate.review import accounts, queue

STUDY = """
format = 1
[study]
id = "small"
title = { zh = "小", en = "small" }
[search]
expression = '"a"'
from = 2022-01-01
to = 2022-12-31
[timepoints]
T0 = { anchor = "first_match" }
T1 = { after = "T0", day = 28, window = [21, 35] }
[extractor.score]
kind = "number"
labels = ["score"]
[extractor.site]
kind = "choice"
[[variable]]
id = "age"
label = { zh = "年龄", en = "Age" }
source = { derived = "age_at(T0)" }
[[variable]]
id = "score"
label = { zh = "评分", en = "Score" }
unit = { zh = "分", en = "cm" }
step = 0.1
at = ["T0", "T1"]
source = { text = "score" }
entry = "double"
range = [0, 10]
warn = [1, 9]
missing = ["not_documented", "not_done"]
[[variable]]
id = "site"
label = { zh = "部位", en = "Site" }
source = { text = "site" }
entry = "double"
many = true
required = false
values = [ { code = 1, zh = "颈", en = "neck" }, { code = 2, zh = "肩", en = "shoulder" }, { code = 3, zh = "腰", en = "back" } ]
[[variable]]
id = "hb"
label = { zh = "血红蛋白", en = "Hb" }
unit = { zh = "g/L", en = "g/L" }
at = ["T0", "T1"]
source = { lab = "HB" }
[[include]]
id = "I1"
label = { zh = "成人", en = "adult" }
rule = { variable = "age", between = [18, 80] }
auto = true
[[include]]
id = "I2"
label = { zh = "评分", en = "score of 4 or more" }
rule = { variable = "score", at = "T0", at_least = 4 }
[[exclude]]
id = "E1"
label = { zh = "骨折", en = "fracture" }
rule = { text = ["骨折"] }
[[exclude]]
id = "E2"
label = { zh = "妊娠", en = "pregnant" }
rule = { text = ["妊娠"] }
[outcome]
responder = { any = [ { drop = "score", at_least = 3 } ] }
"""


@dataclass
class Screening:
    """A screening as the contract describes it, made by hand; ``note`` stands in each patient's record."""

    protocol: protocols.Protocol
    patients: list[str]
    notes: dict[tuple[str, str], str] = field(default_factory=dict)
    """(patient, criterion) -> the quote that this criterion's evidence shows."""
    auto: dict[tuple[str, str], str] = field(default_factory=dict)
    scores: dict[tuple[str, str], int] = field(default_factory=dict)

    def quote(self, patient: str, criterion: str) -> str:
        """The text that the evidence of this criterion shows."""
        return self.notes.get((patient, criterion), f"{criterion} text")

    @property
    def candidates(self) -> pa.Table:
        """Those screened in, and one that is not."""
        rows = [{"patient_id": p, "state": "screened_in"} for p in self.patients]
        rows.append({"patient_id": "out", "state": "auto_excluded"})
        return pa.Table.from_pylist(rows)

    @property
    def verdicts(self) -> pa.Table:
        """The machine's verdicts."""
        return pa.Table.from_pylist(
            [
                {
                    "patient_id": p,
                    "criterion": c.id,
                    "verdict": self.auto.get((p, c.id), "met") if c.auto else "unknown",
                    "auto": c.auto,
                    "evidence": [f"{p}-{c.id}"] if p != "out" else [],
                    "reason": "",
                }
                for p in [*self.patients, "out"]
                for c in self.protocol.criteria
            ]
        )

    @property
    def evidence(self) -> pa.Table:
        """One piece per patient and criterion."""
        return pa.Table.from_pylist(
            [
                {
                    "evidence_id": f"{p}-{c.id}",
                    "patient_id": p,
                    "record_id": f"document:{p}-{c.id}",
                    "version": f"v-{self.quote(p, c.id)}",
                    "table": "document",
                    "field": "text",
                    "start": 0,
                    "end": len(self.quote(p, c.id)),
                    "quote": self.quote(p, c.id),
                    "criterion": c.id,
                }
                for p in self.patients
                for c in self.protocol.criteria
            ]
        )

    @property
    def values(self) -> pa.Table:
        """One per patient, variable and timepoint."""
        return pa.Table.from_pylist(
            [
                self._value(p, v, t)
                for p in self.patients
                for v in self.protocol.variable
                for t in v.at or ("",)
            ]
        )

    def _value(self, patient: str, variable: protocols.Variable, timepoint: str) -> dict[str, Any]:
        codes = variable.categorical
        scaled = self.scores.get((patient, timepoint), 50) if variable.id == "score" else 120
        return {
            "patient_id": patient,
            "variable": variable.id,
            "timepoint": timepoint,
            "scaled": None if codes else scaled,
            "value": "1;3" if codes else str(scaled * variable.step),
            "comparator": "",
            "unit": "",
            "status": "found",
            "method": "text",
            "day": 0,
            "record_id": f"document:{patient}-{variable.id}",
            "version": f"v{scaled}",
            "start": 0,
            "end": 3,
            "measured_at": None,
        }

    def evidence_hash(self, patient_id: str) -> str:
        """Of all that is shown of the patient."""
        return str(hash(tuple(self.quote(patient_id, c.id) for c in self.protocol.criteria)))


@dataclass(frozen=True)
class People:
    """Two of each who work in twos, one of each other."""

    first: accounts.Account
    second: accounts.Account
    third: accounts.Account
    fourth: accounts.Account
    typist: accounts.Account
    retypist: accounts.Account
    manager: accounts.Account
    auditor: accounts.Account
    analyst: accounts.Account


@pytest.fixture(scope="session")
def small() -> protocols.Protocol:
    return protocols.parse(STUDY)


@pytest.fixture(scope="session")
def study_text() -> str:
    """The small study as it is written."""
    return STUDY


@pytest.fixture
def study_file(tmp_path: Path) -> Path:
    """The small study as a file, for another process."""
    (tmp_path / "study.toml").write_text(STUDY, encoding="utf-8")
    return tmp_path / "study.toml"


@pytest.fixture
def screening(small: protocols.Protocol) -> Callable[..., Screening]:
    """Makes a screening of patients p1 ... pn."""

    def make(patients: int = 2, **more: Any) -> Screening:
        return Screening(small, [f"p{i + 1}" for i in range(patients)], **more)

    return make


@pytest.fixture(scope="session")
def postgres_database(postgres_url: str) -> Iterator[URL]:
    """A database of our own on the server: making one per test would cost seconds each."""
    server = make_url(postgres_url)
    name = f"review_{uuid.uuid4().hex}"
    admin = create_engine(server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    yield server.set(database=name)
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An address at which an empty study database may be made: a file, or a schema of its own."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'study.db'}"
    server: URL = request.getfixturevalue("postgres_database")
    schema = f"s{uuid.uuid4().hex}"
    admin = create_engine(server)
    with admin.begin() as connection:
        connection.execute(text(f"CREATE SCHEMA {schema}"))
    admin.dispose()
    mine = server.update_query_dict({"options": f"-csearch_path={schema}"})
    return mine.render_as_string(hide_password=False)


@pytest.fixture
def db(database_url: str, small: protocols.Protocol) -> Iterator[StudyDatabase]:
    with StudyDatabase.open(database_url, small) as opened:
        yield opened


def hire(db: StudyDatabase) -> People:
    """Accounts of every role."""
    roles = ["reviewer"] * 2 + ["arbitrator"] * 2 + ["abstractor"] * 2
    names = ["rev1", "rev2", "arb1", "arb2", "typ1", "typ2"]
    made = [
        accounts.add(db, accounts.MACHINE, account_id=name, name=name.upper(), role=role)
        for name, role in zip(
            [*names, "boss", "audi", "anal"], [*roles, "data_manager", "auditor", "analyst"], strict=True
        )
    ]
    return People(*made)


@pytest.fixture
def people(db: StudyDatabase) -> People:
    return hire(db)


@pytest.fixture
def queued(
    db: StudyDatabase, people: People, small: protocols.Protocol, screening: Callable[..., Screening]
) -> StudyDatabase:
    """Two candidates, each given to both reviewers."""
    queue.enqueue(db, small, screening(2), "run1")
    queue.assign(db, accounts.MACHINE, seed=1)
    return db


@pytest.fixture(scope="session")
def hiring() -> Callable[[StudyDatabase], People]:
    """For tests that open databases of their own."""
    return hire
