"""The desk killed under load: all that was acknowledged is there once, no half of anything else, and the chain verifies.

Opinions, rulings, entries and resolutions alike: every role is at work, and two race wherever only one can win.

`make test` kills it ten times, tests/benchmarks/kill_desk.py two hundred times.
"""

from __future__ import annotations

import importlib
import random
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from extract.study.folder import StudyFolder

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def desk_load():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARKS))
        yield importlib.import_module("desk_load")


@pytest.fixture(scope="module")
def kill_desk(desk_load):
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARKS))
        yield importlib.import_module("kill_desk")


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def place(request, desk_load, landed, tmp_path):
    """A study without a queue, and where its database is to be."""
    shutil.copytree(landed, tmp_path / "copy")
    folder = StudyFolder.at(tmp_path / "copy" / "study")
    if request.param == "sqlite":
        yield folder, ""
    else:
        with desk_load.database_of_our_own(request.getfixturevalue("postgres_url")) as url:
            yield folder, url


def test_a_killed_desk_keeps_what_it_acknowledged_and_no_half(kill_desk, place):
    told = kill_desk.killing(*place, kills=5, dice=random.Random(4))
    assert told.kills == 5
    assert told.decisions > 5
    assert told.whole + told.none > 0, "no kill cut anything off"
    assert told.late > 0, "nobody came second"


@pytest.mark.parametrize("place", ["sqlite"], indirect=True)
def test_the_ledger_tells_what_is_lost_halved_or_nobody_s(desk_load, place):
    """The judge of the test above, given worlds in which something is wrong."""
    folder, database = place
    where = database or folder
    person = desk_load.team(folder, database, 2)[0]
    number, criteria = next(iter(person.candidates.items()))
    ledger = desk_load.Ledger()
    with desk_load.Desk(folder.root, database) as desk:
        desk.start()
        kept = ledger.new(person, number, dict.fromkeys(criteria, "met"))
        opinions = [{"criterion": c, "verdict": v, "reason": kept.request} for c, v in kept.said.items()]

        async def hand_in():
            client = desk_load.Client(desk.port, person)
            path = f"/api/v1/candidates/{number}/opinions"
            assert await client.send("POST", path, {"request": kept.request, "opinions": opinions}) == 200
            client.close()

        desk_load.asyncio.run(hand_in())
        desk.stop()
    ledger.acknowledged.add(kept.request)
    assert ledger.wrong(where, folder) == []
    assert ledger.doubtful(where, folder) == (0, 0)
    never = ledger.new(person, number, kept.said)
    assert ledger.doubtful(where, folder) == (0, 1)
    ledger.acknowledged.add(never.request)
    assert ledger.wrong(where, folder) == [f"{never.request}: acknowledged, and lost"]
    ledger.acknowledged.discard(never.request)
    more = replace(kept, said=kept.said | {"another": "met"})
    ledger.sent[kept.request] = more
    assert ledger.wrong(where, folder) == [
        f"{kept.request}: {len(opinions)} of {len(opinions) + 1} rows, or other ones"
    ]
    ledger.sent[kept.request] = kept
    ledger.acknowledged.clear()
    ledger.late.add(kept.request)
    assert ledger.wrong(where, folder) == [f"{kept.request}: refused, and there"]
    ledger.late.clear()
    del ledger.sent[kept.request]
    assert ledger.wrong(where, folder)[0] == f"{kept.request}: nobody sent this"
