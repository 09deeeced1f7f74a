"""A hospital is asked nothing before somebody has seen the card and said yes to exactly this study on exactly this site."""

from __future__ import annotations

import json
import sqlite3

import pytest

from extract.his.approval import scope_of
from extract.his.asked import QUERIES
from extract.his.sites import load_site
from extract.study.audit import verify_chain
from extract.study.database import StudyDatabase
from extract.study.folder import StudyFolder
from flows.cli.setting_up import write_templates
from sql import study_query


@pytest.fixture
def fresh(tmp_path, small_hospital):
    """A study as `cohortlock init` makes it, on the small hospital: approved by nobody."""
    write_templates(tmp_path / "fresh", "esr-pain")
    site = tmp_path / "fresh" / "site.toml"
    text = site.read_text(encoding="utf-8").replace("sqlite:///his.db", f"sqlite:///{small_hospital}")
    site.write_text(text, encoding="utf-8")
    return tmp_path / "fresh"


def refused(said):
    assert said.code == 30
    assert said.json["error"]["slug"] == "not-approved"
    return said.json["error"]


def test_without_an_approval_nothing_is_pulled(cohortlock, fresh):
    """...not even tried, before the card was shown; the refusal says what to type."""
    assert "cohortlock approve" in refused(cohortlock("pull", fresh, "--json"))["next"]
    assert "never shown" in refused(cohortlock("pull", fresh, "--limit", 3, "--json"))["message"]
    assert not (fresh / "landing").exists()
    assert not (fresh / "trial").exists()


def test_after_the_card_a_few_patients_may_be_tried(cohortlock, fresh):
    """...beside the study, which stays empty and unapproved."""
    card = cohortlock("approve", fresh, "--json").json
    assert card["approval"] is None
    tried = cohortlock("pull", fresh, "--limit", 3, "--json").json
    assert tried["patients"] == 3
    assert tried["records"]["document"]["rows"] > 0
    assert (fresh / "trial").stat().st_mode & 0o077 == 0
    assert not (fresh / "landing").exists()
    refused(cohortlock("pull", fresh, "--json"))
    assert cohortlock("pull", fresh, "--limit", 1000, "--json").code == 21


def test_the_card_says_what_a_board_and_a_dba_ask(cohortlock, fresh):
    card = cohortlock("approve", fresh, "--json").json
    names = [one["name"] for one in card["statements"]]
    assert names[:5] == [
        "candidates 2022",
        "candidates 2023",
        "candidates 2024",
        "candidates 2025",
        "window_totals",
    ]
    assert {"chart patient", "chart document", "chart lab"} <= set(names)
    assert all(one["sql"].lstrip().upper().startswith(("SELECT", "WITH")) for one in card["statements"])
    assert "颈痛" in card["search"]["zh"]
    assert "letter by letter" in card["search"]["en"]
    told = {one["id"]: (one["kind"], one["zh"], one["en"]) for one in card["criteria"]}
    assert told["I1"] == ("include", "年龄在18～80岁", "Age from 18 to 80 years")
    assert told["E2"][1] == "此前90天内使用过glucocorticoid或immunosuppressant类药物"
    lines = cohortlock("approve", fresh).out
    assert "not approved: a pull is refused" in lines


def test_the_card_shows_what_every_night_asks_as_well(cohortlock, fresh):
    """...as `cohortlock sql` does; where no time is trusted no marks are taken, and nights are full pulls."""
    shown = {one["name"]: one["times"] for one in cohortlock("approve", fresh, "--json").json["statements"]}
    assert shown["sight lab_result"] == {"zh": "每次调取", "en": "each pull"}
    assert shown["mergers"]["en"] == "each full pull, or when patients changed"
    assert not [name for name in shown if name.startswith(("marks", "visits by"))]
    said = cohortlock("sql", fresh, "--json").json["statements"]
    assert {one["name"]: one["times"] for one in said} == shown
    site = fresh / "site.toml"
    text = site.read_text(encoding="utf-8")
    tables = '["patient", "visit", "document", "diagnosis", "lab", "imaging"]'
    site.write_text(text.replace("[limits]\n", f"[limits]\ntrusted = {tables}\n"), encoding="utf-8")
    names = {one["name"] for one in cohortlock("approve", fresh, "--json").json["statements"]}
    assert {"marks lab", "visits by patient_id", "visits by visit_id", "candidates of some"} <= names


