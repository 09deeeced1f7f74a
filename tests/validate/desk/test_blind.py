"""Blindness: what another said changes no byte of any answer, on any route, to anybody who may not know it.

Each test builds worlds that differ in nothing but what the other person said, lets one person take every
route of the application in the same order, and compares the answers whole: status, headers, body.  Time
and chance are given to the application, so that nothing has to be overlooked in the comparison.
"""

from __future__ import annotations

import itertools
import json
import shutil

import pytest

from validate.desk.room import COOKIE, Chance
from validate.review import accounts

ELSEWHERE = 10**9
PASSWORD = "a sentence is easy"


def fixed() -> Chance:
    """The same time and the same chance in every world."""
    tokens = itertools.count(1)
    return Chance(
        clock=lambda: 1_700_000_000.0,
        session=lambda: f"session-{next(tokens)}",
        request=lambda: "one-request",
        factor=lambda: b"0123456789abcdefghij",
    )


@pytest.fixture
def world(prepared, tmp_path, open_desk):
    """Opens one more copy of the same study, and signs everybody in before anything is said."""
    opened = []

    def build(name: str, signed_in=("ann", "bob", "dan", "eve", "cat", "may", "aud", "ana")):
        shutil.copytree(prepared, tmp_path / name)
        desk = open_desk(tmp_path / name, chance=fixed())
        for person in signed_in:
            assert desk[person].cookies[COOKIE]
            desk.script(person)
        opened.append(desk)
        return desk

    yield build
    for desk in opened:
        desk.db.close()


def answer_of(client, method, address, **sent):
    """Everything that comes back."""
    response = client.request(method, address, **sent)
    return method, address, response.status_code, response.headers.raw, response.content


def bodies(desk, number):
    """What is sent on each route that changes something; handing in leaves the candidate unfinished."""
    first, second = desk.case(number).candidate.reviewed[:2]
    field = "nothing"
    form = {"request": "walk"}
    return {
        "/sign-in": form | {"account": "ann", "password": "wrong", "purpose": "yes"},
        "/sign-in/demo": {"account": "ann"},
        "/sign-in/provider": {"purpose": "yes"},
        "/sign-out": {},
        "/language/{wanted}": {},
        "/account/password": {"password": "wrong", "fresh": PASSWORD, "again": PASSWORD},
        "/account/second-factor": {"password": PASSWORD},
        "/account/second-factor/confirm": {"code": "000000"},
        "/account/second-factor/remove": {"password": "wrong", "code": "000000"},
        "/judge/{number}": form | {f"verdict-{first}": "met", f"reason-{first}": "mine"},
        "/judge/{number}/{criterion}": {"verdict": "cannot_tell", "reason": "perhaps"},
        "/arbitrate/{number}": form | {"criterion": first, "verdict": "met", "reason": "mine"},
        "/enter/{number}": form | {f"raw-{field}": "5"},
        "/resolve/{number}": form | {"field": field, "choice": "first", "reason": "mine"},
        "/ask/{number}": form | {"field": second, "text": "which visit?"},
        "/answer/{ref}": form | {"text": "so"},
        "/owed/hand-over": form | {"reviewer": "ann", "reason": "x"},
        "/api/v1/handovers": {"reviewer": "ann", "reason": "x"},
        "/calibration/draw": {},
        "/calibration/cause": form
        | {"candidate": number, "criterion": first, "cause": "reader_error", "note": "x"},
        "/calibration/open": form | {"reason": "x"},
        "/api/v1/calibration/rounds": None,
        "/api/v1/calibration/causes": {
            "request": "api",
            "candidate": number,
            "criterion": first,
            "cause": "reader_error",
            "note": "x",
        },
        "/api/v1/calibration/gate": {"request": "api", "reason": "x"},
        "PUT /api/v1/candidates/{number}/drafts/{criterion}": {"verdict": "met"},
        "DELETE /api/v1/candidates/{number}/drafts/{criterion}": None,
        "/api/v1/candidates/{number}/opinions": {
            "request": "api",
            "opinions": [{"criterion": second, "verdict": "not_met", "reason": "mine"}],
        },
        "/api/v1/candidates/{number}/arbitration": {
            "request": "api",
            "criterion": first,
            "verdict": "met",
            "reason": "mine",
        },
        "/api/v1/candidates/{number}/entries": {
            "request": "api",
            "entries": [{"variable": field, "raw": "5"}],
        },
        "/api/v1/candidates/{number}/differences": {
            "request": "api",
            "variable": field,
            "choice": "first",
            "reason": "mine",
        },
        "/api/v1/candidates/{number}/queries": {"request": "api", "field": second, "text": "and which day?"},
        "/api/v1/queries/{ref}/answer": {"request": "api-a", "text": "so"},
        "/api/v1/queries/{ref}/close": {"request": "api-c", "text": "so"},
    }


