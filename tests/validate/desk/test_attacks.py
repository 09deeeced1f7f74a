"""What an attacker tries first (after the OWASP list), each with what it is refused with and what it leaves behind."""

from __future__ import annotations

import csv
import io
import json
import logging
import re
import shutil
from concurrent.futures import ThreadPoolExecutor

import pytest

from extract.errors import Refused
from validate.desk.file import DeskFile
from validate.desk.passwords import set_password
from validate.desk.room import COOKIE
from validate.desk.sessions import Sessions
from validate.desk.settings import Settings
from validate.review import accounts
from validate.review.cases import opinions

PASSWORD = "a sentence is easy"
EVERYBODY = {"reviewer", "arbitrator", "abstractor", "data_manager", "auditor", "analyst"}
AT_CHARTS = EVERYBODY - {"auditor", "analyst"}
OPEN = {
    "/sign-in",
    "/sign-in/demo",
    "/sign-in/provider",
    "/sign-in/provider/back",
    "/sign-out",
    "/language/{wanted}",
    "/api/v1/openapi.json",
}
"""Routes that show and change nothing of the study, and are open to whoever comes."""
FOR = {
    "/": EVERYBODY,
    "/account": EVERYBODY,
    "/account/password": EVERYBODY,
    "/account/second-factor": EVERYBODY,
    "/account/second-factor/confirm": EVERYBODY,
    "/account/second-factor/remove": EVERYBODY,
    "/judge/next": {"reviewer"},
    "/judge/{number}": {"reviewer"},
    "/judge/{number}/{criterion}": {"reviewer"},
    "/arbitrate/{number}": {"arbitrator"},
    "/enter/{number}": {"abstractor"},
    "/resolve/{number}": {"arbitrator", "data_manager"},
    "/owed": {"data_manager"},
    "/owed/hand-over": {"data_manager"},
    "/agreement": {"data_manager", "auditor"},
    "/calibration": {"data_manager", "auditor"},
    "/calibration/draw": {"data_manager"},
    "/calibration/cause": {"data_manager"},
    "/calibration/open": {"data_manager"},
    "/consistency": {"data_manager", "auditor"},
    "/audit": {"data_manager", "auditor"},
    "/audit/export": {"data_manager", "auditor"},
    "/ask/{number}": AT_CHARTS,
    "/answer/{ref}": AT_CHARTS,
    "/api/v1/queue": EVERYBODY,
    "/api/v1/candidates/{number}/chart": AT_CHARTS,
    "/api/v1/candidates/{number}/judgement": {"reviewer"},
    "/api/v1/candidates/{number}/drafts/{criterion}": {"reviewer"},
    "/api/v1/candidates/{number}/opinions": {"reviewer"},
    "/api/v1/candidates/{number}/arbitration": {"arbitrator"},
    "/api/v1/candidates/{number}/entries": {"abstractor"},
    "/api/v1/candidates/{number}/differences": {"arbitrator", "data_manager"},
    "/api/v1/candidates/{number}/queries": AT_CHARTS,
    "/api/v1/queries/{ref}/answer": AT_CHARTS,
    "/api/v1/queries/{ref}/close": AT_CHARTS,
    "/api/v1/owed": {"data_manager"},
    "/api/v1/handovers": {"data_manager"},
    "/api/v1/agreement": {"data_manager", "auditor"},
    "/api/v1/calibration": {"data_manager", "auditor"},
    "/api/v1/calibration/rounds": {"data_manager"},
    "/api/v1/calibration/causes": {"data_manager"},
    "/api/v1/calibration/gate": {"data_manager"},
    "/api/v1/consistency": {"data_manager", "auditor"},
    "/api/v1/audit": {"data_manager", "auditor"},
}
"""Route -> the roles that it is for; a route that is missing here fails the first test."""
BODIES = {
    "drafts/{criterion}": {"verdict": "met"},
    "opinions": {"request": "x", "opinions": [{"criterion": "I1", "verdict": "met"}]},
    "arbitration": {"request": "x", "criterion": "I1", "verdict": "met", "reason": "x"},
    "entries": {"request": "x", "entries": [{"variable": "x", "raw": "5"}]},
    "differences": {"request": "x", "variable": "x", "choice": "first", "reason": "x"},
    "queries": {"request": "x", "field": "I1", "text": "x"},
    "answer": {"request": "x", "text": "x"},
    "close": {"request": "x", "text": "x"},
    "causes": {"request": "x", "candidate": 1, "criterion": "I1", "cause": "reader_error", "note": "x"},
    "gate": {"request": "x"},
    "handovers": {"reviewer": "ann", "reason": "x"},
}


