"""A night asks for what has changed and nothing else, and ends where a pull that knows nothing ends."""

from __future__ import annotations

import json
import random
import re
import shutil
import sqlite3
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from extract.his.approval import card
from extract.his.asked import asked_offline
from extract.his.compile import Statement
from extract.his.guard.watch import Guard
from extract.his.landing import Landing
from extract.his.looks import Sight
from extract.his.marks import few
from extract.his.pull import PullReport, pull
from extract.his.records import TABLES
from extract.his.sites import load_site
from extract.study.folder import StudyFolder
from extract.synthetic.hospital import build
from extract.synthetic.nights import next_night
from extract.synthetic.schema import create_tables

OURS = ["first_seen", "last_seen", "run", "updated_at"]
BESIDE = [
    ("lab_test_master", "test_no"), ("jhmr_file_content_text", "file_unique_id"), ("pat_id_merge", "patient_id"),
    ("exam_report", "exam_no"),
]  # fmt: skip
PEOPLE = [f"{n:03}" for n in range(1, 13)]
ALLOWED = '\n[safety]\nallow_write_right = "a test"\n'


def state(study: StudyFolder, report: PullReport) -> dict[str, object]:
    """All that a pull leaves behind for those who come after it."""
    with closing(Landing(study.landing)) as landing:
        return {
            "rows": {table: landing.current(table).drop_columns(OURS).to_pylist() for table in TABLES},
            "hashes": landing.content_hashes(),
            "candidates": landing.candidates().to_pylist(),
            "totals": landing.window_totals(),
            "rejected": landing.rejected(),
            "visits": report.candidates,
        }


@pytest.fixture
def database(postgres_url: str) -> Iterator[str]:
    """An empty database on PostgreSQL."""
    name = f"nights_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(postgres_url.replace("+psycopg", ""), autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}")
        yield f"{postgres_url.rpartition('/')[0]}/{name}"
        server.execute(f"DROP DATABASE {name} WITH (FORCE)")