def walk(desk, person, numbers, *, refs=("ann-1", "bob-1", "nobody-1"), change=True, leave_out=()):
    """Every route as ``person`` (a name, or a client): all that reads, then all that changes, then out."""
    page = desk[person] if isinstance(person, str) else person
    script = desk.script(person) if isinstance(person, str) else person
    criteria = [desk.case(numbers[0]).candidate.reviewed[0], "nothing"]
    values = {
        "number": [*numbers, ELSEWHERE],
        "criterion": criteria,
        "ref": list(refs),
        "wanted": ["en", "x"],
    }
    listed = [one for one in desk.routes() if one.path not in leave_out]
    reading = [one for one in listed if one.method == "GET"]
    changing = [one for one in listed if one.method != "GET"]
    changing.sort(key=lambda one: one.path == "/sign-out")
    sent = bodies(desk, numbers[0])
    answers = []
    for one in [*reading, *(changing if change else []), *(reading if change else [])]:
        for address in desk.addresses(one, values):
            how = {}
            if one.method != "GET":
                body = sent.get(f"{one.method} {one.path}", sent.get(one.path, LookupError))
                assert body is not LookupError, f"{one}: say what to send on this route"
                how = {"json": body} if one.is_api and body is not None else {"data": body}
            client = script if one.is_api else page
            if client is not page:
                address = address.removeprefix("/api/v1/")  # noqa: PLW2901 - as a script of this desk says it
            answers.append(answer_of(client, one.method, address, **how))
    return answers


def compare(first, *others):
    """Answer by answer, so that the first that differs is named."""
    for other in others:
        assert len(first) == len(other)
        for a, b in zip(first, other, strict=True):
            assert a[:3] == b[:3]
            assert a[4].decode() == b[4].decode(), a[:2]
            assert a == b, a[:2]


def say(desk, name, number, verdict, *, but=0, reason=""):
    """Judge all but the last ``but`` criteria with one verdict."""
    reviewed = desk.case(number).candidate.reviewed
    form = {f"verdict-{c}": verdict for c in reviewed[: len(reviewed) - but]}
    form |= {f"reason-{c}": reason for c in reviewed}
    desk[name].post(f"/judge/{number}", data={"request": f"{name} {number}", **form})


def judged(desk, verdict, reason, *, asks=True):
    """Bob has judged one candidate wholly and one nearly, has drafts and a question; ann has begun with one."""
    whole, nearly, hers = desk.numbers[:3]
    if verdict:
        say(desk, "bob", whole, verdict, reason=reason)
        say(desk, "bob", nearly, verdict, but=1, reason=reason)
        first = desk.case(hers).candidate.reviewed[0]
        desk["bob"].post(f"/judge/{hers}/{first}", data={"verdict": verdict, "reason": reason})
        if asks:
            question = {"request": "b", "field": first, "text": f"why {reason}"}
            desk["bob"].post(f"/ask/{whole}", data=question)
    say(desk, "ann", nearly, "met")
    return desk.numbers[:3]


def test_a_reviewer_learns_nothing_on_any_route(world):
    """...of what the other said: yes with a word, no with many, or nothing at all yet."""
    seen = []
    for name, verdict, reason in (("yes", "met", "a"), ("no", "not_met", "long" * 400), ("silent", "", "")):
        desk = world(name)
        seen.append(walk(desk, "ann", judged(desk, verdict, reason)))
    compare(*seen)
    told = {status for _, _, status, _, _ in seen[0]}
    assert {200, 303, 403, 404} <= told, "the walk reached pages and was refused at others"