def asked(desk, person, route, **values):
    """One request on a route, as ``person`` or as nobody, with a body that fits."""
    given = {"number": [desk.numbers[0]], "criterion": ["I1"], "ref": ["ann-1"], "wanted": ["en"]} | values
    (address,) = desk.addresses(route, given)
    if not route.is_api:
        client = desk[person] if person else desk.nobody()
        return client.request(route.method, address, data={"request": "x"} if route.method != "GET" else None)
    client = desk.script(person) if person else desk.nobody()
    body = next((sent for end, sent in BODIES.items() if route.path.endswith(end)), None)
    how = {"json": body} if route.method in {"POST", "PUT"} else {}
    return client.request(route.method, address.removeprefix("/api/v1/") if person else address, **how)


def test_every_route_is_for_stated_roles_and_refuses_all_others(desk, team):
    """Broken access control: nobody, and every other role, is refused on each; nothing is written but sessions."""
    listed = desk.routes()
    assert {one.path for one in listed} == OPEN | set(FOR), "say whom a new route is for"
    for one in listed:
        if one.path in OPEN:
            continue
        nobody = asked(desk, None, one)
        if one.is_api:
            assert nobody.status_code == 401, one
        else:
            assert (nobody.status_code, nobody.headers["location"]) == (303, "/sign-in"), one
        for person, role in team.items():
            if role not in FOR[one.path]:
                refused = asked(desk, person, one)
                assert refused.status_code == 403, (one, role, refused.status_code)
    written = {event["action"] for event in desk.db.audit() if event["actor"] in team}
    assert written <= {"session.opened", "chart.opened"}
    with desk.db.reading() as connection:
        assert opinions(connection) == []


def test_what_is_another_s_is_out_of_reach_by_its_number(prepared, tmp_path, open_desk):
    """IDOR: a reviewer without a place, another's query, another's draft; said in words that tell nothing."""
    shutil.copytree(prepared, tmp_path / "copy")
    desk = open_desk(tmp_path / "copy")
    accounts.add(desk.db, accounts.MACHINE, account_id="gus", name="Gus", role="reviewer")
    number = desk.numbers[0]
    criterion = desk.case(number).candidate.reviewed[0]
    desk["ann"].post(f"/ask/{number}", data={"request": "q", "field": criterion, "text": "a private word"})
    desk["ann"].post(f"/judge/{number}/{criterion}", data={"verdict": "met"})
    for one in desk.routes():
        if "{number}" not in one.path or "reviewer" not in FOR[one.path]:
            continue
        refused = asked(desk, "gus", one, criterion=[criterion])
        assert refused.status_code in {403, 404}, one
        assert desk.case(number).candidate.patient_id not in refused.text
    for ref in ("ann-1", "ann-2", "nobody-1"):
        told = {"request": "g", "text": "x"}
        refused = desk.script("gus").post(f"queries/{ref}/answer", json=told)
        assert (refused.status_code, refused.json()["problem"]) == (403, "this query is not yours")
    assert "a private word" not in desk["gus"].get("/").text + desk["bob"].get(f"/judge/{number}").text
    mine = desk.script("bob").get(f"candidates/{number}/judgement").json()["criteria"]
    assert all(one["mine"] is None for one in mine), "ann's draft is ann's"
    desk.db.close()


def test_no_form_from_another_site_is_taken_on_any_route(desk):
    """CSRF: every page that changes something, from a cross-site form and without any sign of where it comes from."""
    for one in desk.routes():
        if one.method == "GET" or one.is_api:
            continue
        (address,) = desk.addresses(
            one, {"number": [desk.numbers[0]], "criterion": ["I1"], "ref": ["ann-1"], "wanted": ["en"]}
        )
        for headers in (
            {"sec-fetch-site": "cross-site"},
            {"sec-fetch-site": "same-site", "origin": "http://desk"},
        ):
            refused = desk["ann"].request(one.method, address, data={"request": "x"}, headers=headers)
            assert refused.status_code == 403, one
            assert "not sent from the desk" in refused.text


