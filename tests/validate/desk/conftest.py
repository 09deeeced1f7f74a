"""The desk on a small real study, with an account for every role and one browser per person."""

from __future__ import annotations

import shutil
import warnings
from pathlib import Path

import pytest

from extract.chart.screening import Screening, screen
from extract.his.pull import pull
from extract.study.database import StudyDatabase
from extract.study.folder import StudyFolder
from extract.synthetic.hospital import build
from flows.demo import write_study
from validate.desk.app import create_app
from validate.desk.sessions import set_password
from validate.review import accounts, queue
from validate.review.cases import cases

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

PASSWORD = "a sentence is easy"
TEAM = {
    "ann": "reviewer",
    "bob": "reviewer",
    "cat": "arbitrator",
    "dan": "abstractor",
    "eve": "abstractor",
    "may": "data_manager",
    "aud": "auditor",
    "ana": "analyst",
}


@pytest.fixture(scope="session")
def landed(tmp_path_factory):
    """The smallest hospital, pulled and screened; no study database yet."""
    root = tmp_path_factory.mktemp("desk")
    build(root / "his.db", patients=90, seed=20220101, truth=root / "truth.csv")
    write_study(root / "study", his="sqlite:///../his.db")
    folder = StudyFolder.at(root / "study")
    pull(folder)
    screen(folder)
    return root


@pytest.fixture(scope="session")
def prepared(landed, tmp_path_factory):
    """The same, queued and assigned, with an account for every role."""
    root = tmp_path_factory.mktemp("prepared") / "root"
    shutil.copytree(landed, root)
    folder = StudyFolder.at(root / "study")
    with StudyDatabase.open(folder, folder.protocol()) as db:
        for name, role in TEAM.items():
            accounts.add(db, accounts.MACHINE, account_id=name, name=name.title(), role=role)
            set_password(db, accounts.MACHINE, name, PASSWORD)
        queue.enqueue(db, db.protocol, Screening.load(folder), "run1")
        queue.assign(db, accounts.MACHINE, seed=1)
    return root


class Desk:
    """A desk with one browser per person."""

    def __init__(self, root: Path) -> None:
        self.folder = StudyFolder.at(root / "study")
        self.db = StudyDatabase.open(self.folder, self.folder.protocol())
        self.app = create_app(self.folder, self.db)
        self.browsers: dict[str, TestClient] = {}
        with self.db.reading() as connection:
            self.numbers = [c.candidate.id for c in cases(connection).values()]

    def nobody(self, **headers: str) -> TestClient:
        """A browser in which nobody is signed in."""
        sent = {"sec-fetch-site": "same-origin", "accept-language": "en"} | headers
        return TestClient(self.app, base_url="http://desk", headers=sent, follow_redirects=False)

    def __getitem__(self, name: str) -> TestClient:
        if name not in self.browsers:
            browser = self.nobody()
            browser.post("/sign-in", data={"account": name, "password": PASSWORD, "purpose": "yes"})
            self.browsers[name] = browser
        return self.browsers[name]

    def case(self, number: int):
        """What stands for a candidate."""
        with self.db.reading() as connection:
            return next(c for c in cases(connection).values() if c.candidate.id == number)

    def judge(self, name: str, number: int, request: str = "", **changed: str):
        """Judge all criteria as for an eligible patient, up to ``changed``."""
        included = {c.id for c in self.db.protocol.include}
        sent = {
            f"verdict-{c}": "met" if c in included else "not_met"
            for c in self.case(number).candidate.reviewed
        }
        sent |= {f"verdict-{c}": v for c, v in changed.items()}
        return self[name].post(f"/judge/{number}", data={"request": request or f"{name}-{number}", **sent})


@pytest.fixture
def desk(prepared, tmp_path):
    shutil.copytree(prepared, tmp_path / "copy")
    opened = Desk(tmp_path / "copy")
    yield opened
    opened.db.close()


@pytest.fixture
def open_desk():
    """Opens desks on other copies."""
    return Desk


@pytest.fixture
def team():
    """Account -> role."""
    return TEAM
