"""The tables of the demo hospital: 军卫一号 with 嘉和 documents, and three that are the demo's own.

Names follow the public column lists of such systems (docs/demo-his.md says which); types are the part
that SQLite and PostgreSQL share, so one DDL makes both.  A time is TIMESTAMP; SQLite keeps it as the
text ``YYYY-MM-DD HH:MM:SS``, which sorts as time does.  Keys are unique indexes made after loading, as
a bulk load wants them.

Traps that real sites have are kept: VISIT_ID is text in JHMR_FILE_INDEX and a number elsewhere; LAB_RESULT
and EXAM_REPORT have no PATIENT_ID; results are text.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["EXTRAS", "TABLES", "Table", "create_indexes", "create_tables"]


@dataclass(frozen=True)
class Table:
    """One table: its columns with their SQL types, its key, and the other indexes a site would have."""

    name: str
    columns: tuple[tuple[str, str], ...]
    key: tuple[str, ...]
    indexes: tuple[tuple[str, ...], ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Column names in DDL order: the order of a generated row."""
        return tuple(name for name, _ in self.columns)


def _columns(text: str) -> tuple[tuple[str, str], ...]:
    pairs = (line.split(None, 1) for line in text.strip().splitlines())
    return tuple((name, type_.strip()) for name, type_ in pairs)


_PATIENT: Final = Table(
    "PAT_MASTER_INDEX",
    _columns("""
        PATIENT_ID VARCHAR(10) NOT NULL
        INP_NO VARCHAR(10)
        NAME VARCHAR(40)
        NAME_PHONETIC VARCHAR(60)
        SEX VARCHAR(4)
        DATE_OF_BIRTH TIMESTAMP
        BIRTH_PLACE VARCHAR(20)
        NATION VARCHAR(10)
        ID_NO VARCHAR(18)
        CHARGE_TYPE VARCHAR(20)
        MAILING_ADDRESS VARCHAR(80)
        PHONE_NUMBER_HOME VARCHAR(16)
        NEXT_OF_KIN VARCHAR(40)
        RELATIONSHIP VARCHAR(4)
        NEXT_OF_KIN_PHONE VARCHAR(16)
        LAST_VISIT_DATE TIMESTAMP
        CREATE_DATE TIMESTAMP
    """),
    ("PATIENT_ID",),
)

_MERGE: Final = Table(
    "PAT_ID_MERGE",
    _columns("PATIENT_ID VARCHAR(10) NOT NULL\nINTO_PATIENT_ID VARCHAR(10) NOT NULL\nMERGED_AT TIMESTAMP"),
    ("PATIENT_ID",),
    (("INTO_PATIENT_ID",),),
)

_VISIT: Final = Table(
    "PAT_VISIT",
    _columns("""
        PATIENT_ID VARCHAR(10) NOT NULL
        VISIT_ID INTEGER NOT NULL
        DEPT_ADMISSION_TO VARCHAR(20)
        ADMISSION_DATE_TIME TIMESTAMP
        DEPT_DISCHARGE_FROM VARCHAR(20)
        DISCHARGE_DATE_TIME TIMESTAMP
        OCCUPATION VARCHAR(20)
        MARITAL_STATUS VARCHAR(4)
        CHARGE_TYPE VARCHAR(20)
        PATIENT_CLASS VARCHAR(4)
        PAT_ADM_CONDITION VARCHAR(4)
        ATTENDING_DOCTOR VARCHAR(20)
        DOCTOR_IN_CHARGE VARCHAR(20)
        DISCHARGE_DISPOSITION VARCHAR(4)
        TOTAL_COSTS NUMERIC(12,4)
    """),
    ("PATIENT_ID", "VISIT_ID"),
    (("ADMISSION_DATE_TIME",),),
)

_DIAGNOSIS: Final = Table(
    "DIAGNOSIS",
    _columns("""
        PATIENT_ID VARCHAR(10) NOT NULL
        VISIT_ID INTEGER NOT NULL
        DIAGNOSIS_TYPE VARCHAR(2) NOT NULL
        DIAGNOSIS_NO INTEGER NOT NULL
        DIAGNOSIS_CODE VARCHAR(20)
        DIAGNOSIS_DESC VARCHAR(80)
        DIAGNOSIS_DATE TIMESTAMP
        TREAT_RESULT VARCHAR(8)
        DIAG_INDICATOR VARCHAR(1)
    """),
    ("PATIENT_ID", "VISIT_ID", "DIAGNOSIS_TYPE", "DIAGNOSIS_NO"),
)