def test_a_session_is_never_one_that_the_browser_brought(desk):
    """Session fixation: a token from outside is not taken, sign-in gives a new one and ends the old."""
    browser = desk.nobody()
    browser.cookies.set(COOKIE, "chosen-by-somebody-else")
    signing = {"account": "ann", "password": PASSWORD, "purpose": "yes"}
    first = browser.post("/sign-in", data=signing).cookies[COOKIE]
    second = browser.post("/sign-in", data=signing).cookies[COOKIE]
    assert len({first, second, "chosen-by-somebody-else"}) == 3
    for old in ("chosen-by-somebody-else", first):
        stale = desk.nobody()
        stale.cookies.set(COOKIE, old)
        assert stale.get("/").headers["location"] == "/sign-in"
    flags = browser.post("/sign-in", data=signing).headers["set-cookie"]
    assert "HttpOnly" in flags
    assert "SameSite=strict" in flags
    secure = desk.nobody()
    secure.base_url = "https://desk"
    answer = secure.post("/sign-in", data=signing)
    assert "Secure" in answer.headers["set-cookie"]
    assert answer.headers["strict-transport-security"] == "max-age=31536000"


def test_guesses_side_by_side_are_as_many_as_in_a_row(desk):
    """Brute force: of forty at once, no more than the free tries are looked at, right or wrong."""
    sessions = Sessions(desk.db, DeskFile(), clock=lambda: 1000.0)

    def guess(n):
        try:
            sessions.sign_in("bob", f"wrong {n}", confirmed=True)
        except Refused as refused:
            return refused.message
        return "in"

    with ThreadPoolExecutor(16) as pool:
        said = list(pool.map(guess, range(40)))
    assert "in" not in said
    assert 1 <= sum("password or code is wrong" in one for one in said) <= 5
    with pytest.raises(Refused, match="too many"):
        sessions.sign_in("bob", PASSWORD, confirmed=True)
    assert sessions.sign_in("ann", PASSWORD, confirmed=True), "another account is not held up"


def test_nobody_is_sent_to_another_site(desk):
    """Open redirect: no parameter, host or path turns up in where a browser is sent."""
    browser = desk["ann"]
    signing = {"account": "ann", "password": PASSWORD, "purpose": "yes", "next": "https://evil.example/"}
    answers = [
        desk.nobody().post("/sign-in?next=//evil.example", data=signing),
        browser.post("/language/https:%2F%2Fevil.example"),
        browser.post("/language/en?next=//evil.example", headers={"referer": "https://evil.example/"}),
        browser.get("/judge/next?after=1&next=//evil.example"),
        browser.get("//evil.example/%2e%2e"),
        browser.get("/owed/"),
        desk.nobody().get("/?next=https://evil.example"),
        browser.get("/sign-in/provider/back?state=x&code=y&redirect_uri=https://evil.example"),
        browser.post("/sign-out?next=//evil.example"),
    ]
    for answer in answers:
        where = answer.headers.get("location", "/")
        assert re.fullmatch(r"(http://desk)?/[^/\\]?.*", where), where
        assert "evil" not in where.split("?")[0].split("//", 1)[-1].split("/")[0]


@pytest.mark.parametrize(
    "path",
    [
        "/static/../app.py",
        "/static/%2e%2e/app.py",
        "/static/..%2fapp.py",
        "/static/%2e%2e%2f%2e%2e%2fdesk%2fapp.py",
        "/static/..\\app.py",
        "/static//etc/passwd",
        "/static/%00",
        "/static/templates/base.html",
        "/study.toml",
        "/../study.db",
    ],
)
def test_no_file_but_ours_is_given_out(desk, path):
    """Path traversal."""
    answer = desk["ann"].get(path)
    assert answer.status_code in {400, 404}
    assert "import" not in answer.text
    assert "root:" not in answer.text


