"""Two arbitrators at one case at the same moment, on both databases: one wins, the other is told."""

from __future__ import annotations

import shutil
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import create_engine, make_url, select, text

from extract.chart.screening import Screening
from extract.study.audit import verify_chain
from extract.study.tables import arbitration
from validate.review import accounts, queue
from validate.review.rules import Phase

SAID = "another arbitrator has settled this"


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def two(request, landed, tmp_path, open_desk, monkeypatch):
    """A desk with two reviewers and two arbitrators, its study database where the parameter says."""
    shutil.copytree(landed, tmp_path / "copy")
    admin = name = None
    if request.param == "postgresql":
        server = make_url(request.getfixturevalue("postgres_url"))
        name = f"two_{tmp_path.name.replace('-', '_')}_{id(tmp_path)}"
        admin = create_engine(server, isolation_level="AUTOCOMMIT")
        with admin.connect() as connection:
            connection.execute(text(f'CREATE DATABASE "{name}"'))
        mine = server.set(database=name).render_as_string(hide_password=False)
        monkeypatch.setenv("COHORTLOCK_STUDY_DATABASE", mine)
    desk = open_desk(tmp_path / "copy")
    for one, role in (("ann", "reviewer"), ("bob", "reviewer"), ("cat", "arbitrator"), ("coy", "arbitrator")):
        accounts.add(desk.db, accounts.MACHINE, account_id=one, name=one, role=role)
    queue.enqueue(desk.db, desk.db.protocol, Screening.load(desk.folder), "run1")
    queue.assign(desk.db, accounts.MACHINE, seed=1)
    with desk.db.reading() as connection:
        desk.numbers = sorted(c.candidate.id for c in queue.cases(connection).values())
    yield desk
    desk.db.close()
    if admin is not None:
        with admin.connect() as connection:
            connection.execute(text(f'DROP DATABASE "{name}" WITH (FORCE)'))
        admin.dispose()


def test_one_of_two_arbitrators_wins_and_the_other_is_told(two):
    """...by the page and by the JSON interface, with opposite verdicts sent at the same moment; one ruling stands."""
    criterion = two.db.protocol.exclude[0].id
    for number in two.numbers[:6]:
        two.judge("ann", number)
        two.judge("bob", number, **{criterion: "met"})
    browsers, scripts = ({who: get(who) for who in ("cat", "coy")} for get in (two.__getitem__, two.script))
    for n, number in enumerate(two.numbers[:6]):
        together = threading.Barrier(2)

        def settle(who, n=n, number=number, together=together):
            sent = {
                "request": f"{who}-{number}",
                "criterion": criterion,
                "verdict": "met" if who == "cat" else "not_met",
                "reason": f"as {who} reads it",
            }
            together.wait()
            if n % 2:
                answer = scripts[who].post(f"candidates/{number}/arbitration", json=sent)
            else:
                answer = browsers[who].post(f"/arbitrate/{number}", data=sent)
            return who, answer

        with ThreadPoolExecutor(2) as threads:
            answers = dict(threads.map(settle, ("cat", "coy")))
        winner, loser = sorted(answers, key=lambda who: answers[who].status_code)
        assert answers[winner].status_code == (204 if n % 2 else 303)
        assert answers[loser].status_code == 403
        assert SAID in answers[loser].text
        standing = two.case(number).standing[criterion]
        assert standing.phase is Phase.COMPLETE
        assert standing.ruling.reason == f"as {winner} reads it"
    with two.db.reading() as connection:
        settled = connection.execute(select(arbitration.c.patient_id)).scalars().all()
        assert len(settled) == len(set(settled)) == 6
        assert verify_chain(connection) == []
