"""The desk on a small real study, with an account for every role and one browser per person."""

from __future__ import annotations

import itertools
import shutil
import warnings
from dataclasses import dataclass
from pathlib import Path

import pytest
from fastapi.routing import iter_route_contexts
from starlette.routing import Mount

from extract.chart.screening import Screening, screen
from extract.his.pull import pull
from extract.study.database import StudyDatabase
from extract.study.folder import StudyFolder
from extract.synthetic.hospital import build
from flows.demo import write_study
from validate.desk.app import create_app
from validate.desk.chart import Charts
from validate.desk.passwords import set_password
from validate.desk.room import COOKIE
from validate.review import accounts, queue
from validate.review.cases import cases

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

PASSWORD = "a sentence is easy"
_CHARTS: dict[str, Charts] = {}
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


@dataclass(frozen=True)
class Route:
    """One method on one path."""

    method: str
    path: str

    @property
    def is_api(self) -> bool:
        """Whether it is of the JSON interface."""
        return self.path.startswith("/api/")


def routes_of(app) -> list[Route]:
    """All of them, those of included routers too; static files apart."""
    found = []
    for one in iter_route_contexts(app.routes):
        if isinstance(one.route, Mount):
            assert one.path == "/static", f"{one.path}: a mount that no walk would enter"
            continue
        assert one.methods, f"{one}: a route that no walk would take"
        found += [Route(method, one.path) for method in sorted(one.methods - {"HEAD"})]
    return found


def addresses(route: Route, values: dict[str, list]) -> list[str]:
    """The route's path with every combination of ``values`` for its parameters."""
    names = [part[1:-1].split(":")[0] for part in route.path.split("/") if part.startswith("{")]
    missing = set(names) - set(values)
    assert not missing, f"{route.path}: no values for {missing}"
    return [
        "/".join(str(chosen[part[1:-1]]) if part.startswith("{") else part for part in route.path.split("/"))
        for chosen in (
            dict(zip(names, some, strict=True)) for some in itertools.product(*(values[n] for n in names))
        )
    ]


class Desk:
    """A desk with one browser per person."""

    def __init__(self, root: Path, **how) -> None:
        self.folder = StudyFolder.at(root / "study")
        self.db = StudyDatabase.open(self.folder, self.folder.protocol())
        self.app = create_app(self.folder, self.db, **how)
        self.room = self.app.state.room
        # All copies hold the same landed records: they are read once for all tests.
        self.room.charts = _CHARTS.setdefault("landed", self.room.charts)
        self.browsers: dict[str, TestClient] = {}
        self.scripts: dict[str, TestClient] = {}
        with self.db.reading() as connection:
            self.numbers = [c.candidate.id for c in cases(connection).values()]

    def nobody(self, **headers: str) -> TestClient:
        """A browser in which nobody is signed in."""
        sent = {"sec-fetch-site": "same-origin", "accept-language": "en"} | headers
        return TestClient(self.app, base_url="http://desk", headers=sent, follow_redirects=False)

    def __getitem__(self, name: str) -> TestClient:
        if name not in self.browsers:
            browser = self.nobody()
            browser.cookies.set(COOKIE, self.room.sessions.open(name))
            self.browsers[name] = browser
        return self.browsers[name]

    def script(self, name: str) -> TestClient:
        """A client of the JSON interface with a token of this person."""
        if name not in self.scripts:
            _, secret = self.room.tokens.add(accounts.MACHINE, name, days=1)
            sent = {"authorization": f"Bearer {secret}"}
            self.scripts[name] = TestClient(
                self.app, base_url="http://desk/api/v1", headers=sent, follow_redirects=False
            )
        return self.scripts[name]

    def routes(self) -> list[Route]:
        """Every route of the application."""
        return routes_of(self.app)

    addresses = staticmethod(addresses)

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
