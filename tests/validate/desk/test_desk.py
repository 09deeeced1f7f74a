"""The desk on a small real study: the whole road by its pages, blind, and closed to everybody else."""

from __future__ import annotations

import itertools
import re
import shutil
import warnings
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extract.chart.screening import Screening, screen
from extract.errors import Refused
from extract.his.pull import pull
from extract.study.audit import verify_chain
from extract.study.database import StudyDatabase
from extract.study.folder import StudyFolder
from extract.synthetic.hospital import build
from flows.demo import write_study
from validate.desk.app import create_app
from validate.desk.chart import Mark, pieces
from validate.desk.sessions import Sessions, set_password
from validate.desk.words import LANGUAGES, WORDS, language
from validate.entry.standing import standings
from validate.review import accounts, queue
from validate.review.cases import cases, opinions
from validate.review.rules import Phase

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
PAGES = ("judge", "arbitrate", "enter", "resolve")


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """The smallest hospital, pulled, screened, queued and assigned, with an account for every role."""
    root = tmp_path_factory.mktemp("desk")
    build(root / "his.db", patients=90, seed=20220101, truth=root / "truth.csv")
    write_study(root / "study", his="sqlite:///../his.db")
    folder = StudyFolder.at(root / "study")
    pull(folder)
    screen(folder)
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


def test_the_whole_road_by_its_pages(desk):
    """Two judge, a third settles, two type, a third settles; and everything stands in the audit."""
    number = desk.numbers[0]
    assert f"/judge/{number}" in desk["ann"].get("/").text
    onward = desk.judge("ann", number)
    assert onward.headers["location"].startswith("/judge/"), "the next candidate comes by itself"
    criterion = desk.db.protocol.exclude[0].id
    desk.judge("bob", number, **{criterion: "met"})
    assert desk.case(number).phase is Phase.ARBITRATION
    assert f"/arbitrate/{number}" in desk["cat"].get("/").text
    page = desk["cat"].get(f"/arbitrate/{number}").text
    assert "Ann" not in page
    assert "Bob" not in page
    ruling = {"request": "r1", "criterion": criterion, "verdict": "not_met", "reason": "an old one"}
    assert desk["cat"].post(f"/arbitrate/{number}", data=ruling).status_code == 303
    assert desk.case(number).phase is Phase.COMPLETE
    held = desk.case(number).candidate
    with desk.db.reading() as connection:
        fields = [f.field for f in standings(connection, desk.db.protocol, [held])[held.patient_id].values()]
    for name, value in (("dan", "5"), ("eve", "6")):
        typed = {f"raw-{f.name}": value if f.kind == "number" else str(f.codes[0][0]) for f in fields}
        assert f"/enter/{number}" in desk[name].get("/").text
        sent = desk[name].post(f"/enter/{number}", data={"request": f"t{name}", **typed})
        assert sent.status_code == 303
    numeric = [f for f in fields if f.kind == "number"]
    page = desk["may"].get(f"/resolve/{number}").text
    assert all(f'value="{f.name}"' in page for f in numeric)
    for field in numeric:
        settled = {"request": f"s{field.name}", "field": field.name, "choice": "second", "reason": "note"}
        assert desk["may"].post(f"/resolve/{number}", data=settled).status_code == 303
    with desk.db.reading() as connection:
        standing = standings(connection, desk.db.protocol, [held])[held.patient_id]
        assert all(one.final is not None for one in standing.values())
        assert verify_chain(connection) == []
    actions = {event["action"] for event in desk.db.audit()}
    assert {"session.opened", "chart.opened", "decision.given", "arbitration.given", "entry.made"} <= actions


def test_a_form_sent_twice_is_kept_once(desk):
    for _ in range(2):
        assert desk.judge("ann", desk.numbers[0]).status_code == 303
    with desk.db.reading() as connection:
        given_ = opinions(connection)
    assert len(given_) == len({(o.patient_id, o.criterion) for o in given_})