_TEST: Final = Table(
    "LAB_TEST_MASTER",
    _columns("""
        TEST_NO VARCHAR(20) NOT NULL
        PATIENT_ID VARCHAR(10)
        VISIT_ID INTEGER
        SEX VARCHAR(4)
        AGE INTEGER
        RELEVANT_CLINIC_DIAG VARCHAR(80)
        SPECIMEN VARCHAR(8)
        NOTES_FOR_SPCM VARCHAR(100)
        SPCM_RECEIVED_DATE_TIME TIMESTAMP
        SPCM_SAMPLE_DATE_TIME TIMESTAMP
        REQUESTED_DATE_TIME TIMESTAMP
        ORDERING_DEPT VARCHAR(20)
        ORDERING_PROVIDER VARCHAR(20)
        PERFORMED_BY VARCHAR(20)
        RESULT_STATUS VARCHAR(1)
        RESULTS_RPT_DATE_TIME TIMESTAMP
        SUBJECT VARCHAR(40)
        MEMO VARCHAR(160)
    """),
    ("TEST_NO",),
    (("PATIENT_ID",), ("SPCM_SAMPLE_DATE_TIME",)),
)

_TEST_ITEM: Final = Table(
    "LAB_TEST_ITEMS",
    _columns("""
        TEST_NO VARCHAR(20) NOT NULL
        ITEM_NO INTEGER NOT NULL
        ITEM_NAME VARCHAR(100)
        ITEM_CODE VARCHAR(20)
    """),
    ("TEST_NO", "ITEM_NO"),
)

_RESULT: Final = Table(
    "LAB_RESULT",
    _columns("""
        TEST_NO VARCHAR(20) NOT NULL
        ITEM_NO INTEGER NOT NULL
        PRINT_ORDER INTEGER NOT NULL
        REPORT_ITEM_NAME VARCHAR(80)
        REPORT_ITEM_CODE VARCHAR(10)
        RESULT VARCHAR(80)
        UNITS VARCHAR(20)
        ABNORMAL_INDICATOR VARCHAR(1)
        INSTRUMENT_ID VARCHAR(20)
        RESULT_DATE_TIME TIMESTAMP
        REFERENCE_RESULT VARCHAR(40)
    """),
    ("TEST_NO", "ITEM_NO", "PRINT_ORDER"),
)

_EXAM: Final = Table(
    "EXAM_MASTER",
    _columns("""
        EXAM_NO VARCHAR(10) NOT NULL
        PATIENT_ID VARCHAR(10)
        VISIT_ID INTEGER
        EXAM_CLASS VARCHAR(20)
        EXAM_SUB_CLASS VARCHAR(40)
        CLIN_SYMP VARCHAR(400)
        PHYS_SIGN VARCHAR(400)
        CLIN_DIAG VARCHAR(100)
        PATIENT_SOURCE VARCHAR(1)
        REQ_DATE_TIME TIMESTAMP
        REQ_DEPT VARCHAR(20)
        EXAM_DATE_TIME TIMESTAMP
        REPORT_DATE_TIME TIMESTAMP
        REPORTER VARCHAR(20)
        RESULT_STATUS VARCHAR(1)
    """),
    ("EXAM_NO",),
    (("PATIENT_ID",), ("EXAM_DATE_TIME",)),
)

_EXAM_REPORT: Final = Table(
    "EXAM_REPORT",
    _columns("""
        EXAM_NO VARCHAR(10) NOT NULL
        EXAM_PARA VARCHAR(1000)
        DESCRIPTION VARCHAR(2000)
        IMPRESSION VARCHAR(2000)
        RECOMMENDATION VARCHAR(400)
        IS_ABNORMAL VARCHAR(1)
    """),
    ("EXAM_NO",),
)

