"""Rules that the paper's own text gives beside its numbers are audited without being asked for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from analysis.published import audit_file
from analysis.published_text import rules_in

PAPER = json.loads((Path(__file__).parent / "data" / "paper" / "reported.json").read_text())
WORDS = """
将患者分为显著缓解组(ΔVAS
≥ 3分或疼痛缓解率 ≥ 50%，n = 58)和未显著缓解组(n = 32)。
divided into the significant remission group (ΔVAS ≥ 3 points or pain relief rate ≥ 50%,
n = 58) and the other (n = 32)
按 ΔVAS 分层相关性 ΔVAS ≥ 3 分(n = 58) r = 0.65
 ΔVAS < 3 分(n = 32) r = 0.28
"""


def printed_tables() -> str:
    """The tables as the paper prints them."""
    lines = []
    for part in ("t1", "t2"):
        for name, values in PAPER[part].items():
            pairs = [f"{mean:.2f} ± {sd:.2f}".replace("-", "−") for mean, sd in values[:3]]
            lines.append(" ".join((name, *pairs)))
    return "\n".join(lines)


def thresholds(folder: Path, words: str | None, **more) -> list[tuple[str, float, str]]:
    (folder / "reported.json").write_text(json.dumps({**PAPER, **more}))
    if words is not None:
        (folder / "paper.txt").write_text(words, encoding="utf-8")
    found = [s for s in audit_file(folder / "reported.json") if s.check.startswith("threshold")]
    return [(s.where, s.implied.high, s.verdict) for s in found]


def test_the_papers_own_words_beside_the_file_are_enough(tmp_path):
    """ΔVAS ≥ 3 with the printed sign is empty: one of 58 could keep it. The other group keeps its rule."""
    assert thresholds(tmp_path, printed_tables() + WORDS) == [
        ("d_vas.sig.rule", 1, "differs"),
        ("d_vas.sig.rule", 1, "impossible"),
        ("d_vas.non.rule", 32, "consistent"),
    ]


def test_a_text_of_another_paper_gives_no_rule(tmp_path):
    """...though its groups have the same sizes: it does not print these means and SDs. Named in the file, it is taken."""
    assert thresholds(tmp_path, WORDS) == []
    assert len(thresholds(tmp_path, WORDS, text="paper.txt")) == 3


def test_a_file_alone_is_audited_as_before(tmp_path):
    assert thresholds(tmp_path, None) == []


@pytest.mark.parametrize(
    ("text", "rules"),
    [
        ("显著缓解（ΔVAS≥３分，ｎ＝58）", ["sig: d_vas >= 3"]),
        ("ΔESR <= −10 mm (n = 58)", ["sig: d_esr <= -10"]),
        ("ΔVAS ≥ 3 or relief ≥ 50% (n = 58)", ["sig: d_vas >= 3 or relief >= 50%"]),
        ("ΔVAS ≥ 3 (n = 57)", []),
        ("ΔJOA ≥ 3 (n = 58)", []),
        ("ΔVAS ≥ 3 分", []),
    ],
)
def test_a_rule_is_read_where_its_groups_size_stands_beside_it(text, rules):
    assert rules_in(text, PAPER) == rules