def test_no_route_tells_a_reviewer_what_the_other_said(prepared, tmp_path):
    """Byte for byte, headers and lengths included, between a world of yes and a world of no."""
    seen = []
    for world in ("met", "not_met"):
        shutil.copytree(prepared, tmp_path / world)
        desk = Desk(tmp_path / world)
        number, other = desk.numbers[:2]
        for one in (number, other):
            desk.judge("bob", one, **dict.fromkeys(desk.case(one).candidate.reviewed, world))
        first = desk.case(number).candidate.reviewed[0]
        desk["ann"].post(f"/judge/{number}", data={"request": "a", f"verdict-{first}": "met"})
        routes = ["/", "/sign-in", *(f"/{page}/{n}" for page in PAGES for n in (number, other, 10**9))]
        answers = []
        for route in routes:
            response = desk["ann"].get(route)
            body = re.sub(r'(name="request" value=")[^"]{22}', r"\1token", response.text)
            headers = {k: v for k, v in response.headers.items() if k != "date"}
            answers.append((route, response.status_code, headers, body))
        seen.append(answers)
        desk.db.close()
    assert seen[0] == seen[1]


def test_the_second_abstractor_learns_nothing_of_the_first(prepared, tmp_path):
    seen = []
    for world in ("5", "9"):
        shutil.copytree(prepared, tmp_path / world)
        desk = Desk(tmp_path / world)
        number = desk.numbers[0]
        for name in ("ann", "bob"):
            desk.judge(name, number)
        name_ = next(f"{v.id}@{v.at[0]}" for v in desk.db.protocol.variable if v.entry == "double" and v.at)
        desk["dan"].post(f"/enter/{number}", data={"request": "1", f"raw-{name_}": world})
        pages = [desk["eve"].get(route).text for route in ("/", f"/enter/{number}")]
        seen.append([re.sub(r'(name="request" value=")[^"]{22}', r"\1token", page) for page in pages])
        assert "Entry 2" in pages[1]
        desk.db.close()
    assert seen[0] == seen[1]


def test_every_route_is_closed_to_every_role_that_it_is_not_for(desk):
    """...and to nobody signed in, whatever the candidate's number."""
    number = desk.numbers[0]
    allowed = {("ann", "judge"), ("bob", "judge")}
    for name, page in itertools.product([*TEAM, None], PAGES):
        browser = desk[name] if name else desk.nobody()
        for verb in (browser.get, browser.post):
            response = verb(f"/{page}/{number}")
            if name is None:
                assert (response.status_code, response.headers["location"]) == (303, "/sign-in")
            elif (name, page) in allowed:
                assert response.status_code in {200, 303}
            else:
                assert response.status_code in {403, 404}, (name, page, verb)
    with desk.db.reading() as connection:
        assert opinions(connection) == []


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "none"},
        {"sec-fetch-site": "", "origin": "http://desk"},
    ],
)
def test_a_form_from_elsewhere_changes_nothing(desk, headers):
    desk["ann"].headers.update(headers)
    assert desk.judge("ann", desk.numbers[0]).status_code == 403
    with desk.db.reading() as connection:
        assert opinions(connection) == []


def test_without_sec_fetch_site_the_origin_must_be_ours(desk):
    browser = desk.nobody()
    del browser.headers["sec-fetch-site"]
    signing = {"account": "ann", "password": PASSWORD, "purpose": "yes"}
    assert browser.post("/sign-in", data=signing).status_code == 403
    elsewhere = browser.post("/sign-in", data=signing, headers={"origin": "http://evil"})
    assert elsewhere.status_code == 403
    assert browser.post("/sign-in", data=signing, headers={"origin": "http://desk"}).status_code == 303


def test_every_answer_forbids_scripts_caches_and_frames(desk):
    routes = ["/", "/sign-in", "/nowhere", "/static/desk.css", f"/judge/{desk.numbers[0]}", "/judge/x"]
    for route in routes:
        response = desk["ann"].get(route)
        assert "default-src 'none'" in response.headers["content-security-policy"], route
        assert "script-src" not in response.headers["content-security-policy"]
        assert response.headers["cache-control"] == "no-store"
        assert "<script" not in response.text
        assert " style=" not in response.text
        assert " onclick=" not in response.text


def test_a_page_names_no_patient_in_title_or_address(desk):
    held = desk.case(desk.numbers[0]).candidate
    page = desk["ann"].get(f"/judge/{held.id}")
    assert re.search(r"<title>(.*?)</title>", page.text)[1] == "Desk"
    assert held.patient_id not in str(page.url)


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", '"><img src=x>', "{{ 7*7 }}"])
def test_what_somebody_typed_stays_text(desk, text):
    number = desk.numbers[0]
    criterion = desk.case(number).candidate.reviewed[0]
    sent = {"request": "1", f"verdict-{criterion}": "met", f"reason-{criterion}": text}
    desk["ann"].post(f"/judge/{number}", data=sent)
    page = desk["ann"].get(f"/judge/{number}").text
    assert "<script" not in page
    assert "<img" not in page
    assert "49" not in re.findall(rf'name="reason-{criterion}"[^>]*', page)[0]