_ORDERS: Final = Table(
    "ORDERS",
    _columns("""
        PATIENT_ID VARCHAR(10) NOT NULL
        VISIT_ID INTEGER NOT NULL
        ORDER_NO INTEGER NOT NULL
        ORDER_SUB_NO INTEGER NOT NULL
        REPEAT_INDICATOR INTEGER
        ORDER_CLASS VARCHAR(1)
        ORDER_TEXT VARCHAR(200)
        ORDER_CODE VARCHAR(20)
        DOSAGE NUMERIC(10,4)
        DOSAGE_UNITS VARCHAR(8)
        ADMINISTRATION VARCHAR(16)
        FREQUENCY VARCHAR(16)
        START_DATE_TIME TIMESTAMP
        STOP_DATE_TIME TIMESTAMP
        ORDERING_DEPT VARCHAR(20)
        DOCTOR VARCHAR(20)
        ENTER_DATE_TIME TIMESTAMP
        ORDER_STATUS VARCHAR(1)
    """),
    ("PATIENT_ID", "VISIT_ID", "ORDER_NO", "ORDER_SUB_NO"),
)

_OPERATION: Final = Table(
    "OPERATION",
    _columns("""
        PATIENT_ID VARCHAR(10) NOT NULL
        VISIT_ID INTEGER NOT NULL
        OPERATION_NO INTEGER NOT NULL
        OPERATION_DESC VARCHAR(80)
        OPERATION_CODE VARCHAR(20)
        WOUND_GRADE VARCHAR(2)
        OPERATING_DATE TIMESTAMP
        ANAESTHESIA_METHOD VARCHAR(20)
        OPERATOR VARCHAR(20)
    """),
    ("PATIENT_ID", "VISIT_ID", "OPERATION_NO"),
)

_CLINIC: Final = Table(
    "CLINIC_MASTER",
    _columns("""
        VISIT_DATE TIMESTAMP NOT NULL
        VISIT_NO INTEGER NOT NULL
        PATIENT_ID VARCHAR(10)
        SEX VARCHAR(4)
        AGE INTEGER
        CLINIC_LABEL VARCHAR(40)
        VISIT_DEPT VARCHAR(20)
        DOCTOR VARCHAR(20)
        REGISTRATION_STATUS VARCHAR(1)
        REGISTERING_DATE TIMESTAMP
        SYMPTOM VARCHAR(40)
        RETURNED_DATE TIMESTAMP
    """),
    ("VISIT_DATE", "VISIT_NO"),
    (("PATIENT_ID",),),
)

_OUTP_MR: Final = Table(
    "OUTP_MR",
    _columns("""
        PATIENT_ID VARCHAR(10) NOT NULL
        VISIT_DATE TIMESTAMP NOT NULL
        VISIT_NO INTEGER NOT NULL
        ORDINAL INTEGER NOT NULL
        ILLNESS_DESC VARCHAR(2000)
        ANAMNESIS VARCHAR(1000)
        FAMILY_ILL VARCHAR(1000)
        MARRITAL VARCHAR(1000)
        INDIVIDUDL VARCHAR(1000)
        MENSES VARCHAR(1000)
        MED_HISTORY VARCHAR(2000)
        BODY_EXAM VARCHAR(2000)
        DIAG_DESC VARCHAR(1000)
        DIAG_CODE VARCHAR(100)
        ADVICE VARCHAR(2000)
        DOCTOR VARCHAR(20)
    """),
    ("PATIENT_ID", "VISIT_DATE", "VISIT_NO", "ORDINAL"),
    (("VISIT_DATE", "VISIT_NO"),),
)

_VITAL: Final = Table(
    "VITAL_SIGNS_REC",
    _columns("""
        PATIENT_ID VARCHAR(10) NOT NULL
        VISIT_ID INTEGER
        RECORDING_DATE TIMESTAMP
        TIME_POINT TIMESTAMP NOT NULL
        VITAL_SIGNS VARCHAR(20) NOT NULL
        VITAL_SIGNS_VALUES NUMERIC(10,2)
        VITAL_SIGNS_CVALUES VARCHAR(40)
        UNITS VARCHAR(10)
    """),
    ("PATIENT_ID", "TIME_POINT", "VITAL_SIGNS"),
)

