"""The desk on a small real study: the whole road by its pages, blind, and closed to everybody else."""

from __future__ import annotations

import itertools
import json
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
from flows.practice import open_practice
from validate.desk.app import create_app
from validate.desk.marks import Mark, parts, pieces
from validate.desk.sessions import Sessions, set_password
from validate.desk.words import LANGUAGES, WORDS, language
from validate.entry.standing import standings
from validate.review import accounts, queue
from validate.review.cases import cases, opinions
from validate.review.rules import Phase, Role

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


def test_one_opinion_is_kept_as_soon_as_it_is_given(desk):
    """...with its quotes, which must equal the record's own characters, and once for each request."""
    held = desk.case(desk.numbers[0]).candidate
    criterion = held.reviewed[0]
    texts = desk.app.state.room.charts.of(held.patient_id).texts()
    record, text = next((r, t) for r, t in texts.items() if len(t) > 20)
    quote = {"record_id": record, "start": 5, "end": 9, "text": text[5:9]}
    address = f"/judge/{held.id}/{criterion}"
    sent = {"request": "k1", "verdict": "met", "reason": "seen", "quotes": json.dumps([quote])}
    as_json = {"accept": "application/json"}
    for _ in range(2):
        assert desk["ann"].post(address, data=sent, headers=as_json).json() == {"kept": criterion}
    with desk.db.reading() as connection:
        (given_,) = opinions(connection)
    assert given_.quotes[0].text == text[5:9]
    for wrong in ({**quote, "text": "????"}, {**quote, "record_id": "document:another"}, "no quote"):
        bad = sent | {"request": "k2", "quotes": json.dumps([wrong])}
        refused = desk["ann"].post(address, data=bad, headers=as_json)
        assert refused.status_code == 403
        assert "quote" in refused.json()["problem"]
    undone = sent | {"request": "k3", "verdict": "not_met", "quotes": ""}
    assert desk["ann"].post(address, data=undone).status_code == 200
    assert desk.case(held.id).standing[criterion].of(held.place_of("ann")).verdict == "not_met"


def test_what_the_form_refuses_is_shown_again_as_it_was_typed(desk):
    number = desk.numbers[0]
    for name in ("ann", "bob"):
        desk.judge(name, number)
    with desk.db.reading() as connection:
        held = desk.case(number).candidate
        fields = [f.field for f in standings(connection, desk.db.protocol, [held])[held.patient_id].values()]
    first, second = [f.name for f in fields if f.kind == "number"][:2]
    sent = {"request": "t", f"raw-{first}": "4", f"raw-{second}": "ninety-nine"}
    page = desk["dan"].post(f"/enter/{number}", data=sent)
    assert page.status_code == 409
    assert f'name="raw-{second}" maxlength="200"' in page.text
    assert 'value="ninety-nine"' in page.text
    assert 'value="4"' in page.text


def test_a_query_is_answered_by_the_data_manager_and_closed_by_who_asked(desk):
    """...and another reviewer of the same candidate never sees it."""
    number = desk.numbers[0]
    criterion = desk.case(number).candidate.reviewed[0]
    desk["ann"].post(f"/ask/{number}", data={"request": "q1", "field": criterion, "text": "which visit?"})
    assert "which visit?" in desk["may"].get("/").text
    assert "which visit?" not in desk["bob"].get("/").text + desk["bob"].get(f"/judge/{number}").text
    thread = re.search(r'action="/answer/(\d+)"', desk["may"].get("/").text)[1]
    assert desk["bob"].post(f"/answer/{thread}", data={"request": "q2", "text": "x"}).status_code == 403
    desk["may"].post(f"/answer/{thread}", data={"request": "q3", "text": "the first"})
    assert "the first" in desk["ann"].get(f"/judge/{number}").text
    desk["ann"].post(f"/answer/{thread}", data={"request": "q4", "text": "thanks", "close": "yes"})
    assert "which visit?" not in desk["may"].get("/").text


def test_the_auditor_reads_the_trail_by_person_and_kind(desk):
    desk["ann"].get(f"/judge/{desk.numbers[0]}")
    rows = desk["aud"].get("/audit?actor=ann&action=chart.opened").text.split("<tbody>")[1]
    assert rows.count("chart.opened") == 1
    assert f"candidate/{desk.numbers[0]}" in rows
    assert desk["ann"].get("/audit").status_code == 403
    first = desk["aud"].get("/audit").text
    older = re.search(r'href="(/audit[?][^"]+)"', first)[1].replace("&amp;", "&")
    assert desk["aud"].get(older).text.split("<tbody>")[1] != first.split("<tbody>")[1]


def test_agreement_and_what_is_owed_are_the_data_manager_s(desk):
    for name in ("ann", "bob"):
        desk.judge(name, desk.numbers[0])
    assert "1.000" in desk["may"].get("/agreement").text
    owed = desk["may"].get("/owed").text
    assert "opinion" in owed
    for name in ("ann", "cat", "dan", "ana"):
        assert desk[name].get("/owed").status_code == desk[name].get("/agreement").status_code == 403