def test_a_second_thought_is_refused_in_the_same_words_whatever_the_other_said(world):
    """That the other has committed a criterion is what the rules let a reviewer know, and no more."""
    seen = []
    for verdict in ("met", "not_met"):
        desk = world(verdict)
        number = desk.numbers[0]
        reviewed = desk.case(number).candidate.reviewed
        say(desk, "bob", number, verdict)
        say(desk, "ann", number, "met", but=1)
        form = {"request": "again", f"verdict-{reviewed[0]}": "not_met"}
        body = {"request": "api", "opinions": [{"criterion": reviewed[0], "verdict": "not_met"}]}
        seen.append(
            [
                answer_of(desk["ann"], "POST", f"/judge/{number}", data=form),
                answer_of(desk.script("ann"), "POST", f"candidates/{number}/opinions", json=body),
                *walk(desk, "ann", desk.numbers[:2]),
            ]
        )
        assert seen[-1][0][2] == seen[-1][1][2] == 403
    compare(*seen)


def typed(desk, name, number, value):
    """Type ``value`` into every number and the first code into the rest."""
    form = {"request": f"{name} {number}"}
    for field in desk.script(name).get(f"candidates/{number}/entries").json()["fields"]:
        at = f"{field['variable']}@{field['timepoint']}" if field["timepoint"] else field["variable"]
        form[f"raw-{at}"] = value if field["kind"] == "number" else sorted(field["codes"])[int(value) % 2]
    return desk[name].post(f"/enter/{number}", data=form)


def eligible(desk):
    """Two candidates whose review is complete."""
    for number in desk.numbers[:2]:
        for name in ("ann", "bob"):
            desk.judge(name, number)
    return desk.numbers[:2]


def test_the_second_abstractor_learns_nothing_on_any_route(world):
    seen = []
    for value in ("5", "9"):
        desk = world(value)
        numbers = eligible(desk)
        assert typed(desk, "dan", numbers[0], value).status_code == 303
        seen.append(walk(desk, "eve", numbers))
    compare(*seen)
    assert b"Entry 2" in b"".join(body for *_, body in seen[0])


def test_the_first_abstractor_never_learns_of_the_second(world):
    """...equal, different, or nothing yet: what reads is the same, before and after."""
    seen = []
    for value in ("5", "9", ""):
        desk = world(f"second {value}")
        numbers = eligible(desk)
        typed(desk, "dan", numbers[0], "5")
        if value:
            typed(desk, "eve", numbers[0], value)
        seen.append(walk(desk, "dan", numbers, change=False))
    compare(*seen)


def test_no_other_session_learns_anything_either(world):
    """Nobody, a forged cookie, another role, and one whose role was changed after having been a reviewer."""
    seen = []
    for verdict in ("met", "not_met"):
        desk = world(f"others {verdict}")
        numbers = judged(desk, verdict, verdict * 9, asks=False)
        forged = desk.nobody(authorization="Bearer cohortlock_forged")
        forged.cookies.set(COOKIE, "session-999")
        accounts.change(desk.db, accounts.MACHINE, "bob", role="arbitrator")
        desk.scripts.pop("bob")
        answers = []
        for person in (desk.nobody(), forged, "ana", "cat", "bob", "dan"):
            answers += walk(desk, person, numbers, change=False)
        # The audit's hashes are of salted rows: they differ between any two worlds, and say nothing.
        trail = ("/audit", "/audit/export", "/api/v1/audit")
        for person in ("may", "aud"):
            answers += walk(desk, person, numbers, change=False, leave_out=trail)
        seen.append(answers)
    compare(*seen)


def test_an_event_of_the_audit_says_nothing_of_what_was_said(desk):
    """Its hash is salted with what never leaves the database: the same opinion seals differently each time."""
    say(desk, "bob", desk.numbers[0], "met")
    shown = desk.script("aud").get("audit").json()
    assert all(set(event) == {"seq", "at", "actor", "action", "subject", "hash"} for event in shown["events"])
    given = [event for event in desk.db.audit() if event["action"] == "decision.given"]
    assert len({event["payload_hash"] for event in given}) == len(given)
    exported = desk["aud"].get("/audit/export").text
    assert "salt" not in exported
    assert "met" not in json.dumps([row.split(",")[5] for row in exported.splitlines()[1:]])


def test_a_route_that_is_new_is_walked(desk):
    """The walk takes its routes from the application; one without a body to send stops the test."""
    listed = desk.routes()
    assert len(listed) == len(set(listed)) > 40
    taken = {(one.method, one.path) for one in listed}
    assert {("GET", "/api/v1/candidates/{number}/judgement"), ("POST", "/judge/{number}")} <= taken
