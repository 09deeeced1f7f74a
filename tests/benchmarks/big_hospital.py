"""A PostgreSQL hospital of any size, made by the server itself: notes in Chinese, laboratory results, visits."""

from __future__ import annotations

import contextlib
import os
import random
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg

from extract.study.folder import StudyFolder

__all__ = ["EXPRESSION", "LABS", "NOTES", "POSTGRES", "Hospital", "hospital"]

POSTGRES = os.environ.get("COHORTLOCK_TEST_POSTGRES", "postgresql+psycopg://postgres@127.0.0.1:5432/postgres")
NOTES = int(os.environ.get("BENCH_NOTES", "1000000"))
LABS = int(os.environ.get("BENCH_LABS", "3000000"))
TERMS = ("颈痛", "肩痛", "腰痛", "腰腿痛")
DATES = ("2022-01-01", "2025-04-30")
EXPRESSION = f"({' OR '.join(f'document:{term}' for term in TERMS)}) AND lab:ESR"
HEADER = "-- name: x\n-- purpose: x\n-- params: none\n-- grain: x\n-- phi: x\n"
PACK = """format = 1
name = "big"
version = "1"
label = { zh = "大", en = "big" }
dialects = ["postgresql"]
absent = ["diagnosis", "medication", "imaging", "procedure", "scale"]
"""
SELECTS = {
    "patient": "SELECT p.patient_no AS patient_id, p.sex AS sex, p.born AS birth_date, p.merged_into AS merged_into,"
    " NULL AS updated_at FROM patient p",
    "visit": "SELECT v.visit_no AS visit_id, v.patient_no AS patient_id, 'outpatient' AS visit_type,"
    " v.department AS department, v.seen AS started_at, v.seen AS ended_at, NULL AS updated_at FROM visit v",
    "document": "SELECT n.note_no AS document_id, n.visit_no AS visit_id, n.patient_no AS patient_id, n.kind AS kind,"
    " n.written AS written_at, n.body AS text, NULL AS updated_at FROM note n",
    "lab": "SELECT r.result_no AS result_id, r.visit_no AS visit_id, r.patient_no AS patient_id, r.code AS code,"
    " r.name AS name, r.taken AS specimen_at, r.reported AS reported_at, r.result AS raw_value, r.unit AS unit,"
    " r.usual AS reference_range, NULL AS updated_at FROM result r",
}
STUDY = """format = 1
[study]
id = "big"
title = {{ zh = "大", en = "big" }}
ethics = {{ approval = "none needed" }}
[search]
expression = '{expression}'
from = {first}
to = {last}
[timepoints]
T0 = {{ anchor = "first_match" }}
T1 = {{ after = "T0", day = 90, window = [60, 120] }}
[[variable]]
id = "result"
label = {{ zh = "结果", en = "result" }}
at = ["T0", "T1"]
source = {{ lab = "ESR" }}
[outcome]
responder = {{ any = [ {{ drop = "result", at_least = 1 }} ] }}
"""
OTHERS = "患者一般情况可饮食睡眠大小便如常体温血压心肺听诊未闻及异常腹软无压痛双下肢不肿神志清楚查体合作继续目前治疗观察病情变化必要时复诊告知注意事项家属表示理解建议加强功能锻炼避免受凉劳累"


@dataclass(frozen=True)
class Hospital:
    """Where it is."""

    dsn: str
    """For psycopg and connectorx."""
    folder: Path

    @property
    def url(self) -> str:
        """For SQLAlchemy and site.toml."""
        return self.dsn.replace("postgresql://", "postgresql+psycopg://")

    def study(
        self,
        name: str,
        *,
        expression: str = EXPRESSION,
        limits: str = 'window = "decade"',
        dates: tuple[str, str] = DATES,
    ) -> StudyFolder:
        """A study that asks this hospital, made anew."""
        root = self.folder / name
        (root / "big").mkdir(parents=True, exist_ok=True)
        (root / "big" / "pack.toml").write_text(PACK, encoding="utf-8")
        for table, select in SELECTS.items():
            (root / "big" / f"{table}.sql").write_text(HEADER + select + "\n", encoding="utf-8")
        (root / "study.toml").write_text(
            STUDY.format(expression=expression, first=dates[0], last=dates[1]), encoding="utf-8"
        )
        (root / "site.toml").write_text(
            f'format = 1\npack = "big"\n[source]\nurl = "{self.url}"\n[limits]\n{limits}\n'
            '[safety]\nallow_write_right = "the owner of a database made for a benchmark"\nmax_plan_cost = 1e12\n',
            encoding="utf-8",
        )
        return StudyFolder.at(root)


