"""The JSON interface: the whole road by a script, by tokens that end, and described in docs/openapi.json."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from extract.errors import NotFound, Refused
from extract.study.audit import verify_chain
from validate.desk import api
from validate.desk.file import DeskFile
from validate.desk.tokens import PREFIX, Tokens
from validate.entry.standing import standings
from validate.review import accounts
from validate.review.cases import opinions
from validate.review.rules import Phase

DESCRIPTION = Path(__file__).parents[3] / "docs" / "openapi.json"


def handed_in(desk, name, number, request="", **changed):
    """Hand in opinions on everything as for an eligible patient, up to ``changed``."""
    included = {c.id for c in desk.db.protocol.include}
    said = {c: "met" if c in included else "not_met" for c in desk.case(number).candidate.reviewed} | changed
    sent = [{"criterion": c, "verdict": v} for c, v in said.items()]
    body = {"request": request or f"{name}-{number}", "opinions": sent}
    return desk.script(name).post(f"candidates/{number}/opinions", json=body)


def test_the_whole_road_by_json(desk):
    """Two judge, a third settles, two type, a third settles; the pages show the same, and the audit holds."""
    number = desk.numbers[0]
    queue = desk.script("ann").get("queue").json()
    assert [c["number"] for c in queue["work"]["judge"]] == desk.numbers
    chart = desk.script("ann").get(f"candidates/{number}/chart").json()
    texts = desk.room.charts.of(desk.case(number).candidate.patient_id).texts()
    assert {n["record_id"]: n["text"] for v in chart["visits"] for n in v["notes"]} == texts
    assert handed_in(desk, "ann", number).status_code == 200
    criterion = desk.db.protocol.exclude[0].id
    handed_in(desk, "bob", number, **{criterion: "met"})
    assert desk.case(number).phase is Phase.ARBITRATION
    open_ = desk.script("cat").get(f"candidates/{number}/arbitration").json()["differences"]
    assert sorted(o["verdict"] for o in open_[criterion]) == ["met", "not_met"]
    assert "ann" not in str(open_)
    ruling = {"request": "r", "criterion": criterion, "verdict": "not_met", "reason": "an old one"}
    assert desk.script("cat").post(f"candidates/{number}/arbitration", json=ruling).status_code == 204
    for name, value in (("dan", "5"), ("eve", "6")):
        script = desk.script(name)
        fields = script.get(f"candidates/{number}/entries").json()["fields"]
        typed = [
            {
                "variable": f["variable"],
                "timepoint": f["timepoint"],
                "raw": value if f["kind"] == "number" else next(iter(f["codes"])),
            }
            for f in fields
        ]
        kept = script.post(f"candidates/{number}/entries", json={"request": name, "entries": typed})
        assert [f["mine"]["raw"] for f in kept.json()["fields"]] == [one["raw"] for one in typed]
    differing = desk.script("may").get(f"candidates/{number}/differences").json()["fields"]
    assert {(f["first"], f["second"]) for f in differing} == {("5.0", "6.0")}
    for field in differing:
        settled = {key: field[key] for key in ("variable", "timepoint")}
        settled |= {"request": f"s{field}"[:160], "choice": "second", "reason": "note"}
        assert desk.script("may").post(f"candidates/{number}/differences", json=settled).status_code == 204
    held = desk.case(number).candidate
    with desk.db.reading() as connection:
        standing = standings(connection, desk.db.protocol, [held])[held.patient_id]
        assert all(one.final is not None for one in standing.values())
        assert verify_chain(connection) == []
    assert desk.script("may").get("agreement").json()["overall"]["n"] == len(held.reviewed)
    owed = {one["what"] for one in desk.script("may").get("owed").json()}
    assert "opinion" in owed
    trail = desk.script("aud").get("audit", params={"action": "decision.given"}).json()
    assert len(trail["events"]) == 2 * len(held.reviewed)
    assert {e["actor"] for e in trail["events"]} == {"ann", "bob"}


def test_drafts_queries_and_undo_by_json(desk):
    """A draft, taken back, kept and handed in; a query asked, answered and closed."""
    number, script = desk.numbers[0], desk.script("ann")
    first, second = desk.case(number).candidate.reviewed[:2]
    for criterion in (first, second):
        kept = script.put(f"candidates/{number}/drafts/{criterion}", json={"verdict": "met"}).json()
        assert kept["mine"]["verdict"] == "met"
    assert script.delete(f"candidates/{number}/drafts/{second}").json()["mine"] is None
    for _ in range(2):
        script.post(f"candidates/{number}/opinions", json={"request": "h"})
    with desk.db.reading() as connection:
        assert [(o.criterion, o.verdict.value) for o in opinions(connection)] == [(first, "met")]
    asked = {"request": "q", "field": first, "text": "which visit?"}
    thread = script.post(f"candidates/{number}/queries", json=asked).json()["ref"]
    assert desk.script("bob").get("queue").json()["queries"] == []
    told = {"request": "a", "text": "the first"}
    assert desk.script("bob").post(f"queries/{thread}/answer", json=told).status_code == 403
    assert desk.script("may").post(f"queries/{thread}/answer", json=told).status_code == 204
    (shown,) = script.get("queue").json()["queries"]
    assert [said["text"] for said in shown["said"]] == ["which visit?", "the first"]
    assert script.post(f"queries/{thread}/close", json=told | {"request": "c"}).status_code == 204
    assert script.get("queue").json()["queries"] == []


def test_a_token_is_one_person_s_in_one_role_until_a_day(prepared, tmp_path, open_desk):
    """...shown once, kept as a hash, and worth nothing when revoked, expired, or the account or its role changed."""
    shutil.copytree(prepared, tmp_path / "copy")
    desk = open_desk(tmp_path / "copy", file=tmp_path / "desk.db")
    now = [1000.0]
    tokens = Tokens(desk.db, desk.room.file, clock=lambda: now[0])
    made, secret = tokens.add(accounts.MACHINE, "ann", days=2, label="nightly")
    assert secret.startswith(PREFIX)
    assert all(secret.encode() not in f.read_bytes() for f in tmp_path.glob("desk.db*"))
    assert tokens.account(secret).id == "ann"
    assert tokens.account(secret[:-1]) is None
    now[0] += 2 * 86400
    assert tokens.account(secret) is None, "its days are over"
    now[0] -= 1
    assert [(t.account, t.role, t.label) for t in tokens.listed()] == [("ann", "reviewer", "nightly")]
    accounts.change(desk.db, accounts.MACHINE, "ann", role="auditor")
    assert tokens.account(secret) is None, "it was made for a reviewer"
    accounts.change(desk.db, accounts.MACHINE, "ann", role="reviewer")
    assert tokens.account(secret).id == "ann"
    accounts.change(desk.db, accounts.MACHINE, "ann", works=False)
    assert tokens.account(secret) is None
    with pytest.raises(NotFound):
        tokens.add(accounts.MACHINE, "ann", days=1)
    _, other = tokens.add(accounts.MACHINE, "bob", days=1)
    tokens.revoke(accounts.MACHINE, tokens.listed()[0].id)
    assert tokens.account(other) is None or tokens.account(secret) is None
    for days in (0, 367):
        with pytest.raises(Refused, match="1 to 366 days"):
            tokens.add(accounts.MACHINE, "bob", days=days)
    bob = accounts.Account("bob", "Bob", accounts.Role.REVIEWER)
    with pytest.raises(Refused, match="may not"):
        tokens.add(bob, "bob", days=1)
    with pytest.raises(NotFound):
        tokens.revoke(accounts.MACHINE, "nothing")
    actions = [e["action"] for e in desk.db.audit()]
    assert actions.count("token.added") == 2
    assert actions.count("token.revoked") == 1
    assert made.id not in secret
    desk.db.close()


def test_a_cookie_is_nothing_to_the_interface_and_a_token_nothing_to_the_pages(desk):
    """So no page of another site can use the interface through somebody's browser."""
    assert desk["ann"].get("/api/v1/queue").status_code == 401
    bearer = {"authorization": desk.script("ann").headers["authorization"]}
    assert desk.nobody(**bearer).get("/").headers["location"] == "/sign-in"
    for header in ("", "Bearer", "Bearer x", "Basic YW5uOng=", bearer["authorization"].lower()):
        refused = desk.nobody().get("/api/v1/queue", headers={"authorization": header})
        assert refused.status_code == 401
        assert refused.headers["www-authenticate"] == "Bearer"
        assert set(refused.json()) == {"code", "problem", "next"}