class Hospital:
    """A dozen patients on PostgreSQL, to whom anything may happen, and most of it wrong.

    ``keyed``: what is looked up beside a row is there once, as where a hospital's tables have their keys.
    """

    def __init__(self, url: str, seed: int, *, keyed: bool = False, rows: int = 30) -> None:
        self.db = psycopg.connect(url.replace("+psycopg", ""), autocommit=True)
        self.slow = psycopg.connect(url.replace("+psycopg", ""))
        self.dice = random.Random(seed)
        self.serial = 0
        for statement in create_tables():
            self.db.execute(statement)
        for table, column in BESIDE if keyed else ():
            self.db.execute(f"CREATE UNIQUE INDEX ON {table} ({column})")
        for patient in PEOPLE:
            self.db.execute("INSERT INTO pat_master_index (patient_id, sex) VALUES (%s, '男')", (patient,))
        for _ in range(rows):
            self._visit()
            self._note()
            self._request()
            self._stay()

    def close(self) -> None:
        """Let the database go."""
        self.slow.close()
        self.db.close()

    def _number(self) -> int:
        self.serial += 1
        return self.serial

    def _patient(self) -> str | None:
        return (
            self.dice.choice([*PEOPLE, "404", None]) if self.dice.random() < 0.1 else self.dice.choice(PEOPLE)
        )

    def _day(self) -> datetime:
        return datetime(2021, 10, 1) + timedelta(days=self.dice.randint(0, 1400))  # noqa: DTZ001

    def _row(self, sql: str) -> tuple[object, ...]:
        found = self.db.execute(sql).fetchall()
        return self.dice.choice(sorted(found, key=str)) if found else ()

    def _visit(self) -> None:
        self.db.execute(
            "INSERT INTO clinic_master (visit_date, visit_no, patient_id, visit_dept) VALUES (%s, %s, %s, '骨科')",
            (self._day(), self._number(), self._patient()),
        )

    def _stay(self) -> None:
        self.db.execute(
            "INSERT INTO pat_visit (patient_id, visit_id, admission_date_time) VALUES (%s, %s, %s)",
            (self._patient() or "001", self._number(), self._day()),
        )

    def _note(self) -> None:
        """Of a visit that may be another's, or no visit at all."""
        day, no, patient = self._row("SELECT visit_date, visit_no, patient_id FROM clinic_master") or (
            self._day(),
            0,
            "001",
        )
        text = self.dice.choice(["腰痛1年", "颈痛", "咳嗽", "腰痛，ESR 30", "无"])
        whose = patient if patient and self.dice.random() < 0.8 else self._patient() or "002"
        self.db.execute(
            "INSERT INTO outp_mr (patient_id, visit_date, visit_no, ordinal, illness_desc) VALUES (%s, %s, %s, %s, %s)",
            (whose, day, no, self._number(), text),
        )

    def _request(self) -> None:
        no = f"T{self._number()}"
        self.db.execute(
            "INSERT INTO lab_test_master (test_no, patient_id, visit_id, spcm_sample_date_time, result_status)"
            " VALUES (%s, %s, %s, %s, %s)",
            (
                no,
                self._patient(),
                self.dice.choice([None, 0, 1, 2, 3]),
                self._day(),
                self.dice.choice("4441"),
            ),
        )
        self._result(no)

    def _result(self, no: str | None = None) -> None:
        no = no or str((self._row("SELECT test_no FROM lab_test_master") or ("T0",))[0])
        self.db.execute(
            "INSERT INTO lab_result (test_no, item_no, print_order, report_item_name, result) VALUES (%s, %s, 1, %s, %s)",
            (
                no,
                self.dice.choice([1, 1, 2, self._number()]),
                self.dice.choice(["ESR", "血沉(ESR)", "血常规"]),
                "20",
            ),
        )

    def happens(self) -> None:
        """One thing of a night; no row of it says when it was changed."""
        kind = self.dice.randrange(16)
        if kind < 5:
            (self._visit, self._note, self._request, self._result, self._stay)[kind]()
            return
        if kind > 12:
            (self._document, self._deleted_and_back, self._meanwhile)[kind - 13]()
            return
        table, column, value = [
            ("lab_result", "result", str(self._number())),
            ("outp_mr", "illness_desc", self.dice.choice(["腰痛", "好转", None])),
            ("lab_test_master", "patient_id", self._patient()),
            ("clinic_master", "patient_id", self._patient()),
            ("lab_test_master", "result_status", self.dice.choice("41")),
            ("", "", None), ("", "", None), ("", "", None),
        ][kind - 5]  # fmt: skip
        if table:
            self.db.execute(f"UPDATE {table} SET {column} = %s WHERE ctid = %s", (value, self._ctid(table)))
        elif kind == 10:
            table = self.dice.choice(
                ["lab_result", "outp_mr", "clinic_master", "lab_test_master", "pat_visit"]
            )
            self.db.execute(f"DELETE FROM {table} WHERE ctid = %s", (self._ctid(table),))
        elif kind == 11:
            pair = self.dice.sample(PEOPLE, 2)
            self.db.execute("DELETE FROM pat_id_merge WHERE patient_id = %s", pair[:1])
            self.db.execute("INSERT INTO pat_id_merge (patient_id, into_patient_id) VALUES (%s, %s)", pair)
        else:
            self.db.execute("DELETE FROM pat_id_merge WHERE ctid = %s", (self._ctid("pat_id_merge"),))

    def _document(self) -> None:
        """A document, whose text may come on a later night."""
        no = f"F{self._number()}"
        self.db.execute(
            "INSERT INTO jhmr_file_index (file_unique_id, patient_id, topic, caption_date_time) VALUES (%s, %s, '病程', %s)",
            (no, self._patient(), self._day()),
        )
        waiting = self._row(
            "SELECT file_unique_id FROM jhmr_file_index f WHERE NOT EXISTS"
            " (SELECT 1 FROM jhmr_file_content_text t WHERE t.file_unique_id = f.file_unique_id)"
        )
        if waiting and self.dice.random() < 0.6:
            self.db.execute("INSERT INTO jhmr_file_content_text VALUES (%s, '腰痛')", waiting)

    def _deleted_and_back(self) -> None:
        """Rows are deleted, and the same or others come instead: as many rows as before."""
        table = self.dice.choice(["lab_result", "outp_mr", "clinic_master", "jhmr_file_index"])
        rows = self.db.execute(f"SELECT * FROM {table}").fetchall()
        taken = self.dice.sample(sorted(rows, key=str), min(len(rows), 2))
        with self.db.transaction():
            for row in taken:
                named = [
                    column.name
                    for column in self.db.execute(f"SELECT * FROM {table} LIMIT 0").description or ()
                ]
                same = " AND ".join(f"{name} IS NOT DISTINCT FROM %s" for name in named)
                self.db.execute(f"DELETE FROM {table} WHERE {same}", row)
            for row in taken[: self.dice.choice([1, 2])]:
                other = [
                    self._patient() if value in PEOPLE and self.dice.random() < 0.5 else value
                    for value in row
                ]
                self.db.execute(f"INSERT INTO {table} VALUES ({', '.join('%s' for _ in row)})", other)

    def _meanwhile(self) -> None:
        """A transaction that was open during a pull ends; another begins, and writes what only a later pull can see."""
        self.slow.commit()
        self.slow.execute(
            "INSERT INTO lab_result (test_no, item_no, print_order, report_item_name, result)"
            " SELECT test_no, %s, 1, 'ESR', '30' FROM lab_test_master ORDER BY test_no LIMIT 1",
            (self._number(),),
        )
        found = self.slow.execute(
            "SELECT ctid FROM jhmr_file_content_text FOR UPDATE SKIP LOCKED LIMIT 1"
        ).fetchone()
        if found:
            self.slow.execute("DELETE FROM jhmr_file_content_text WHERE ctid = %s", found)

    def _ctid(self, table: str) -> object:
        return (self._row(f"SELECT ctid FROM {table}") or ("(0,0)",))[0]


