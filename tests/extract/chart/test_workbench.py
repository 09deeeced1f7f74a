"""The workbench counts what the exact matcher would count, and the exact search what the workbench counts."""

from __future__ import annotations

import json
from datetime import date

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extract.chart.diagnostics import diagnosis
from extract.chart.wordscan import WordScan
from extract.chart.workbench import explore
from extract.errors import ExpressionInvalid
from extract.his.pull import pull
from extract.study.folder import StudyFolder
from extract.study.keywords import Matcher
from extract.study.protocol import Search

LETTERS = "腰痛颈頸ESResrＥＳＲ血沉沈 \n，。D℃1有无\u200b"
SEARCHES = {
    mode: Search.model_validate(
        {
            "expression": '("颈痛" OR document:"腰痛" OR "血沉") AND "ESR"',
            "from": date(2022, 1, 1),
            "to": date(2023, 1, 1),
            "match": mode,
            "synonyms": {"ESR": ["血沉"]},
            "look_alike": {"ESR": ["ESRD"], "腰痛": ["腰痛1"]},
        }
    )
    for mode in ("literal", "folded")
}


@pytest.mark.parametrize("mode", SEARCHES)
@given(texts=st.lists(st.none() | st.text(alphabet=LETTERS, max_size=14), max_size=12))
def test_the_scan_says_what_the_exact_matcher_says(mode, texts):
    """...of every text, leaf and look-alike, literal or folded, free text or names."""
    search = SEARCHES[mode]
    matcher = Matcher.of(search)
    scan = WordScan(search, matcher)
    column = pl.Series(texts, dtype=pl.String)
    for scope in ("document", "lab"):
        leaves = [leaf.index for leaf in matcher.leaves if scope in leaf.scopes]
        expected = [
            {
                leaf: [i for i, t in enumerate(texts) if t and any(h.leaf == leaf for h in find(t, scope))]
                for leaf in leaves
            }
            for find in (matcher.find, matcher.look_alikes)
        ]
        for scanned in (scan.texts(column, scope), scan.names(column, scope)):
            assert {leaf: rows.to_list() for leaf, rows in scanned.hits.items()} == expected[0]
            alike = {leaf: rows.to_list() for leaf, rows in scanned.alike.items() if len(rows)}
            assert alike == {leaf: rows for leaf, rows in expected[1].items() if rows}


@pytest.fixture(scope="module")
def landed(tmp_path_factory) -> StudyFolder:
    """A small hospital, pulled and screened."""
    from extract.chart.screening import screen
    from extract.synthetic.hospital import build
    from flows.demo import write_study

    root = tmp_path_factory.mktemp("landed")
    build(root / "his.db", patients=130, truth=root / "truth.json")
    write_study(root / "study", his="sqlite:///../his.db")
    study = StudyFolder.at(root / "study")
    pull(study)
    screen(study)
    return study


def test_it_agrees_with_the_screening(landed):
    """Visits, matched, needed, combinations, months and departments: two ways, one count."""
    quick, exact = explore(landed), diagnosis(landed)
    assert quick["matched"] == exact["matched"] > 0
    assert quick["patients"] == exact["patients"]
    for ours, theirs in zip(quick["terms"], exact["terms"], strict=True):
        assert {k: ours[k] for k in ("term", "visits", "matched", "needed")} == {
            k: theirs[k] for k in ("term", "visits", "matched", "needed")
        }
    together = {tuple(one["terms"]): one["visits"] for one in quick["together"] if one["matched"]}
    assert together.items() <= {tuple(one["terms"]): one["visits"] for one in exact["together"]}.items()
    for what in ("month", "department"):
        ours = {one[what]: (one["visits"], one["patients"]) for one in quick[f"{what}s"] if one["visits"]}
        assert ours == {one[what]: (one["visits"], one["patients"]) for one in exact[f"{what}s"]}


def test_other_terms_may_be_tried_and_no_text_is_told(landed):
    told = explore(landed, ["腰痛", "妊娠"])
    assert [one["term"] for one in told["terms"]] == ["腰痛", "妊娠"]
    assert told["matched"] == sum(one["visits"] for one in told["together"])
    assert not any("examples" in one for one in told["terms"])
    with pytest.raises(ExpressionInvalid):
        explore(landed, ['腰"痛'])


def test_examples_hold_their_term(landed):
    told = explore(landed, ["腰痛"], examples=3)
    [one] = told["terms"]
    assert len(one["examples"]) == 3
    assert all("腰痛" in text for text in one["examples"])


def test_the_index_is_made_once_and_holds_no_text(landed):
    explore(landed)
    place = landed.landing / "explore"
    made = (place / "state.json").stat().st_mtime_ns
    explore(landed)
    assert (place / "state.json").stat().st_mtime_ns == made
    assert "腰痛" not in json.dumps(
        [pl.read_parquet(file).to_dict(as_series=False) for file in place.glob("*.parquet")],
        ensure_ascii=False, default=str,
    )  # fmt: skip
    assert place.stat().st_mode & 0o077 == 0
