"""The steps of estimating a search's recall: draw a sample, queue it for review, estimate from what was judged."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from extract.errors import Refused
from extract.study.folder import StudyFolder
from flows.faults import value_free

__all__ = ["draw_recall", "recall"]


@value_free
def draw_recall(
    study: Path, size: int, seed: int, codes: Sequence[str] = (), labs: Sequence[str] = ()
) -> dict[str, Any]:
    """Draw a sample once the study's pull is approved, and queue it in STUDY/recall; then as ``recall``."""
    from extract.chart.recall_sample import asked_for, sample
    from extract.his.approval import check_approved
    from extract.his.sites import load_site
    from extract.study.storage import database_url
    from validate.review.withheld import withheld

    folder = StudyFolder.at(study)
    if database_url(folder).get_backend_name() != "sqlite":
        raise Refused(
            "the review of a sample has a database of its own, and COHORTLOCK_STUDY_DATABASE names the study's",
            "Unset the variable for `cohortlock recall`, and for `desk` and `user` on STUDY/recall.",
        )
    check_approved(folder)
    asked = asked_for(folder.protocol(), load_site(folder).pack, codes, labs)
    sample(folder, size, seed, asked, withheld=withheld(folder).patients)
    return recall(study)


@value_free
def recall(study: Path) -> dict[str, Any]:
    """The ``recall`` --json contract. Raises NotReady when no sample was drawn."""
    from extract.chart.recall_frame import FOUND
    from extract.chart.recall_sample import Sample, recall_folder
    from extract.chart.screening import Screening
    from extract.study.database import StudyDatabase
    from validate.review.cases import cases
    from validate.review.queue import enqueue
    from validate.review.recall import strata_of, told
    from validate.review.withheld import withheld

    folder = StudyFolder.at(study)
    drawn = Sample.load(folder)
    place = recall_folder(folder)
    protocol, screening = place.protocol(), Screening.load(place)
    # By its path: a team's server is the study's, never the sample's.
    declined = withheld(folder).patients
    with StudyDatabase.open(place.database, protocol) as database:
        with database.reading() as connection:
            judged = cases(connection)
        # A draw that was cut short has no queue yet, and somebody may have declined since.
        if not judged or any(judged[p].candidate.present for p in declined if p in judged):
            enqueue(database, protocol, screening, "recall", withheld=declined)
            with database.reading() as connection:
                judged = cases(connection)
    states = {
        row["patient_id"]: row["state"]
        for row in screening.candidates.select(["patient_id", "state"]).to_pylist()
        if row["patient_id"] not in declined
    }
    strata = strata_of(protocol, drawn.strata, drawn.of, states, judged, FOUND)
    return told(protocol.study.id, drawn.seed, strata, drawn.visits) | {
        "codes": list(drawn.asked.codes),
        "labs": list(drawn.asked.labs),
        "current": folder.protocol().hash == drawn.protocol_hash,
        "folder": str(place.root),
    }