@pytest.mark.parametrize(("seed", "keyed"), [(1, False), (2, True), (3, True)])
def test_whatever_happens_the_state_of_a_night_is_that_of_a_fresh_full_pull(
    seed: int, keyed: bool, database: str, studies: Callable[..., StudyFolder], tmp_path: Path
) -> None:
    """Corrections, deletions, rows that come back as others', keys that come twice, transactions that were open
    during a pull, patients merged and parted, records of another's visit; where keys hold and where they do not."""  # noqa: D205, D209
    limits = "key_batch = 3\nsweep_days = 0\nwindow = 'year'\ndrift_share = 1.0" + ALLOWED
    chain = studies(tmp_path / "chain", database, limits=limits)
    with closing(Hospital(database, seed, keyed=keyed)) as hospital:
        pull(chain)
        asked = []
        for night in range(6):
            for _ in range(hospital.dice.choice([0, 1, 1, 2, 6])):
                hospital.happens()
            report = pull(chain)
            assert report.mode == "night"
            asked.append((report.asked, report.patients))
            fresh = studies(tmp_path / f"fresh{night}", database, limits=limits)
            assert state(chain, report) == state(fresh, pull(fresh))
    assert any(some < everybody for some, everybody in asked)


def test_nights_of_the_demo_hospital_on_postgresql(
    database: str, studies: Callable[..., StudyFolder], tmp_path: Path
) -> None:
    """Late, corrected, voided, deleted, merged and parted: most of it without a time, or with a day alone."""
    build(database, patients=120, truth=tmp_path / "truth.json")
    chain = studies(tmp_path / "chain", database, limits=ALLOWED)
    first = pull(chain)
    assert first.mode == "full"
    for seed in (11, 12):
        next_night(database, seed=seed, changed=0.02)
        report = pull(chain)
        assert (report.mode, report.asked < report.patients) == ("night", True)
        fresh = studies(tmp_path / f"fresh{seed}", database, limits=ALLOWED)
        told = pull(fresh)
        assert state(chain, report) == state(fresh, told)
        assert sum(n["new"] + n["changed"] + n["gone"] for n in report.records.values()) > 0
    again = pull(chain)
    assert (again.mode, again.asked) == ("night", 0)
    assert state(chain, again) == state(fresh, told)


