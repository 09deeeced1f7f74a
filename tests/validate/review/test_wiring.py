"""The queue reads a real screening, as it is written to and read from disk."""

from __future__ import annotations

from datetime import datetime

from extract.chart import screens
from extract.chart.screening import Screening
from extract.study.folder import StudyFolder
from validate.reconcile import reconcile
from validate.review import queue
from validate.review.cases import case

T0 = datetime.fromisoformat("2022-01-05T08:00:00")


def test_a_screening_from_disk_is_queued_as_it_stands(db, small, screening, tmp_path):
    """...and again without a change, so that a nightly run reopens nothing by itself."""
    made = screening(3)
    blank = {"t0_at": T0, "t0_visit_id": "v", "t0_date": T0.date()}
    tables = {
        name: screens.table(name, [dict.fromkeys(screens.SCHEMAS[name].names) | row for row in rows])
        for name, rows in {
            "candidates": [
                row | blank | {"n_visits": 1, "bits": 0, "negated_only": False}
                for row in made.candidates.to_pylist()
            ],
            "verdicts": made.verdicts.to_pylist(),
            "evidence": made.evidence.to_pylist(),
            "values": made.values.to_pylist(),
            "matches": [],
            "links": [],
        }.items()
    }
    folder = StudyFolder(tmp_path)
    folder.landing.mkdir()
    Screening(protocol_hash=small.hash, **tables).save(folder)
    counts = queue.enqueue(db, small, Screening.load(folder), "run1")
    assert counts == {"new": 3, "changed": 0, "vanished": 0, "reopened": 0, "declined": 0}
    assert set(queue.enqueue(db, small, Screening.load(folder), "run2").values()) == {0}
    with db.reading() as connection:
        assert case(connection, "p1").candidate.reviewed == ("I2", "E1", "E2")
    assert len(reconcile(db, small).open) == 3 * (1 + 2 * 3)
