"""Nights after the first: what has landed, what is queued and what is reopened is what a fresh start would say.

One chain of pulls goes on night after night; after each night a study that knows nothing pulls the same
hospital anew.  What must follow from a night is computed from the two fresh pulls around it.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest
import tomlkit

from extract.chart.screening import Screening
from extract.his.approval import approve
from extract.his.history import history
from extract.his.landing import Landing
from extract.his.records import TABLES
from extract.study.database import StudyDatabase
from extract.study.folder import StudyFolder
from extract.synthetic.hospital import build
from extract.synthetic.nights import NightReport, next_night
from extract.synthetic.people import patient_number
from flows import steps
from flows.demo import simulate, write_study
from flows.notice import notice
from validate.review.cases import cases

OURS = ["first_seen", "last_seen", "run", "updated_at"]
"""Columns that tell of our pulls; and the time of a row, which is no part of its content."""

pytestmark = pytest.mark.timeout(600)


@dataclass
class State:
    """What a study says after a pull and a screening."""

    rows: dict[str, Any]
    hashes: dict[str, str]
    versions: dict[str, str]
    followed: dict[str, str]
    """Records of patients who left the search, and are followed on."""
    files: dict[str, bytes]
    facts: tuple[Any, ...]
    screening: Screening
    report: dict[str, Any]

    @classmethod
    def of(cls, study: StudyFolder, report: dict[str, Any]) -> State:
        """As it stands now."""
        landing = Landing(study.landing)
        tables = {table: landing.current(table) for table in TABLES}
        versions = versions_of(tables)
        every = versions_of({table: landing.current(table, [], followed=True) for table in TABLES})
        return cls(
            rows={table: found.drop_columns(OURS) for table, found in tables.items()},
            hashes=landing.content_hashes(),
            versions=versions,
            followed={record: version for record, version in every.items() if record not in versions},
            files={file.name: file.read_bytes() for file in study.screen.iterdir()},
            facts=(landing.candidates().to_pylist(), landing.window_totals(), landing.rejected()),
            screening=Screening.load(study),
            report=report,
        )

    @property
    def screened_in(self) -> set[str]:
        """The candidates that people judge."""
        found = self.screening.candidates.to_pylist()
        return {row["patient_id"] for row in found if row["state"] == "screened_in"}

    def shown(self) -> dict[tuple[str, str], list[str]]:
        """(patient, criterion) -> anchor and evidence, each piece with all that its record says."""
        contents = {
            row["record_id"]: repr(sorted((k, repr(v)) for k, v in row.items() if k != "version"))
            for found in self.rows.values()
            for row in found.to_pylist()
        }
        anchor = {row["patient_id"]: row for row in self.screening.candidates.to_pylist()}
        cited = {
            (row["patient_id"], row["criterion"]): set(row["evidence"])
            for row in self.screening.verdicts.to_pylist()
        }
        found = {place: [repr(anchor[place[0]]["t0_visit_id"])] for place in cited}
        for row in self.screening.evidence.to_pylist():
            piece = repr([row[k] for k in ("table", "field", "start", "end", "quote")])
            for place, ids in cited.items():
                if place[0] == row["patient_id"] and (
                    row["criterion"] == place[1] or row["evidence_id"] in ids
                ):
                    found[place].append(piece + contents[row["record_id"]])
        return {place: sorted(set(pieces)) for place, pieces in found.items()}


def written(folder: Path, his: str) -> None:
    """A study on this hospital, approved; a server's account may write, because it builds the hospital as well."""
    write_study(folder, his=his)
    if his.startswith("postgresql"):
        site = tomlkit.parse((folder / "site.toml").read_text(encoding="utf-8"))
        site.setdefault("safety", tomlkit.table())["allow_write_right"] = "a test"
        (folder / "site.toml").write_text(tomlkit.dumps(site), encoding="utf-8")
        approve(StudyFolder.at(folder), by="a test", reason="a test", simulated=True)