@contextlib.contextmanager
def hospital(notes: int = NOTES, labs: int = LABS, visits: int = 0) -> Iterator[Hospital]:
    """Made now, dropped at the end; two notes a visit unless ``visits`` says otherwise. A note has some 200 characters; one visit in 30 has an ESR."""
    name = f"bench_{uuid.uuid4().hex[:12]}"
    admin = POSTGRES.replace("+psycopg", "")
    with psycopg.connect(admin, autocommit=True) as server, tempfile.TemporaryDirectory() as folder:
        server.execute(f"CREATE DATABASE {name} ENCODING 'UTF8' TEMPLATE template0")
        try:
            with psycopg.connect(admin, dbname=name, autocommit=True) as inside:
                _fill(inside, notes, labs, visits or max(notes // 2, 1))
            yield Hospital(f"{admin.rpartition('/')[0]}/{name}", Path(folder))
        finally:
            server.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _fill(inside: psycopg.Connection, notes: int, labs: int, visits: int) -> None:
    inside.execute("SET synchronous_commit = off")
    chance = random.Random(1)
    inside.execute("CREATE TABLE phrase (no INTEGER PRIMARY KEY, said TEXT)")
    with inside.cursor().copy("COPY phrase FROM STDIN") as copy:
        for no in range(5000):
            said = "".join(chance.choices(OTHERS, k=66))
            if chance.random() < 0.03:
                said = f"{said[:30]}{chance.choice(TERMS)}{chance.randint(1, 30)}天{said[30:]}"
            copy.write_row((no, said))
    day = "timestamp '2021-07-01' + ((({0})::bigint * 7919) % 2300000) * interval '1 minute'"
    for statement in (
        (
            f"CREATE TABLE patient AS SELECT 'P' || n AS patient_no, 'F' AS sex, date '1960-01-01' + n % 20000 AS born,"
            f" NULL::text AS merged_into FROM generate_series(0, {visits // 5}) n"
        ),
        (
            f"CREATE TABLE visit AS SELECT 'V' || n AS visit_no, 'P' || n / 5 AS patient_no, '骨科'::text AS department,"
            f" {day.format('n')} AS seen FROM generate_series(0, {visits - 1}) n"
        ),
        (
            f"CREATE TABLE note AS SELECT 'N' || n AS note_no, 'V' || n / 2 AS visit_no, 'P' || n / 10 AS patient_no,"
            f" '门诊病历'::text AS kind, {day.format('n / 2')} AS written, a.said || '，' || b.said || '。' || c.said AS body"
            f" FROM generate_series(0, {notes - 1}) n JOIN phrase a ON a.no = n::bigint * 31 % 5000"
            " JOIN phrase b ON b.no = n::bigint * 977 / 5 % 5000 JOIN phrase c ON c.no = (n::bigint * 131 + n / 4999) % 5000"
        ),
        # A sixth of the results has no visit: they count for every visit of their patient.
        (
            f"CREATE TABLE result AS SELECT 'L' || n AS result_no, CASE WHEN n % 6 > 0 THEN 'V' || v END AS visit_no,"
            f" 'P' || v / 5 AS patient_no, 'C' || n % 60 AS code,"
            " CASE WHEN n % 60 = 0 AND v % 3 = 0 THEN '红细胞沉降率(ESR)' ELSE '项目' || n % 60 END AS name,"
            f" {day.format('v')} AS taken, {day.format('v')} + interval '2 hours' AS reported,"
            " ((n % 1200) / 10.0)::text AS result, 'mm/h'::text AS unit, '0-20'::text AS usual"
            f" FROM (SELECT n, n::bigint * 7 % {visits} AS v FROM generate_series(0, {labs - 1}) n) q"
        ),
        "CREATE INDEX ON patient (patient_no)",
        "CREATE INDEX ON visit (visit_no)",
        "CREATE INDEX ON visit (patient_no)",
        "CREATE INDEX ON visit (seen)",
        "CREATE INDEX ON note (visit_no)",
        "CREATE INDEX ON note (patient_no)",
        "CREATE INDEX ON result (visit_no)",
        "CREATE INDEX ON result (patient_no)",
        "VACUUM ANALYZE",
    ):
        inside.execute(statement)
