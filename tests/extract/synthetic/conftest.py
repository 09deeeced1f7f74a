"""A small demo hospital with its truth, and its rows as canonical records, mapped here and not by a pack."""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from extract.synthetic import hospital

PATIENTS = 1_200

CANONICAL = {
    "patient": """
        SELECT p.PATIENT_ID patient_id, p.SEX sex, p.DATE_OF_BIRTH birth_date, m.INTO_PATIENT_ID merged_into
        FROM PAT_MASTER_INDEX p LEFT JOIN PAT_ID_MERGE m ON m.PATIENT_ID = p.PATIENT_ID""",
    "document": """
        SELECT i.PATIENT_ID patient_id, i.TOPIC kind, i.CAPTION_DATE_TIME written_at, t.MR_CONTENT text
        FROM JHMR_FILE_INDEX i JOIN JHMR_FILE_CONTENT_TEXT t USING (FILE_UNIQUE_ID)
        WHERE i.DELETE_FLAG = '0'
        UNION ALL
        SELECT PATIENT_ID, '门诊病历', VISIT_DATE,
               '【主诉】' || ILLNESS_DESC || '【现病史】' || MED_HISTORY || '【既往史】' || coalesce(ANAMNESIS, '')
               || '【家族史】' || coalesce(FAMILY_ILL, '') || '【月经史】' || coalesce(MENSES, '')
               || '【查体】' || BODY_EXAM || '【诊断】' || DIAG_DESC || '【处理】' || ADVICE
        FROM OUTP_MR""",
    "lab": """
        SELECT m.PATIENT_ID patient_id, r.REPORT_ITEM_NAME name, m.SPCM_SAMPLE_DATE_TIME specimen_at,
               r.RESULT_DATE_TIME reported_at, r.RESULT raw_value, r.UNITS unit
        FROM LAB_TEST_MASTER m JOIN LAB_RESULT r USING (TEST_NO) WHERE m.RESULT_STATUS = '4'""",
    "diagnosis": """
        SELECT PATIENT_ID patient_id, DIAGNOSIS_CODE code, DIAGNOSIS_DESC name, DIAGNOSIS_DATE diagnosed_at
        FROM DIAGNOSIS UNION ALL SELECT PATIENT_ID, DIAG_CODE, DIAG_DESC, VISIT_DATE FROM OUTP_MR""",
    "medication": """
        SELECT PATIENT_ID patient_id, ORDER_TEXT name, START_DATE_TIME started_at
        FROM ORDERS WHERE ORDER_CLASS = 'A' AND ORDER_STATUS <> '4'
        UNION ALL SELECT PATIENT_ID, DRUG_NAME, START_DATE_TIME FROM OUTP_PRESC WHERE CHARGE_INDICATOR = 1""",
    "imaging": """
        SELECT PATIENT_ID patient_id, EXAM_CLASS modality, EXAM_DATE_TIME performed_at FROM EXAM_MASTER""",
    "procedure": """
        SELECT PATIENT_ID patient_id, OPERATION_DESC name, OPERATING_DATE performed_at FROM OPERATION
        UNION ALL SELECT PATIENT_ID, ORDER_TEXT, START_DATE_TIME FROM ORDERS
        WHERE ORDER_CLASS = 'B' AND ORDER_STATUS <> '4'
        UNION ALL SELECT PATIENT_ID, ITEM_NAME, PERFORMED_DATE_TIME FROM OUTP_TREAT_REC""",
    "scale": """
        SELECT PATIENT_ID patient_id, VITAL_SIGNS name, TIME_POINT measured_at, VITAL_SIGNS_CVALUES raw_value
        FROM VITAL_SIGNS_REC""",
}


@dataclass(frozen=True)
class Demo:
    """The hospital's file, what is true in it, and every patient's chart."""

    path: Path
    truth: dict[str, Any]
    report: hospital.BuildReport
    charts: dict[str, dict[str, list[dict[str, Any]]]]

    @property
    def placed(self) -> list[dict[str, Any]]:
        """Planted patients and decoys."""
        return self.truth["planted"] + self.truth["decoys"]


def records_by_patient(path: Path) -> dict[str, dict[str, list[dict[str, Any]]]]:
    charts: dict[str, dict[str, list[dict[str, Any]]]] = defaultdict(lambda: defaultdict(list))
    connection = sqlite3.connect(path)
    connection.row_factory = sqlite3.Row
    for table, query in CANONICAL.items():
        for row in connection.execute(query):
            record = dict(row)
            for name, value in record.items():
                if name.endswith("_at") and value:
                    record[name] = datetime.fromisoformat(value)
                elif name == "birth_date":
                    record[name] = date.fromisoformat(value[:10])
            charts[record["patient_id"]][table].append(record)
    connection.close()
    return charts


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    folder = tmp_path_factory.mktemp("demo")
    report = hospital.build(folder / "his.db", patients=PATIENTS, truth=folder / "truth.json")
    truth = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
    return Demo(folder / "his.db", truth, report, records_by_patient(folder / "his.db"))


@pytest.fixture(scope="session")
def canonical() -> Callable[[Path], dict[str, dict[str, list[dict[str, Any]]]]]:
    """Maps another hospital's file to canonical records."""
    return records_by_patient
