"""What a terminal shows of a funnel and of a why, in both languages."""

import pytest

from flows.cli.telling import funnel_lines, tongue, why_lines

FUNNEL = {
    "steps": [
        {"id": "search", "label": {"zh": "检索", "en": "fetched"}, "patients": 12, "visits": 30,
         "removed_patients": 0, "removed_visits": 0},
        {"id": "I1", "label": {"zh": "成人", "en": "adults"}, "patients": 2, "visits": 5,
         "removed_patients": 10, "removed_visits": 25, "gain": 3},
    ],
    "closes": True,
    "basis": "screening",
}  # fmt: skip

WHY = {
    "in": False,
    "reasons": [
        {"step": "match", "ok": True, "visit_id": "v1", "terms": ["a"], "without": ["b"], "negated_only": True,
         "hits": [{"record_id": "document:1", "term": "a", "assertion": "negated", "cue": "no"}] * 2},
        {"step": "criterion", "ok": False, "id": "I1", "label": {"zh": "成人", "en": "adults"},
         "verdict": "not_met", "auto": True, "text": "age: not met", "records": ["patient:1"]},
        {"step": "review", "ok": False, "verdicts": {"I1": "not_met"}},
    ],
}  # fmt: skip


def test_a_funnel_shows_each_step_in_one_language():
    """...with numbers under each other, and says whether it closes and by whose verdicts."""
    lines = list(funnel_lines(FUNNEL, "en"))
    assert [line.split() for line in lines[1:3]] == [
        ["search", "fetched", "12", "30"],
        ["I1", "adults", "2", "5", "10", "25", "3"],
    ]
    assert lines[1].index("12") + 2 == lines[2].index(" 2 ") + 2
    assert (
        lines[-1] == "the funnel closes at every step; by the machine's screening; what it left open is kept"
    )
    assert "成人" in list(funnel_lines(FUNNEL, "zh"))[2]


def test_a_why_names_terms_records_and_cues():
    """...counts equal hits once, and shows what the reviewers said last."""
    assert list(why_lines(WHY, "en")) == [
        "out",
        "+ search v1: found a; not found b; negated mentions only",
        "    document:1  a ×2  negated (no)",
        "- I1 adults: not met (decided by the rule alone)",
        "    age: not met",
        "    patient:1",
        "- reviewed: I1 not met",
    ]
    assert next(iter(why_lines(WHY, "zh"))) == "未纳入"


@pytest.mark.parametrize(("said", "spoken"), [("zh_CN.UTF-8", "zh"), ("en_GB.UTF-8", "en"), ("C", "en")])
def test_the_terminal_says_which_language(monkeypatch, said, spoken):
    """LC_ALL before LANG, as everywhere."""
    monkeypatch.setenv("LANG", "fr_FR.UTF-8")
    monkeypatch.setenv("LC_ALL", said)
    assert tongue() == spoken