def test_a_night_without_changes_asks_for_no_chart_and_writes_no_file(
    database: str, studies: Callable[..., StudyFolder], tmp_path: Path
) -> None:
    """...and reads each source table once: the load report names every statement."""
    chain = studies(tmp_path / "chain", database, limits=ALLOWED)
    with closing(Hospital(database, 4)):
        pull(chain)
        files = {f: f.stat().st_mtime_ns for f in chain.landing.rglob("*.parquet")}
        report = pull(chain)
    assert report.asked == 0
    assert {f: f.stat().st_mtime_ns for f in chain.landing.rglob("*.parquet")} == files
    load = json.loads(Path(report.load).read_text(encoding="utf-8"))
    kinds = {line["name"] for line in load["statements"]}
    assert {kind.partition(" ")[0] for kind in kinds} == {"sight"}


def sent(report: PullReport) -> set[str]:
    """The names of the statements of a pull."""
    return {line["name"] for line in json.loads(Path(report.load).read_text(encoding="utf-8"))["statements"]}


@pytest.mark.parametrize("lost", [None, "lab_result", "lab_test_master"])
def test_a_few_new_rows_are_looked_up_alone_until_somebody_else_has_lost_one(
    lost: str | None, database: str, studies: Callable[..., StudyFolder], tmp_path: Path
) -> None:
    """...be there as many rows as before: then everybody's marks are compared, and it is found."""
    limits = "sweep_days = 0\ndrift_share = 1.0" + ALLOWED
    chain = studies(tmp_path / "chain", database, limits=limits)
    with closing(Hospital(database, 8, keyed=True, rows=0)) as hospital:
        db = hospital.db
        for patient in ("001", "002"):
            for no in "ABC":
                named = {"no": f"{patient}{no}", "patient": patient}
                db.execute(
                    "INSERT INTO lab_test_master (test_no, patient_id, spcm_sample_date_time, result_status)"
                    " VALUES (%(no)s, %(patient)s, '2023-01-01', '4')", named,
                )  # fmt: skip
                db.execute("INSERT INTO lab_result (test_no, item_no, print_order, report_item_name, result)"
                           " VALUES (%(no)s, 1, 1, 'ESR', '9')", named)  # fmt: skip
            db.execute("INSERT INTO clinic_master (visit_date, visit_no, patient_id) VALUES ('2023-01-01', %s, %s)",
                       (int(patient) + 900, patient))  # fmt: skip
            db.execute("INSERT INTO outp_mr (patient_id, visit_date, visit_no, ordinal, illness_desc)"
                       " VALUES (%s, '2023-01-01', %s, 1, '腰痛')", (patient, int(patient) + 900))  # fmt: skip
        pull(chain)
        db.execute("UPDATE lab_result SET result = '77' WHERE test_no = '001A'")
        db.execute("INSERT INTO lab_result (test_no, item_no, print_order, report_item_name, result)"
                   " VALUES ('001B', 2, 1, 'ESR', '8')")  # fmt: skip
        if lost:
            db.execute(f"DELETE FROM {lost} WHERE test_no = '002C'")
        report = pull(chain)
        whole = {name for name in sent(report) if name.startswith(("moved lab", "marks lab"))}
        # A request that is gone leaves its results without a patient: the new rows alone cannot tell whose they were.
        assert whole == {None: {"moved lab"}, "lab_result": {"moved lab", "marks lab"}}.get(
            lost, {"marks lab"}
        )
        fresh = studies(tmp_path / "fresh", database, limits=limits)
        assert state(chain, report) == state(fresh, pull(fresh))
        assert report.records["lab"]["gone"] == (1 if lost else 0)
        assert report.records["lab"]["new"] == report.records["lab"]["changed"] == 1


def test_signs_too_far_apart_say_nothing() -> None:
    """Numbers of transactions begin anew; so does a server that lost its last ones, and then looks younger."""
    then = Sight(5000, "9", {}, {}, low=1000)
    assert few(then, Sight(5000, "9", {}, {}, low=1000, fresh=250))
    assert not few(then, Sight(50000, "9", {}, {}, low=1000, fresh=2501))
    assert not few(then, Sight(5000, "9", {}, {}, low=1000 + 2**31))
    assert not few(then, Sight(5000, "9", {}, {}, low=999))
    assert not few(Sight(5000, "9", {}, {}), Sight(5000, "9", {}, {}, low=1000))