def test_what_a_form_does_not_ask_for_is_not_taken(desk):
    """Mass assignment: another's name, place, role or time in a form is nothing."""
    number = desk.numbers[0]
    criterion = desk.case(number).candidate.reviewed[0]
    sent = {
        "request": "m",
        f"verdict-{criterion}": "met",
        "reviewer": "bob",
        "slot": "2",
        "role": "data_manager",
    }
    desk["ann"].post(f"/judge/{number}?reviewer=bob", data=sent)
    held = desk.case(number)
    assert held.standing[criterion].of(held.candidate.place_of("ann")).reviewer == "ann"
    assert held.standing[criterion].of(held.candidate.place_of("bob")) is None
    change = {"password": PASSWORD, "fresh": PASSWORD * 2, "again": PASSWORD * 2}
    desk["ann"].post("/account/password", data=change | {"role": "data_manager", "account": "may"})
    with desk.db.reading() as connection:
        assert accounts.active(connection)["ann"].role == "reviewer"
    assert (
        desk.nobody()
        .post("/sign-in", data={"account": "may", "password": PASSWORD, "purpose": "1"})
        .status_code
        == 303
    )


def test_no_body_is_too_large_too_deep_or_of_too_many_parts(desk):
    number, ann, script = desk.numbers[0], desk["ann"], desk.script("ann")
    assert ann.post(f"/judge/{number}", content=b"x" * 300_000).status_code == 413
    assert script.post(f"candidates/{number}/opinions", content=b"x" * 300_000).status_code == 413
    assert ann.post(f"/judge/{number}", content=iter([b"x"])).status_code == 413, "of unsaid length"
    assert ann.post("/sign-in", headers={"content-length": "-1"}, content=b"").status_code == 413
    many = "&".join(f"a{i}=1" for i in range(2000))
    kind = {"content-type": "application/x-www-form-urlencoded"}
    assert ann.post(f"/judge/{number}", content=many, headers=kind).status_code == 403
    deep = b"[" * 100_000 + b"]" * 100_000
    kind = {"content-type": "application/json"}
    answer = script.post(f"candidates/{number}/opinions", content=deep, headers=kind)
    assert answer.status_code in {400, 422}
    long = {"verdict": "met", "quotes": "[" * 20_000}
    criterion = desk.case(number).candidate.reviewed[0]
    assert ann.post(f"/judge/{number}/{criterion}", data=long).status_code == 403


def test_a_desk_answers_to_its_own_names_only(prepared, tmp_path, open_desk):
    """Host header: another name that leads here is not ours, so that no page under it is of our site."""
    shutil.copytree(prepared, tmp_path / "copy")
    desk = open_desk(tmp_path / "copy", settings=Settings(hosts=("desk.hospital.cn",)))
    browser = desk.nobody()
    for host, status in (
        ("desk.hospital.cn", 200),
        ("desk.hospital.cn:8443", 200),
        ("127.0.0.1:8770", 200),
        ("[::1]:8770", 200),
        ("evil.example", 400),
        ("desk.hospital.cn.evil.example", 400),
        ("evil.example@desk.hospital.cn", 400),
        ("desk.hospital.cn/..", 400),
        ("", 400),
    ):
        answer = browser.get("/sign-in", headers={"host": host})
        assert answer.status_code == status, host
        assert answer.headers["cache-control"] == "no-store"
    desk.db.close()


def test_other_verbs_and_other_sites_scripts_get_nothing(desk):
    """No CORS, no TRACE, no body for HEAD; what is not there says so without the framework's own page."""
    for verb in ("TRACE", "OPTIONS", "PUT", "PATCH", "DELETE"):
        answer = desk["ann"].request(verb, "/", headers={"origin": "https://evil.example"})
        assert answer.status_code == 405
        assert "access-control-allow-origin" not in answer.headers
    nowhere = desk.script("ann").get("nowhere")
    assert (nowhere.status_code, set(nowhere.json())) == (404, {"code", "problem", "next"})
    for page in ("/docs", "/redoc", "/openapi.json", "/judge/abc"):
        answer = desk["ann"].get(page)
        assert answer.status_code == 404
        assert "swagger" not in answer.text


NASTY = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{ 7*191 }}${7*191}<%= 7*191 %>",
    '=HYPERLINK("http://evil.example")',
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "'; DROP TABLE decision; --",
    "\u202egnp.exe",
]