def test_what_does_not_fit_is_told_by_place_and_never_sent_back(desk):
    """...and a field that the description does not name is refused, so nobody sets what is not theirs to set."""
    number, script = desk.numbers[0], desk.script("ann")
    criterion = desk.case(number).candidate.reviewed[0]
    for body in (
        {"verdict": "met", "reviewer": "bob"},
        {"verdict": "SECRET"},
        {"verdict": "met", "slot": 2},
        {"verdict": "met", "reason": "x" * 4001},
        {"verdict": "met", "reason": "a\0b"},
        [],
    ):
        refused = script.put(f"candidates/{number}/drafts/{criterion}", json=body)
        assert refused.status_code == 422
        assert "SECRET" not in refused.text
    assert desk.room.drafts.candidates("ann") == frozenset()
    broken = script.put(f"candidates/{number}/drafts/{criterion}", content=b"{")
    assert broken.status_code == 422


def test_the_description_is_the_one_that_is_committed(desk):
    """docs/openapi.json; `make docs` writes it."""
    assert DESCRIPTION.read_text("utf-8") == api.description()
    assert desk.nobody().get("/api/v1/openapi.json").text == api.description()


def test_the_command_line_makes_lists_and_revokes_tokens(desk, capsys):
    from flows.cli import main

    study = str(desk.folder.root)

    def run(*words):
        with pytest.raises(SystemExit) as left:
            main(["token", study, *words, "--json"])
        return left.value.code, capsys.readouterr().out

    code, out = run("add", "ann", "--days", "3", "--label", "nightly")
    assert code in {0, None}
    secret = json.loads(out)["added"]["token"]
    tokens = Tokens(desk.db, DeskFile(desk.folder.root / "study.sessions.db"))
    assert tokens.account(secret).id == "ann"
    assert secret not in run("list")[1]
    (held,) = tokens.listed()
    run("revoke", held.id)
    assert tokens.account(secret) is None