def versions_of(tables: dict[str, Any]) -> dict[str, str]:
    return {
        record: version
        for found in tables.values()
        for record, version in zip(found["record_id"].to_pylist(), found["version"].to_pylist(), strict=True)
    }


@dataclass
class Chain:
    """A study over nights, with a fresh pull beside each."""

    root: Path
    study: StudyFolder
    nights: list[NightReport | None] = field(default_factory=list)
    ours: list[State] = field(default_factory=list)
    fresh: list[State] = field(default_factory=list)
    queued: list[dict[str, int]] = field(default_factory=list)
    before: list[dict[tuple[str, str, int], int]] = field(default_factory=list)
    after: list[dict[tuple[str, str, int], int]] = field(default_factory=list)
    his: str = "sqlite:///../his.db"

    def night(self, report: NightReport | None) -> None:
        """Pull, screen and queue; and once more from nothing."""
        number = len(self.ours)
        self.nights.append(report)
        told = steps.pull(self.study.root)
        steps.screen(self.study.root)
        self.before.append(self.standing() if number else {})
        self.queued.append(steps.queue(self.study.root, told["run"]))
        self.after.append(self.standing())
        self.ours.append(State.of(self.study, told))
        other = self.root / f"fresh-{number}"
        written(other, self.his)
        again = steps.pull(other)
        steps.screen(other)
        self.fresh.append(State.of(StudyFolder.at(other), again))

    def known(self, night: int) -> dict[str, str]:
        """What the hospital says of everybody who is or was searched for: record -> version."""
        return self.fresh[night].versions | self.ours[night].followed

    def standing(self) -> dict[tuple[str, str, int], int]:
        """(patient, criterion, place) -> the opinion that stands there."""
        with self.database() as database, database.reading() as connection:
            return {
                (patient, criterion, place): opinion.id
                for patient, case in cases(connection).items()
                for criterion, standing in case.standing.items()
                for place, opinion in ((1, standing.first), (2, standing.second))
                if opinion is not None
            }

    def present(self) -> dict[str, bool]:
        """Patient -> whether the queue has it as a candidate."""
        with self.database() as database, database.reading() as connection:
            return {patient: case.candidate.present for patient, case in cases(connection).items()}

    def database(self) -> StudyDatabase:
        """The study's database."""
        return StudyDatabase.open(self.study, self.study.protocol())


@pytest.fixture(scope="module")
def chain(tmp_path_factory) -> Chain:
    """A first pull that people have judged, and three nights."""
    root = tmp_path_factory.mktemp("nights")
    build(root / "his.db", patients=130, truth=root / "truth.json")
    write_study(root / "study", his="sqlite:///../his.db")
    chain = Chain(root, StudyFolder.at(root / "study"))
    chain.night(None)
    simulate(chain.study.root, 7)
    chain.after[0] = chain.standing()
    for seed in (11, 12):
        chain.night(next_night(root / "his.db", seed=seed, changed=0.03))
    return chain


@pytest.fixture
def his_on_postgresql(postgres_url) -> Iterator[str]:
    """An empty database."""
    name = f"flows_nights_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(postgres_url.replace("+psycopg", ""), autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}")
        yield f"{postgres_url.rpartition('/')[0]}/{name}"
        server.execute(f"DROP DATABASE {name} WITH (FORCE)")


NIGHTS = (1, 2)


@pytest.mark.parametrize("night", NIGHTS)
def test_what_has_landed_is_what_a_fresh_pull_lands(chain, night):
    """Row for row and hash for hash; the screening of it byte for byte; and the funnel's top and what is counted."""
    ours, fresh = chain.ours[night], chain.fresh[night]
    for table in TABLES:
        assert ours.rows[table].equals(fresh.rows[table]), table
    assert ours.hashes == fresh.hashes
    assert ours.facts == fresh.facts
    assert ours.files == fresh.files


