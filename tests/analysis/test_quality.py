"""Gilbert's eight items: evidence from the protocol and the snapshot, and what is left to the authors."""

from __future__ import annotations

import re

import pytest

from analysis.plan import analyse
from analysis.report.cells import Frame, Num, plain
from analysis.report.checklists import record, strobe
from analysis.report.quality import gilbert
from analysis.report.sheets import Writer
from validate.review.agreement import Report, agreement


@pytest.fixture(scope="module")
def reviewed(locked, make_locked):
    """The dataset with the agreement that the lock writes: 100 pairs of opinions, 400 fields entered twice."""
    both = agreement([[60, 5], [3, 32]], ("met", "not_met"))
    found = {
        "review": Report(both, {"I1": both}).to_json(),
        "entry": {"fields": {"errors": 3, "compared": 400}},
    }
    return make_locked(locked.table, agreement=found), both


@pytest.mark.parametrize("language", ["zh", "en"])
def test_agreement_is_given_as_the_snapshot_holds_it(reviewed, language):
    one, both = reviewed
    results = analyse(one)
    sheet = gilbert(Writer(one, Frame(results), language), 13)
    assert len(sheet.body) == 8
    tested = sheet.body[-1].cells[1]
    assert results.find("agreement", "review", "all", "", "kappa").value == both.kappa.value
    assert f"κ = {both.kappa.value:.2f}" in plain(tested.pieces)
    numbers = [p.text for p in tested.pieces if isinstance(p, Num)]
    assert numbers[:2] == ["100", "92.0"]
    assert numbers[-3:] == ["400", "3", "0.75"]


def test_what_is_not_there_is_said(locked, results):
    """No agreement in the snapshot: the item says so, and no number is made up."""
    sheet = gilbert(Writer(locked, Frame(results), "en"), 13)
    assert plain(sheet.body[-1].cells[1].pieces) == "The dataset carries no agreement of the reviewers"
    assert not [r for r in results.rows if r.table == "agreement"]


def test_what_no_program_knows_is_left_to_the_authors(locked, results):
    sheet = gilbert(Writer(locked, Frame(results), "en"), 13)
    left = {plain(row.cells[0].pieces): plain(row.cells[2].pieces) for row in sheet.body}
    assert re.search("hypothesis", left["Blinding"])
    assert re.search("meetings", left["Monitoring"])
    assert locked.protocol.search.expression in plain(sheet.body[1].cells[1].pieces)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_strobe_and_record_are_answered_item_by_item_and_leave_the_authors_theirs(
    simulated, results, language
):
    """All 22 items of STROBE (12 in five parts) and RECORD's thirteen, each with a place or left to the authors."""
    writer = Writer(simulated, Frame(results), language)
    for sheet, count, mine in ((strobe(writer, 1), 26, 5), (record(writer, 2), 13, 3)):
        assert len(sheet.body) == count
        words = [plain(row.cells[2].pieces) for row in sheet.body]
        assert all(words)
        assert sum(w in {"由作者撰写", "for the authors"} for w in words) == mine
    ids = [plain(row.cells[0].pieces) for row in strobe(writer, 1).body]
    assert {int(i.rstrip("abcde")) for i in ids} == set(range(1, 23))
    text = " ".join(plain(row.cells[2].pieces) for row in record(writer, 2).body)
    assert simulated.protocol.search.expression in text