def test_an_approval_is_of_the_statements_as_this_program_words_them(cohortlock, fresh, monkeypatch):
    """A program that asks in other words asks for another approval: of every text that the card is made of."""
    site = fresh / "site.toml"
    text = site.read_text(encoding="utf-8")
    tables = '["patient", "visit", "document", "diagnosis", "lab", "imaging"]'
    site.write_text(text.replace("[limits]\n", f"[limits]\ntrusted = {tables}\n"), encoding="utf-8")
    read = set()

    def noted(name):
        read.add(name)
        return study_query(name)

    monkeypatch.setattr("extract.his.compile.study_query", noted)
    monkeypatch.setattr("extract.his.compile_nights.study_query", noted)
    monkeypatch.setattr("extract.his.compile_marks.study_query", noted)
    assert cohortlock("approve", fresh, "--json").code == 0
    assert read <= set(QUERIES)
    assert {
        "sight",
        "marks",
        "mergers",
        "strays",
        "visits_of",
        "candidates",
        "chart",
        "window_totals",
    } <= read
    folder = StudyFolder.at(fresh)
    before = scope_of(folder.protocol(), load_site(folder))
    monkeypatch.setattr("extract.his.approval.study_query", lambda name: f"{study_query(name)}-- once more")
    assert scope_of(folder.protocol(), load_site(folder)) != before


def test_an_approval_is_of_this_protocol_on_this_site(cohortlock, fresh):
    """...and of nothing else: any change that the hospital would notice asks again."""
    said = cohortlock("approve", fresh, "--by", "Dr Li", "--reason", "2022-KY-014", "--json").json
    assert said["approval"]["by"] == "Dr Li"
    assert cohortlock("pull", fresh, "--json").code == 0
    again = cohortlock("approve", fresh, "--json").json["approval"]
    assert (again["by"], again["reason"], again["simulated"]) == ("Dr Li", "2022-KY-014", False)
    study, site = fresh / "study.toml", fresh / "site.toml"
    for file, old, new in (
        (study, "2025-04-30", "2025-05-31"),
        (study, '"腰腿痛"', '"腿痛"'),
        (site, "statement_seconds = 300", "statement_seconds = 600"),
        (site, 'zone = "Asia/Shanghai"', 'zone = "Asia/Urumqi"'),
    ):
        before = file.read_text(encoding="utf-8")
        assert old in before
        file.write_text(before.replace(old, new), encoding="utf-8")
        refused(cohortlock("pull", fresh, "--json"))
        file.write_text(before, encoding="utf-8")
    file = fresh / "site.toml"
    file.write_text(file.read_text(encoding="utf-8") + "\n# a comment changes nothing\n", encoding="utf-8")
    assert cohortlock("pull", fresh, "--json").code == 0


def test_an_approval_can_be_taken_back(cohortlock, fresh):
    cohortlock("approve", fresh, "--by", "Dr Li", "--reason", "2022-KY-014")
    assert cohortlock("approve", fresh, "--withdraw", "--by", "Dr Li", "--reason", "expired").code == 0
    refused(cohortlock("pull", fresh, "--json"))
    assert cohortlock("approve", fresh, "--withdraw", "--by", "Dr Li", "--reason", "again").code == 30


@pytest.mark.parametrize("given", [("--by", "Dr Li"), ("--reason", "x"), ("--by", " ", "--reason", "x")])
def test_an_approval_has_a_name_and_a_reason(cohortlock, fresh, given):
    assert cohortlock("approve", fresh, *given).code == 21
    refused(cohortlock("pull", fresh, "--json"))


def test_the_record_is_sealed_in_the_audit_chain(cohortlock, fresh):
    """...and the database itself refuses to change it."""
    cohortlock("approve", fresh, "--by", "Dr Li", "--reason", "2022-KY-014")
    folder = StudyFolder.at(fresh)
    with StudyDatabase.open(folder, folder.protocol()) as database, database.reading() as connection:
        assert verify_chain(connection) == []
    with sqlite3.connect(folder.database) as db:
        [(detail, actor)] = db.execute("SELECT detail, actor FROM audit_event WHERE action = 'pull.approved'")
        assert json.loads(detail)["reason"] == "2022-KY-014"
        assert actor == "Dr Li"
        with pytest.raises(sqlite3.DatabaseError, match="append"):
            db.execute("UPDATE audit_event SET action = 'pull.approved' WHERE action = 'pull.card'")
    db.close()


def test_a_password_is_no_part_of_the_scope(fresh, monkeypatch):
    folder = StudyFolder.at(fresh)
    text = folder.site_file.read_text(encoding="utf-8")
    lines = [
        'url = "postgresql+psycopg://reader:${HIS_PASSWORD}@his/his"' if line.startswith("url ") else line
        for line in text.splitlines()
    ]
    folder.site_file.write_text("\n".join(lines), encoding="utf-8")
    scopes = set()
    for password in ("one", "two"):
        monkeypatch.setenv("HIS_PASSWORD", password)
        scopes.add(scope_of(folder.protocol(), load_site(folder)))
    assert len(scopes) == 1


def test_the_page_of_a_card_shows_both_languages_and_asks_no_network(cohortlock, fresh, tmp_path):
    cohortlock("approve", fresh, "--page", tmp_path / "card.html", "--json")
    page = (tmp_path / "card.html").read_text(encoding="utf-8")
    assert "尚未批准" in page
    assert "Not approved" in page
    assert "http" not in page


def test_the_simulated_approval_of_a_demo_says_so(cohortlock, study):
    approval = cohortlock("approve", study, "--json").json["approval"]
    assert approval["simulated"] is True
    assert approval["by"] == "simulated data manager"