def test_a_form_that_is_too_large_or_no_text_is_refused(desk):
    browser = desk["ann"]
    assert browser.post("/judge/14", content=b"x" * 300_000).status_code == 413
    kind = {"content-type": "application/x-www-form-urlencoded"}
    assert browser.post(f"/judge/{desk.numbers[0]}", content=b"\xff=\xfe", headers=kind).status_code == 403


def test_wrong_passwords_cost_time_and_say_nothing(prepared, tmp_path):
    """The same words for a wrong account and a wrong password, and after five of them a pause that doubles."""
    shutil.copytree(prepared, tmp_path / "copy")
    folder = StudyFolder.at(tmp_path / "copy" / "study")
    now = [1000.0]
    with StudyDatabase.open(folder, folder.protocol()) as db:
        sessions = Sessions(db, clock=lambda: now[0])
        for name in ("ann", "ghost"):
            with pytest.raises(Refused, match="account or password is wrong"):
                sessions.sign_in(name, "wrong", confirmed=True)
        for _ in range(4):
            with pytest.raises(Refused, match="wrong"):
                sessions.sign_in("ann", "wrong", confirmed=True)
        with pytest.raises(Refused, match="too many"):
            sessions.sign_in("ann", PASSWORD, confirmed=True)
        now[0] += 2
        token = sessions.sign_in("ann", PASSWORD, confirmed=True)
        assert sessions.account(token).id == "ann"
        now[0] += 31 * 60
        assert sessions.account(token) is None, "an idle session ends"
        token = sessions.sign_in("ann", PASSWORD, confirmed=True)
        accounts.change(db, accounts.MACHINE, "ann", works=False)
        assert sessions.account(token) is None, "a closed account has no session"
        with pytest.raises(Refused, match="wrong"):
            sessions.sign_in("ann", PASSWORD, confirmed=True)
        with pytest.raises(Refused, match="purpose"):
            sessions.sign_in("bob", PASSWORD, confirmed=False)
        with pytest.raises(Refused, match="10 to 200"):
            set_password(db, accounts.MACHINE, "bob", "short")


def test_signing_out_ends_the_session_on_the_server(desk):
    browser = desk["ann"]
    token = browser.cookies["desk"]
    browser.post("/sign-out")
    stolen = desk.nobody()
    stolen.cookies.set("desk", token)
    assert stolen.get("/").headers["location"] == "/sign-in"


def test_every_word_of_the_pages_exists_in_both_languages():
    used = set()
    for template in Path(WORDS_HOME / "templates").glob("*.html"):
        used |= set(re.findall(r"\bt\('([a-z_]+)'", template.read_text("utf-8")))
    assert used <= set(WORDS)
    assert all(len(both) == len(LANGUAGES) and all(both) for both in WORDS.values())


WORDS_HOME = Path(__file__).parents[3] / "validate/desk"


@pytest.mark.parametrize(
    ("cookie", "accepted", "spoken"),
    [(None, "en-GB,zh;q=0.5", "en"), (None, "fr,zh-CN", "zh"), ("en", "zh", "en"), ("xx", "", "zh")],
)
def test_the_language_is_the_person_s_or_the_browser_s(cookie, accepted, spoken):
    assert language(cookie, accepted) == spoken


def test_the_pages_speak_chinese(desk):
    browser = desk["ann"]
    browser.post("/language/zh")
    assert "我的任务" in browser.get("/").text


@given(
    st.text(max_size=30),
    st.lists(st.tuples(st.integers(-3, 35), st.integers(-3, 35), st.sampled_from(["present", "negated"]))),
)
def test_the_pieces_of_a_note_are_the_note(text, places):
    """Whatever is marked, overlapping or out of range, no character is lost, added or moved."""
    marks = [Mark(start, end, "keyword", assertion, "I1") for start, end, assertion in places]
    cut = pieces(text, marks)
    assert "".join(piece.text for piece in cut) == text
    covered = sum(len(piece.text) for piece in cut if piece.marks)
    inside = [m for m in marks if 0 <= m.start < m.end <= len(text)]
    assert covered == len({i for m in inside for i in range(m.start, m.end)})
    for piece in cut:
        assert ("not" in piece.css.split()) == (
            bool(piece.marks) and all(m.assertion == "negated" for m in piece.marks)
        )
