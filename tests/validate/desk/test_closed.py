"""The desk is closed: to other roles, other sites, guesses, scripts and strangers."""

from __future__ import annotations

import itertools
import re
import shutil

import pytest

from extract.errors import Refused
from extract.study.database import StudyDatabase
from extract.study.folder import StudyFolder
from flows.practice import open_practice
from validate.desk.app import create_app
from validate.desk.file import DeskFile
from validate.desk.passwords import set_password
from validate.desk.sessions import Sessions
from validate.review import accounts
from validate.review.cases import opinions
from validate.review.rules import Role

PASSWORD = "a sentence is easy"
PAGES = ("judge", "arbitrate", "enter", "resolve")


def test_sessions_outlive_the_server(prepared, tmp_path):
    """A file keeps them, and a stolen file opens nothing: it holds no token."""
    shutil.copytree(prepared, tmp_path / "copy")
    folder = StudyFolder.at(tmp_path / "copy" / "study")
    file = tmp_path / "sessions.db"
    with StudyDatabase.open(folder, folder.protocol()) as db:
        before = DeskFile(file)
        token = Sessions(db, before).sign_in("ann", PASSWORD, confirmed=True)
        before.close()
        assert Sessions(db, DeskFile(file)).account(token).id == "ann"
    assert all(token.encode() not in f.read_bytes() for f in tmp_path.glob("sessions.db*"))
    assert file.stat().st_mode & 0o077 == 0


def test_demo_accounts_exist_on_a_simulated_study_only(prepared, tmp_path, open_desk):
    """...for every role; on any other the desk refuses to start with them, and no form lets one in."""
    shutil.copytree(prepared, tmp_path / "copy")
    desk = open_desk(tmp_path / "copy")
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


def test_every_route_is_closed_to_every_role_that_it_is_not_for(desk, team):
    """...and to nobody signed in, whatever the candidate's number."""
    number = desk.numbers[0]
    allowed = {("ann", "judge"), ("bob", "judge")}
    for name, page in itertools.product([*team, None], PAGES):
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
        sessions = Sessions(db, DeskFile(), clock=lambda: now[0])
        for name in ("ann", "ghost"):
            with pytest.raises(Refused, match="account, password or code is wrong"):
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
