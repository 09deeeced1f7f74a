"""A hand-made hospital of the jw1 shape, a study that searches it, and a demo hospital on every engine."""

from __future__ import annotations

import shutil
import sqlite3
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import psycopg
import pytest

from extract.study import protocol
from extract.study.folder import StudyFolder
from extract.synthetic.hospital import build, export
from extract.synthetic.schema import TABLES, create_indexes, create_tables

TEMPLATE = Path(protocol.__file__).parent / "templates" / "esr-pain" / "study.toml"
Rows = Mapping[str, list[dict[str, object]]]

HOSPITAL: dict[str, list[dict[str, object]]] = {
    "PAT_MASTER_INDEX": [
        {"PATIENT_ID": "001", "SEX": "男", "DATE_OF_BIRTH": "1970-02-03 00:00:00"},
        {"PATIENT_ID": "002", "SEX": "女", "DATE_OF_BIRTH": "1981-12-31 00:00:00"},
        {"PATIENT_ID": "003", "SEX": "女", "DATE_OF_BIRTH": None},
        {"PATIENT_ID": "004", "SEX": "男", "DATE_OF_BIRTH": "1950-01-01 00:00:00"},
    ],
    # 002 was registered again as 003, and the two were merged.
    "PAT_ID_MERGE": [{"PATIENT_ID": "003", "INTO_PATIENT_ID": "002"}],
    "PAT_VISIT": [
        {"PATIENT_ID": "001", "VISIT_ID": 1, "ADMISSION_DATE_TIME": "2022-03-04 08:00:00",
         "DISCHARGE_DATE_TIME": "2022-03-14 10:00:00", "DEPT_ADMISSION_TO": "骨科"},
    ],
    "CLINIC_MASTER": [
        {"VISIT_DATE": "2023-05-06 00:00:00", "VISIT_NO": 7, "PATIENT_ID": "002"},
        {"VISIT_DATE": "2023-05-07 00:00:00", "VISIT_NO": 8, "PATIENT_ID": "004"},
        {"VISIT_DATE": "2023-05-08 00:00:00", "VISIT_NO": 9, "PATIENT_ID": "004", "RETURNED_DATE": "2023-05-08 00:00:00"},
    ],
    "OUTP_MR": [
        {"PATIENT_ID": "002", "VISIT_DATE": "2023-05-06 00:00:00", "VISIT_NO": 7, "ORDINAL": 1,
         "ILLNESS_DESC": "颈痛3月", "ANAMNESIS": "体健", "DIAG_DESC": "颈椎病", "DIAG_CODE": "M47.8"},
        {"PATIENT_ID": "004", "VISIT_DATE": "2023-05-07 00:00:00", "VISIT_NO": 8, "ORDINAL": 1,
         "ILLNESS_DESC": "肩痛1周"},
    ],
    "JHMR_FILE_INDEX": [
        {"FILE_UNIQUE_ID": "F1", "PATIENT_ID": "001", "VISIT_ID": "1", "TOPIC": "入院记录",
         "CAPTION_DATE_TIME": "2022-03-04 09:00:00", "DELETE_FLAG": "0"},
        {"FILE_UNIQUE_ID": "F2", "PATIENT_ID": "001", "VISIT_ID": "1", "TOPIC": "病程记录",
         "CAPTION_DATE_TIME": "2022-03-05 09:00:00", "DELETE_FLAG": "1"},
    ],
    "JHMR_FILE_CONTENT_TEXT": [
        {"FILE_UNIQUE_ID": "F1", "MR_CONTENT": "【主诉】腰痛半年。\n查ESR 35mm/h"},
        {"FILE_UNIQUE_ID": "F2", "MR_CONTENT": "删除的记录 腰痛"},
    ],
    "LAB_TEST_MASTER": [
        {"TEST_NO": "T1", "PATIENT_ID": "001", "VISIT_ID": 1, "SPCM_SAMPLE_DATE_TIME": "2022-03-05 07:00:00", "RESULT_STATUS": "4"},
        # No visit, and under the number that was merged away.
        {"TEST_NO": "T2", "PATIENT_ID": "003", "VISIT_ID": 0, "SPCM_SAMPLE_DATE_TIME": "2023-05-06 07:00:00", "RESULT_STATUS": "4"},
        {"TEST_NO": "T3", "PATIENT_ID": "004", "VISIT_ID": None, "SPCM_SAMPLE_DATE_TIME": "2023-05-07 07:00:00", "RESULT_STATUS": "1"},
        {"TEST_NO": "T4", "PATIENT_ID": "999", "VISIT_ID": None, "SPCM_SAMPLE_DATE_TIME": "2023-05-07 07:00:00", "RESULT_STATUS": "4"},
    ],
    "LAB_RESULT": [
        {"TEST_NO": "T1", "ITEM_NO": 1, "PRINT_ORDER": 1, "REPORT_ITEM_NAME": "血沉(ESR)", "RESULT": "35", "UNITS": "mm/h"},
        {"TEST_NO": "T2", "ITEM_NO": 1, "PRINT_ORDER": 1, "REPORT_ITEM_NAME": "ESR", "RESULT": "<2", "UNITS": "mm/h"},
        {"TEST_NO": "T3", "ITEM_NO": 1, "PRINT_ORDER": 1, "REPORT_ITEM_NAME": "ESR", "RESULT": "9", "UNITS": "mm/h"},
        {"TEST_NO": "T9", "ITEM_NO": 1, "PRINT_ORDER": 1, "REPORT_ITEM_NAME": "ESR", "RESULT": "77", "UNITS": "mm/h"},
    ],
    "ORDERS": [
        {"PATIENT_ID": "001", "VISIT_ID": 1, "ORDER_NO": 1, "ORDER_SUB_NO": 1, "ORDER_CLASS": "A",
         "ORDER_TEXT": "塞来昔布胶囊", "START_DATE_TIME": "2022-03-04 10:00:00", "ORDER_STATUS": "2"},
        {"PATIENT_ID": "001", "VISIT_ID": 1, "ORDER_NO": 2, "ORDER_SUB_NO": 1, "ORDER_CLASS": "A",
         "ORDER_TEXT": "作废的医嘱", "START_DATE_TIME": "2022-03-04 10:00:00", "ORDER_STATUS": "4"},
    ],
    "VITAL_SIGNS_REC": [
        {"PATIENT_ID": "001", "VISIT_ID": 1, "TIME_POINT": "2022-03-04 08:30:00", "VITAL_SIGNS": "疼痛评分", "VITAL_SIGNS_VALUES": 6.50},
    ],
}  # fmt: skip