@pytest.mark.parametrize("night", NIGHTS)
def test_new_changed_unchanged_and_gone_are_the_differences_of_two_nights(chain, night):
    """Those who left the search are followed on, and counted with their charts."""
    before, after = chain.known(night - 1), chain.known(night)
    both = before.keys() & after.keys()
    for table, told in chain.ours[night].report["records"].items():
        of_table = [record for record in before.keys() | after.keys() if record.startswith(f"{table}:")]
        assert told == {
            "new": sum(r not in before for r in of_table),
            "changed": sum(r in both and before[r] != after[r] for r in of_table),
            "unchanged": sum(r in both and before[r] == after[r] for r in of_table),
            "gone": sum(r not in after for r in of_table),
        }
    assert sum(told["gone"] for told in chain.ours[night].report["records"].values()) > 0


def test_somebody_left_the_search_and_is_followed_on(chain):
    """Otherwise the equality with a fresh pull would prove less than it says."""
    assert chain.ours[-1].followed
    assert not chain.ours[-1].followed.keys() & chain.fresh[-1].versions.keys()


def test_first_and_last_seen_are_those_of_the_runs_that_saw(chain):
    """Every version is dated by the run that first saw it, every record by the last."""
    runs = [state.report["run"] for state in chain.ours]
    known = [chain.known(n) for n in range(3)]
    with sqlite3.connect(chain.study.landing / "ledger.db") as ledger:
        times = {
            run: (began, ended)
            for run, began, ended in ledger.execute("SELECT run, started_at, finished_at FROM run")
        }
    ledger.close()
    landing = Landing(chain.study.landing)
    for table in TABLES:
        columns = landing.current(table, []).to_pylist()
        for row in columns:
            first = next(n for n in range(3) if known[n].get(row["record_id"]) == row["version"])
            assert row["run"] == runs[first], row["record_id"]
            assert times[runs[first]][0] <= str(row["first_seen"]) <= times[runs[first]][1]
            assert times[runs[-1]][0] <= str(row["last_seen"]) <= times[runs[-1]][1]


