"""The pull of the demo hospital as a whole process, against the notebook that it replaces."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from process import Process

from extract.synthetic.hospital import build
from flows.demo import write_study

PULL = """
import sys
from pathlib import Path
from extract.his.pull import pull
from extract.study.folder import StudyFolder
report = pull(StudyFolder.at(Path(sys.argv[1])))
print(f"{report.patients} patients, {sum(c['new'] for c in report.records.values())} new records landed")
"""

NOTEBOOK = """
import sqlite3, sys
import pandas as pd
his = sqlite3.connect(sys.argv[1])
clinic = pd.read_sql("SELECT PATIENT_ID, ILLNESS_DESC, MED_HISTORY, DIAG_DESC FROM OUTP_MR", his)
ward = pd.read_sql(
    "SELECT f.PATIENT_ID, t.MR_CONTENT FROM JHMR_FILE_INDEX f JOIN JHMR_FILE_CONTENT_TEXT t"
    " ON t.FILE_UNIQUE_ID = f.FILE_UNIQUE_ID", his)
lab = pd.read_sql(
    "SELECT m.PATIENT_ID, r.REPORT_ITEM_NAME, r.RESULT FROM LAB_RESULT r"
    " JOIN LAB_TEST_MASTER m ON m.TEST_NO = r.TEST_NO", his)
text = pd.concat([
    pd.DataFrame({"p": clinic.PATIENT_ID, "t": clinic.ILLNESS_DESC.fillna("") + clinic.MED_HISTORY.fillna("")
                  + clinic.DIAG_DESC.fillna("")}),
    pd.DataFrame({"p": ward.PATIENT_ID, "t": ward.MR_CONTENT.fillna("")}),
])
pain = set(text.p[text.t.str.contains("颈痛|肩痛|腰痛|腰腿痛")])
esr = set(text.p[text.t.str.contains("ESR")]) | set(lab.PATIENT_ID[lab.REPORT_ITEM_NAME.str.contains("ESR")])
print(f"{len(pain & esr)} patients, nothing landed, no visit, window or chart")
"""


def bench_pull() -> Iterator[tuple[str, Process]]:
    """From the 20,000-patient demo hospital (SQLite) to landed charts, against pandas.read_sql and str.contains."""
    # Lives as long as the contenders that name it.
    folder = tempfile.TemporaryDirectory()
    his, study = Path(folder.name) / "his.db", Path(folder.name) / "study"
    build(his, patients=20_000, truth=his.with_name("truth.json"))
    write_study(study, his=f"sqlite:///{his}")

    def afresh() -> None:
        shutil.rmtree(Path(folder.name) / "study" / "landing", ignore_errors=True)

    def landed() -> None:
        if not (study / "landing").exists():
            Process([sys.executable, "-c", PULL, str(study)])()

    yield (
        "cohortlock, first pull: candidates by SQL, whole charts versioned and fsynced",
        Process([sys.executable, "-c", PULL, str(study)], before=afresh),
    )
    yield (
        "cohortlock, the same again: nothing has changed",
        Process([sys.executable, "-c", PULL, str(study)], before=landed),
    )
    yield (
        "pandas.read_sql of notes and labs, str.contains",
        Process([sys.executable, "-c", NOTEBOOK, str(his)]),
    )