def test_nothing_is_sent_that_the_approval_card_does_not_show(
    database: str, studies: Callable[..., StudyFolder], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """...to the letter but for the number of keys, over a first pull and nights in which everything happens."""
    texts: dict[str, str] = {}
    stream = Guard.stream

    def noted(guard: Guard, statement: Statement, *given: object) -> object:
        texts[re.sub(r":k\d+(, :k\d+)*", ":k", statement.sql)] = statement.name
        return stream(guard, statement, *given)  # type: ignore[arg-type]

    monkeypatch.setattr(Guard, "stream", noted)
    chain = studies(tmp_path / "chain", database, limits="sweep_days = 0\nkey_batch = 3" + ALLOWED)
    with closing(Hospital(database, 6)) as hospital:
        shown = card(chain)["statements"]
        for night in range(4):
            for _ in range(night * 6):
                hospital.happens()
            pull(chain)
    allowed = {re.sub(r":k\d+(, :k\d+)*", ":k", one["sql"]) for one in shown}
    assert [name for sql, name in texts.items() if sql not in allowed] == []
    kinds = {name.split()[0] for name in texts.values()}
    assert {
        "sight",
        "marks",
        "mergers",
        "strays",
        "visits",
        "candidates",
        "chart",
        "window_totals",
        "moved",
        "filled",
    } <= kinds
    assert {"strays document of some", "candidates of some"} <= set(texts.values())
    offline = {(one.statement.name, one.en) for one in asked_offline(load_site(chain), chain.protocol())}
    assert offline == {(one["name"], one["times"]["en"]) for one in shown}


def test_a_full_pull_can_be_asked_for_and_comes_again_by_itself(
    database: str, studies: Callable[..., StudyFolder], tmp_path: Path
) -> None:
    """``--full``, another program version, another way of reading, or ``sweep_days``."""
    chain = studies(tmp_path / "chain", database, limits=ALLOWED)
    with closing(Hospital(database, 5)):
        assert [pull(chain).mode, pull(chain).mode, pull(chain, full=True).mode] == ["full", "night", "full"]
        assert pull(chain).mode == "night"
        other = studies(tmp_path / "chain", database, limits="key_batch = 7" + ALLOWED)
        assert pull(other).mode == "night"
        site = (chain.root / "site.toml").read_text(encoding="utf-8")
        (chain.root / "site.toml").write_text(
            site.replace("[limits]", 'zone = "UTC"\n[limits]'), encoding="utf-8"
        )
        assert pull(chain).mode == "full"
        with closing(sqlite3.connect(chain.landing / "ledger.db")) as ledger:
            ledger.execute("UPDATE run SET started_at = '2020-01-01 00:00:00'")
            ledger.commit()
        assert pull(chain).mode == "full"


TRUSTED = {
    "patient": "SELECT p.patient_id, p.sex, NULL AS birth_date, NULL AS merged_into, p.create_date AS updated_at FROM pat_master_index p",
    "visit": "SELECT 'O|' || c.visit_no AS visit_id, c.patient_id, 'outpatient' AS visit_type, c.visit_dept AS department,"
    " c.visit_date AS started_at, c.visit_date AS ended_at, c.registering_date AS updated_at FROM clinic_master c",
    "document": "SELECT f.file_unique_id AS document_id, NULL AS visit_id, f.patient_id, f.topic AS kind,"
    " f.caption_date_time AS written_at, t.mr_content AS text, f.last_modify_date_time AS updated_at"
    " FROM jhmr_file_index f LEFT JOIN jhmr_file_content_text t ON t.file_unique_id = f.file_unique_id",
    "lab": "SELECT r.test_no || '|' || r.item_no AS result_id, NULL AS visit_id, m.patient_id, NULL AS code,"
    " r.report_item_name AS name, m.spcm_sample_date_time AS specimen_at, NULL AS reported_at, r.result AS raw_value,"
    " r.units AS unit, NULL AS reference_range, r.result_date_time AS updated_at FROM lab_result r"
    " JOIN lab_test_master m ON m.test_no = r.test_no",
}
"""A hospital that writes a time with every change, or only the day, or none."""
HEADER = "-- name: x\n-- purpose: x\n-- params: none\n-- grain: x\n-- phi: x\n"


@pytest.mark.parametrize("seed", [1])
def test_where_the_time_of_a_row_is_trusted_it_is_used_with_care(
    seed: int, hospitals: Callable[..., Path], studies: Callable[..., StudyFolder], tmp_path: Path
) -> None:
    """Coarse times, no times, times that come late and times still to come; deletions leave none."""
    his = hospitals(tmp_path / "his.db", {})
    dice = random.Random(seed)
    absent = 'absent = ["diagnosis", "medication", "imaging", "procedure", "scale"]'
    limits = 'trusted = ["patient", "visit", "document", "lab"]\nsweep_days = 0\ndrift_share = 1.0'

    def made(name: str) -> StudyFolder:
        study = studies(tmp_path / name, f"sqlite:///{his}", absent, limits=limits)
        (study.root / "sql").mkdir()
        for table, sql in TRUSTED.items():
            (study.root / "sql" / f"{table}.sql").write_text(HEADER + sql, encoding="utf-8")
        return study

    def stamp() -> str | None:
        now = datetime.now()  # noqa: DTZ005 - SQLite's clock is the machine's
        return dice.choice(
            [str(now)[:19], str(now)[:10] + " 00:00:00", str(now + timedelta(days=2))[:19], None]
        )

    with closing(sqlite3.connect(his, isolation_level=None)) as db:
        long_ago = "2022-06-01 00:00:00"
        for n in range(40):
            p = f"{n:03}"
            db.execute("INSERT INTO PAT_MASTER_INDEX (PATIENT_ID, CREATE_DATE) VALUES (?, ?)", (p, long_ago))
            db.execute(
                "INSERT INTO CLINIC_MASTER (VISIT_DATE, VISIT_NO, PATIENT_ID, REGISTERING_DATE) VALUES (?, ?, ?, ?)",
                ("2023-01-01 00:00:00", n, p, long_ago),
            )
            db.execute("INSERT INTO LAB_TEST_MASTER (TEST_NO, PATIENT_ID) VALUES (?, ?)", (p, p))
            for item in (1, 2):
                db.execute(
                    "INSERT INTO LAB_RESULT (TEST_NO, ITEM_NO, PRINT_ORDER, REPORT_ITEM_NAME, RESULT, RESULT_DATE_TIME)"
                    " VALUES (?, ?, 1, 'ESR', '9', ?)", (p, item, long_ago),
                )  # fmt: skip
            db.execute(
                "INSERT INTO JHMR_FILE_INDEX (FILE_UNIQUE_ID, PATIENT_ID, LAST_MODIFY_DATE_TIME) VALUES (?, ?, ?)",
                (p, p, long_ago),
            )
            db.execute("INSERT INTO JHMR_FILE_CONTENT_TEXT VALUES (?, ?)", (p, "腰痛" if n % 3 else "咳嗽"))
        chain = made("chain")
        assert pull(chain).mode == "full"
        assert pull(chain).asked == 0
        for night in range(5):
            for _ in range(3):
                p, kind = f"{dice.randrange(40):03}", dice.randrange(4)
                if kind == 0:
                    db.execute(
                        "DELETE FROM LAB_RESULT WHERE TEST_NO = ? AND ITEM_NO = ?", (p, dice.choice([1, 2]))
                    )
                elif kind == 1:
                    db.execute(
                        "UPDATE LAB_RESULT SET RESULT = RESULT || '1', RESULT_DATE_TIME = ? WHERE TEST_NO = ?",
                        (stamp(), p),
                    )
                else:
                    db.execute(
                        "UPDATE JHMR_FILE_CONTENT_TEXT SET MR_CONTENT = ? WHERE FILE_UNIQUE_ID = ?",
                        (dice.choice(["腰痛", "肩痛", "咳嗽"]), p),
                    )
                    db.execute(
                        "UPDATE JHMR_FILE_INDEX SET LAST_MODIFY_DATE_TIME = ? WHERE FILE_UNIQUE_ID = ?",
                        (stamp(), p),
                    )
            report = pull(chain)
            assert (report.mode, report.asked < 40) == ("night", True)
            fresh = made(f"fresh{night}")
            assert state(chain, report) == state(fresh, pull(fresh))
            shutil.rmtree(fresh.root)