def test_the_history_of_every_record_is_what_the_fresh_pulls_say(chain):
    """Of each record that changed or went: its versions in order, with the nights they stood."""
    runs = [state.report["run"] for state in chain.ours]
    known = [chain.known(n) for n in range(3)]
    every = sorted({record for versions in known for record in versions})
    moved = [r for r in every if len({versions.get(r) for versions in known}) > 1]
    kinds = set()
    assert len(moved) > 100
    for record in moved[:: max(1, len(moved) // 60)]:
        said = [versions.get(record) for versions in known]
        seen = history(chain.study.landing, record)
        expected = [
            (version, n)
            for n, version in enumerate(said)
            if version is not None and (n == 0 or said[n - 1] != version)
        ]
        assert [(one.version, runs.index(one.run)) for one in seen] == expected
        assert all(one.changed for one in seen[1:] if one.version != seen[0].version)
        gone = [n for n in range(1, len(said)) if said[n] is None and said[n - 1] is not None]
        kinds.add((len(seen), bool(gone)))
        told = [runs.index(one.gone) for one in seen if one.gone]
        assert told == gone
    assert {(1, True), (2, False)} <= kinds


@pytest.mark.parametrize("night", NIGHTS)
def test_exactly_the_opinions_whose_evidence_changed_are_reopened(chain, night):
    """Computed from the two fresh screenings, with the contents of the records and none of our hashes."""
    assert reopened(chain, night) > 4


def test_exactly_these_on_postgresql_too_where_a_night_asks_for_a_few(his_on_postgresql, tmp_path):
    """...and reads no chart of the others: their opinions stand, or fall by what they share with the few."""
    build(his_on_postgresql, patients=130, truth=tmp_path / "truth.json")
    written(tmp_path / "study", his_on_postgresql)
    chain = Chain(tmp_path, StudyFolder.at(tmp_path / "study"), his=his_on_postgresql)
    chain.night(None)
    simulate(chain.study.root, 7)
    chain.after[0] = chain.standing()
    chain.night(next_night(his_on_postgresql, seed=11, changed=0.03))
    told = chain.ours[1].report
    assert told["mode"] == "night"
    assert 0 < told["asked"] < chain.ours[0].report["asked"]
    assert reopened(chain, 1) > 4


def reopened(chain: Chain, night: int) -> int:
    """How many opinions the night reopened, held against what the two fresh screenings show."""
    given, now = chain.fresh[0].shown(), chain.fresh[night].shown()
    present = chain.fresh[night].screened_in
    kept = {place for place in chain.after[0] if place[0] in present and given[place[:2]] == now[place[:2]]}
    assert {place for place in chain.after[night] if place[0] in present} == kept
    due = {place for place in chain.before[night] if place[0] in present} - kept
    assert chain.queued[night]["reopened"] == len(due)
    # What stands is the very opinion that was given.
    assert all(chain.after[night][place] == chain.after[0][place] for place in kept)
    return len(due)


@pytest.mark.parametrize("night", NIGHTS)
def test_who_vanished_is_marked_and_counted_and_who_is_new_is_queued(chain, night):
    before, after = chain.fresh[night - 1].screened_in, chain.fresh[night].screened_in
    ever = set().union(*(state.screened_in for state in chain.fresh[:night]))
    assert chain.queued[night]["vanished"] == len(before - after) > 0
    assert chain.queued[night]["new"] == len(after - ever) > 0
    newcomers = set(chain.nights[night].patients("newcomer"))
    assert newcomers <= after
    if night == NIGHTS[-1]:
        present = chain.present()
        assert {patient for patient, there in present.items() if there} == after
        assert {patient for patient, there in present.items() if not there} == (ever | after) - after


def test_a_t1_on_a_second_card_is_not_found_until_the_cards_are_merged(chain):
    """A planted patient loses the value of T1, and has it again when both cards are one person."""
    moved = {
        c.patient_id for c in chain.nights[1].changes if c.kind == "card.found" and c.table == "CLINIC_MASTER"
    } & {patient_number(index) for index in range(90)}
    assert moved
    at_first, apart, joined = (t1_values(state) for state in chain.fresh)
    assert all(number in at_first and at_first[number] != apart.get(number) for number in moved)
    assert any(at_first[number][1] == joined.get(number, ("", ""))[1] for number in moved)
    back = {row["patient_id"]: row["record_id"] for row in values_of(chain.fresh[2], "vas", "T1")}
    assert any(number not in back[number] for number in moved if back.get(number))


def values_of(state: State, variable: str, timepoint: str) -> list[dict[str, Any]]:
    found = state.screening.values.to_pylist()
    return [row for row in found if (row["variable"], row["timepoint"]) == (variable, timepoint)]


def t1_values(state: State) -> dict[str, tuple[str, str]]:
    """Patient -> the record and the value of the pain score at T1."""
    return {
        row["patient_id"]: (row["record_id"], row["value"])
        for row in values_of(state, "vas", "T1")
        if row["status"] == "found"
    }


def test_an_identical_night_changes_nothing_downstream(chain):
    """No file, no version, no opinion, no candidate; the screening is the same bytes; only `last seen` moves on."""
    files = {p: p.stat().st_mtime_ns for p in (chain.study.landing / "records").rglob("*")}
    standing, last = chain.standing(), chain.ours[-1]
    with chain.database() as database, database.reading() as connection:
        rows = connection.exec_driver_sql("SELECT COUNT(*), MAX(id) FROM candidate_state").fetchall()
    told = steps.pull(chain.study.root)
    steps.screen(chain.study.root)
    queued = steps.queue(chain.study.root, told["run"])
    assert set(queued.values()) == {0}
    assert {n for counts in told["records"].values() for k, n in counts.items() if k != "unchanged"} == {0}
    assert {p: p.stat().st_mtime_ns for p in (chain.study.landing / "records").rglob("*")} == files
    again = State.of(chain.study, told)
    assert (again.files, again.hashes, again.versions) == (last.files, last.hashes, last.versions)
    assert chain.standing() == standing
    with chain.database() as database, database.reading() as connection:
        assert connection.exec_driver_sql("SELECT COUNT(*), MAX(id) FROM candidate_state").fetchall() == rows
    assert notice(queued)["text"]["en"].startswith("0 new candidates, 0 with changed evidence, 0 vanished")


def test_a_night_of_touched_rows_alone_changes_nothing_downstream(chain, tmp_path, cohortlock):
    """Every document saved again and every result's time cleared of seconds: times are no content of notes."""
    study = tmp_path / "study"
    shutil.copytree(chain.study.root, study)
    shutil.copy(chain.root / "his.db", tmp_path / "his.db")
    with sqlite3.connect(tmp_path / "his.db") as his:
        his.execute("UPDATE JHMR_FILE_INDEX SET LAST_MODIFY_DATE_TIME = '2026-01-01 00:00:00'")
    his.close()
    told = cohortlock("pull", study, "--json").json
    assert {n for counts in told["records"].values() for k, n in counts.items() if k != "unchanged"} == {0}
    assert {k: v for k, v in told["notice"].items() if k != "text"} == {
        "new": 0, "changed": 0, "vanished": 0, "reopened": 0,
    }  # fmt: skip


def test_history_on_the_command_line_names_columns_and_prints_values_only_when_told_to(chain, cohortlock):
    """`cohortlock history STUDY RECORD`: versions in order; `--values` is the one way to see patient data."""
    change = next(c for c in chain.nights[1].changes if c.kind == "corrected.place" and lab(c) in
                  chain.fresh[0].versions and lab(c) in chain.fresh[1].versions)  # fmt: skip
    said = cohortlock("history", chain.study.root, lab(change), "--json").json
    assert said["record"] == lab(change)
    assert len(said["versions"]) == 2
    assert "raw_value" in said["versions"][1]["changed"]
    assert set(said["versions"][0]) == {
        "version", "first_seen", "last_seen", "run", "last_run", "gone", "changed",
    }  # fmt: skip
    shown = cohortlock("history", chain.study.root, lab(change), "--values", "--json").json
    values = [one["values"]["raw_value"] for one in shown["versions"]]
    assert values[0] != values[1]
    plain = cohortlock("history", chain.study.root, lab(change))
    assert "changed: " in plain.out
    assert "raw_value = " not in plain.out
    assert f"raw_value = {values[1]}" in cohortlock("history", chain.study.root, lab(change), "--values").out
    missing = cohortlock("history", chain.study.root, "lab:nobody", "--json")
    assert (missing.code, missing.json["error"]["slug"]) == (19, "not-found")


def lab(change: Any) -> str:
    """The record that a row of LAB_RESULT becomes."""
    return f"lab:{'|'.join(change.key)}"


def test_pull_ends_with_the_nights_notice(chain, tmp_path, cohortlock):
    """In JSON as counts and two sentences, at a terminal as one line; counted by the queue."""
    study = tmp_path / "study"
    shutil.copytree(chain.study.root, study)
    shutil.copy(chain.root / "his.db", tmp_path / "his.db")
    next_night(tmp_path / "his.db", seed=13, changed=0.03)
    told = cohortlock("pull", study, "--json").json["notice"]
    assert told["new"] > 0
    assert told["changed"] > 0
    assert told["text"]["en"] == (
        f"{told['new']} new candidates, {told['changed']} with changed evidence, {told['vanished']} vanished;"
        f" {told['reopened']} opinions reopened"
    )
    assert json.dumps(told["vanished"]) in told["text"]["zh"]
    assert (
        cohortlock("pull", study).out.splitlines()[-1].startswith("0 new candidates, 0 with changed evidence")
    )