def make_jw1(path: Path, rows: Rows = HOSPITAL) -> Path:
    with sqlite3.connect(path) as db:
        for statement in (*create_tables(), *create_indexes()):
            db.execute(statement)
        for table, records in rows.items():
            for record in records:
                marks = ", ".join("?" for _ in record)
                db.execute(
                    f"INSERT INTO {table} ({', '.join(record)}) VALUES ({marks})", list(record.values())
                )
    db.close()
    assert set(rows) <= set(TABLES)
    return path


def make_study(folder: Path, url: str, more: str = "", limits: str = "") -> StudyFolder:
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(TEMPLATE, folder / "study.toml")
    (folder / "site.toml").write_text(
        f'format = 1\npack = "jw1"\n{more}\n[source]\nurl = "{url}"\n[limits]\n{limits}\n', encoding="utf-8"
    )
    return StudyFolder.at(folder)


@pytest.fixture
def hospital(tmp_path: Path) -> Path:
    """The hand-made hospital as an SQLite file."""
    return make_jw1(tmp_path / "his.db")


@pytest.fixture
def study(tmp_path: Path, hospital: Path) -> StudyFolder:
    """A study of the hand-made hospital."""
    return make_study(tmp_path / "study", f"sqlite:///{hospital}")


@pytest.fixture
def change(hospital: Path) -> Callable[..., None]:
    """Run SQL in the hospital: somebody works there."""

    def run(*statements: str) -> None:
        with sqlite3.connect(hospital) as db:
            for statement in statements:
                db.execute(statement)
        db.close()

    return run


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A demo hospital of 150 patients: his.db, parquet/, csv/."""
    folder = tmp_path_factory.mktemp("demo")
    build(folder / "his.db", patients=150, truth=folder / "truth.json")
    export(folder / "his.db", folder / "parquet", form="parquet")
    export(folder / "his.db", folder / "csv", form="csv")
    return folder


@pytest.fixture(scope="session")
def postgres_admin(demo: Path, postgres_url: str) -> Iterator[str]:
    """The same demo hospital on PostgreSQL, as its superuser."""
    name = f"his_{uuid.uuid4().hex[:12]}"
    admin = postgres_url.replace("+psycopg", "")
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    url = f"{postgres_url.rpartition('/')[0]}/{name}"
    try:
        build(url, patients=150, truth=demo / f"{name}.json")
        yield url
    finally:
        with psycopg.connect(admin, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def postgres_demo(postgres_admin: str) -> Iterator[str]:
    """The same, as an account that may read its tables and nothing else."""
    role = f"reader_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(postgres_admin.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {role} LOGIN")
        connection.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}")
        try:
            yield postgres_admin.replace("postgres@", f"{role}@")
        finally:
            connection.execute(f"DROP OWNED BY {role}")
            connection.execute(f"DROP ROLE {role}")


@pytest.fixture
def studies() -> Callable[..., StudyFolder]:
    """Make a study: folder, url, lines of site.toml, lines of its [limits]."""
    return make_study


@pytest.fixture
def hospitals() -> Callable[..., Path]:
    """Make a hospital: path, rows."""
    return make_jw1