def test_sessions_outlive_the_server(prepared, tmp_path):
    """A file keeps them, and a stolen file opens nothing: it holds no token."""
    shutil.copytree(prepared, tmp_path / "copy")
    folder = StudyFolder.at(tmp_path / "copy" / "study")
    file = tmp_path / "sessions.db"
    with StudyDatabase.open(folder, folder.protocol()) as db:
        before = Sessions(db, file)
        token = before.sign_in("ann", PASSWORD, confirmed=True)
        before.close()
        assert Sessions(db, file).account(token).id == "ann"
    assert all(token.encode() not in f.read_bytes() for f in tmp_path.glob("sessions.db*"))
    assert file.stat().st_mode & 0o077 == 0


def test_demo_accounts_exist_on_a_simulated_study_only(prepared, tmp_path):
    """...for every role; on any other the desk refuses to start with them, and no form lets one in."""
    shutil.copytree(prepared, tmp_path / "copy")
    desk = Desk(tmp_path / "copy")
    number = desk.numbers[0]
    assert desk.nobody().post("/sign-in/demo", data={"account": "ann"}).status_code == 403
    desk.db.lock("may", 1)
    desk.db.close()
    practice, people = open_practice(desk.folder)
    with practice:
        desk.app = create_app(desk.folder, practice, demo=people)
        roles = set()
        for one in people:
            browser = desk.nobody()
            assert browser.post("/sign-in/demo", data={"account": one}).status_code == 303
            page = browser.get("/").text
            roles |= {role for role in Role if f"· {role.value.replace('_', ' ')}" in page}
        assert roles == set(Role) - {Role.MACHINE}
        browser = desk.nobody()
        browser.post("/sign-in/demo", data={"account": "sim-reviewer-a"})
        assert browser.get(f"/judge/{number}").status_code in {200, 404}
        assert browser.get("/judge/next").headers["location"].startswith("/judge/")
    real = desk.folder.protocol_file.read_text("utf-8").replace("simulated = true", "simulated = false")
    desk.folder.protocol_file.write_text(real, encoding="utf-8")
    with pytest.raises(Refused, match="demo accounts"):
        open_practice(desk.folder)
    with (
        StudyDatabase.open(tmp_path / "another.db", desk.folder.protocol()) as db,
        pytest.raises(Refused, match="demo accounts"),
    ):
        create_app(desk.folder, db, demo=["ann"])


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
        routes = ["/", "/sign-in", "/judge/next", "/owed", "/agreement", "/audit"]
        routes += [f"/{page}/{n}" for page in PAGES for n in (number, other, 10**9)]
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


def test_every_answer_forbids_foreign_scripts_caches_and_frames(desk):
    routes = ["/", "/sign-in", "/nowhere", "/static/desk.css", f"/judge/{desk.numbers[0]}", "/judge/x"]
    for route in routes:
        response = desk["ann"].get(route)
        assert "default-src 'none'" in response.headers["content-security-policy"], route
        assert "script-src 'self';" in response.headers["content-security-policy"]
        assert "unsafe" not in response.headers["content-security-policy"]
        assert response.headers["cache-control"] == ("no-cache" if "/static/" in route else "no-store")
        assert set(re.findall(r"<script[^>]*>", response.text)) <= {'<script src="/static/desk.js" defer>'}
        assert " style=" not in response.text
        assert " onclick=" not in response.text


def test_a_page_names_no_patient_in_title_or_address(desk):
    held = desk.case(desk.numbers[0]).candidate
    page = desk["ann"].get(f"/judge/{held.id}")
    assert re.search(r"<title>(.*?)</title>", page.text)[1] == "Desk"
    assert held.patient_id not in str(page.url)
    links = re.findall(r'(?:href|action|src|id)="([^"]*)"', page.text)
    assert links
    assert not [link for link in links if held.patient_id in link], "not even after the #"


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", '"><img src=x>', "{{ 7*7 }}"])
def test_what_somebody_typed_stays_text(desk, text):
    number = desk.numbers[0]
    criterion = desk.case(number).candidate.reviewed[0]
    sent = {"request": "1", f"verdict-{criterion}": "met", f"reason-{criterion}": text}
    desk["ann"].post(f"/judge/{number}", data=sent)
    page = desk["ann"].get(f"/judge/{number}").text
    assert "<script>" not in page
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


@given(st.text(alphabet="主诉【】:。\r\n a1既往史", max_size=60), st.integers(0, 50), st.integers(1, 20))
def test_a_note_by_sections_is_the_note(text, start, length):
    """Heads and pieces joined are the text, and what was marked is marked, over the end of a section too."""
    end = min(start + length, len(text))
    marks = [Mark(start, end, "keyword", "present", "I1")]
    cut = parts(text, marks)
    assert "".join(part.head + "".join(piece.text for piece in part.pieces) for part in cut) == text
    shown = sum(len(piece.text) for part in cut for piece in part.pieces if piece.marks)
    heads = sum(len(part.head) for part in cut)
    assert max(0, end - start) - heads <= shown <= max(0, end - start)