_FILE: Final = Table(
    "JHMR_FILE_INDEX",
    _columns("""
        FILE_UNIQUE_ID VARCHAR(40) NOT NULL
        PATIENT_ID VARCHAR(10)
        VISIT_ID VARCHAR(10)
        MR_CLASS VARCHAR(20)
        TOPIC VARCHAR(80)
        CAPTION_DATE_TIME TIMESTAMP
        CREATE_DATE_TIME TIMESTAMP
        FIRST_MR_SIGN_DATE_TIME TIMESTAMP
        LAST_MODIFY_DATE_TIME TIMESTAMP
        CREATOR_ID VARCHAR(20)
        DEPT_CODE VARCHAR(20)
        DELETE_FLAG VARCHAR(1)
        FILE_FLAG VARCHAR(1)
    """),
    ("FILE_UNIQUE_ID",),
    (("PATIENT_ID", "VISIT_ID"), ("CAPTION_DATE_TIME",)),
)

_FILE_TEXT: Final = Table(
    "JHMR_FILE_CONTENT_TEXT",
    _columns("FILE_UNIQUE_ID VARCHAR(40) NOT NULL\nMR_CONTENT TEXT"),
    ("FILE_UNIQUE_ID",),
)

_PRESC: Final = Table(
    "OUTP_PRESC",
    _columns("""
        VISIT_DATE TIMESTAMP NOT NULL
        VISIT_NO INTEGER NOT NULL
        ITEM_NO INTEGER NOT NULL
        PATIENT_ID VARCHAR(10)
        DRUG_CODE VARCHAR(20)
        DRUG_NAME VARCHAR(100)
        DRUG_SPEC VARCHAR(40)
        DOSAGE NUMERIC(10,4)
        DOSAGE_UNITS VARCHAR(8)
        ADMINISTRATION VARCHAR(16)
        FREQUENCY VARCHAR(16)
        START_DATE_TIME TIMESTAMP
        END_DATE_TIME TIMESTAMP
        CHARGE_INDICATOR INTEGER
    """),
    ("VISIT_DATE", "VISIT_NO", "ITEM_NO"),
    (("PATIENT_ID",),),
)

_TREAT: Final = Table(
    "OUTP_TREAT_REC",
    _columns("""
        VISIT_DATE TIMESTAMP NOT NULL
        VISIT_NO INTEGER NOT NULL
        ITEM_NO INTEGER NOT NULL
        PATIENT_ID VARCHAR(10)
        ITEM_CLASS VARCHAR(1)
        ITEM_CODE VARCHAR(20)
        ITEM_NAME VARCHAR(100)
        AMOUNT INTEGER
        PERFORMED_DATE_TIME TIMESTAMP
        PERFORMED_BY VARCHAR(20)
        CHARGE_INDICATOR INTEGER
    """),
    ("VISIT_DATE", "VISIT_NO", "ITEM_NO"),
    (("PATIENT_ID",),),
)

TABLES: Final[dict[str, Table]] = {
    table.name: table
    for table in (
        _PATIENT, _MERGE, _VISIT, _DIAGNOSIS, _TEST, _TEST_ITEM, _RESULT, _EXAM, _EXAM_REPORT, _ORDERS,
        _OPERATION, _CLINIC, _OUTP_MR, _VITAL, _FILE, _FILE_TEXT, _PRESC, _TREAT,
    )
}  # fmt: skip
"""Every table of the demo HIS by its name."""

EXTRAS: Final = ("PAT_ID_MERGE", "OUTP_PRESC", "OUTP_TREAT_REC")
"""The demo's own: without them no merged patients, outpatient drugs or outpatient treatments."""


def create_tables() -> list[str]:
    """The CREATE TABLE statements, without keys."""
    return [
        f"CREATE TABLE {table.name} (\n  " + ",\n  ".join(f"{n} {t}" for n, t in table.columns) + "\n)"
        for table in TABLES.values()
    ]


def create_indexes() -> list[str]:
    """The CREATE INDEX statements: the unique key of each table, then its other indexes."""
    wanted = [
        (f"{'UNIQUE ' * (n == 0)}INDEX {'PK' if n == 0 else f'IX{n}'}_{table.name} ON {table.name}", columns)
        for table in TABLES.values()
        for n, columns in enumerate((table.key, *table.indexes))
    ]
    return [f"CREATE {what} ({', '.join(columns)})" for what, columns in wanted]