@pytest.mark.parametrize("text", NASTY)
def test_what_somebody_wrote_stays_text_in_names_reasons_and_questions(desk, text):
    """Injection: HTML, templates, formulas, SQL; on pages as text, in JSON as it was, in CSV inert."""
    number = desk.numbers[0]
    first = desk.case(number).candidate.reviewed[0]
    accounts.change(desk.db, accounts.MACHINE, "ann", name=text)
    included = {c.id for c in desk.db.protocol.include}
    for name, flip in (("ann", False), ("bob", True)):
        form = {"request": f"n{name}"}
        for c in desk.case(number).candidate.reviewed:
            met = (c in included) != (flip and c == first)
            form |= {f"verdict-{c}": "met" if met else "not_met", f"reason-{c}": text}
        assert desk[name].post(f"/judge/{number}", data=form).status_code == 303
    desk["ann"].post(f"/ask/{number}", data={"request": "q", "field": first, "text": text})
    desk["cat"].get(f"/arbitrate/{number}")
    pages = [
        desk["ann"].get("/").text,
        desk["ann"].get("/account").text,
        desk["ann"].get(f"/judge/{number}").text,
        desk["cat"].get(f"/arbitrate/{number}").text,
        desk["may"].get("/").text,
        desk["aud"].get(f"/audit?actor={text}").text,
    ]
    for page in pages:
        assert "<script>alert" not in page
        assert "<img" not in page
        assert "onerror=alert(1)>" not in page.replace("&gt;", "")
        assert "1337" not in page
    assert (
        desk.script("ann").get(f"candidates/{number}/judgement").json()["criteria"][0]["mine"]["reason"]
        == text
    )
    exported = desk["aud"].get("/audit/export")
    assert exported.headers["content-type"] == "text/csv; charset=utf-8"
    assert exported.headers["content-disposition"] == 'attachment; filename="audit.csv"'
    cells = [cell for row in csv.reader(io.StringIO(exported.text)) for cell in row]
    assert len(cells) > 100
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))]


def test_a_cell_that_a_spreadsheet_would_compute_is_made_inert(desk):
    """Whatever comes into an event's words one day: a formula is exported with an apostrophe before it."""
    with desk.db.writing("aud") as writer:
        for cell in ("=1+1", "+1", "-1", "@x", "\t=1", "plain"):
            writer.note(cell, "study/")
    rows = list(csv.reader(io.StringIO(desk["aud"].get("/audit/export").text)))
    actions = [row[3] for row in rows]
    noted = [action for action in actions if action.endswith(("1", "x", "plain"))]
    assert noted == ["'=1+1", "'+1", "'-1", "'@x", "'\t=1", "plain"]


def test_a_bug_tells_nothing_to_whoever_asks_nor_to_the_log(desk, monkeypatch, caplog):
    """Its text may quote a row: the log has its type and place, the answer neither."""

    def broken(*_):
        raise ValueError("patient 4711 has CANARY")

    monkeypatch.setattr(desk.room.places, "to_judge", broken)
    with caplog.at_level(logging.DEBUG):
        answer = desk["ann"].get("/")
    assert answer.status_code == 500
    assert answer.headers["cache-control"] == "no-store"
    assert "CANARY" not in answer.text + caplog.text
    assert "ValueError at test_attacks.py" in caplog.text


def test_the_json_of_an_error_holds_nothing_of_what_was_sent(desk):
    """...nor do headers; and every answer is JSON that no browser takes for a page."""
    for address in ("candidates/0/chart", "candidates/CANARY/chart", "queries/CANARY/answer"):
        verb = "POST" if "answer" in address else "GET"
        answer = desk.script("ann").request(verb, address, json={"CANARY": 1} if verb == "POST" else None)
        assert answer.status_code in {404, 422}
        assert "CANARY" not in json.dumps(answer.json())
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_password_is_never_too_long_to_be_refused_quickly(desk):
    """A megabyte of password costs no more than a short one, and half a character is no crash."""
    sessions = Sessions(desk.db, DeskFile())
    for odd in ("x" * 100_000, "\ud800", "\0", ""):
        with pytest.raises(Refused, match="wrong"):
            sessions.sign_in("bob", odd, confirmed=True)
    with pytest.raises(Refused):
        set_password(desk.db, accounts.MACHINE, "bob", "x" * 201)
