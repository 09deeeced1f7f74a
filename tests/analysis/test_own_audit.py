"""The report audits its own printed numbers before it is released, by the engine that audits published ones."""

from __future__ import annotations

import random
import re
from dataclasses import replace
from decimal import Decimal

import pyarrow as pa
import pytest
from docx import Document

from analysis import report
from analysis.plan import analyse
from analysis.published import audit_file
from analysis.report import prose
from analysis.report.cells import Frame, plain
from analysis.report.own import Said, own_signals, release, said_in_tables, said_on
from analysis.report.own_sheet import own_audit
from analysis.report.sheets import Writer
from extract.errors import NumbersDisagree
from extract.study.protocol import column


def printed(locked, results, language="zh") -> list[Said]:
    """What tables and main results print."""
    writer = Writer(locked, Frame(results), language)
    tables = (writer.baseline(), writer.change(), writer.correlation())
    return said_in_tables(prose.summary(writer), tables)


@pytest.fixture(scope="module")
def said(simulated, results):
    return printed(simulated, results)


@pytest.fixture
def tables_only(monkeypatch):
    """The plan without what stands in other tables than the first three."""
    for part in (
        "response_model",
        "imputed",
        "subgroups",
        "sensitivity",
        "windows",
        "multiplicity",
        "agreement",
    ):
        monkeypatch.setattr(f"analysis.plan.{part}", lambda *_: None)


@pytest.fixture(scope="module")
def released(simulated, results, tmp_path_factory):
    """The folder of a report that went out."""
    return report.write(results, simulated, tmp_path_factory.mktemp("own")).parent


def test_the_numbers_of_real_people_fit_each_other_in_both_languages(simulated, results):
    """...each of the 300 ways in which one of them follows from others, and none needs an explanation."""
    for language in ("zh", "en"):
        signals = own_signals(printed(simulated, results, language), simulated)
        assert {s.verdict for s in signals} == {"consistent"}
        assert len(signals) > 300
        assert len({s.check for s in signals}) >= 25


def misprinted(text: str) -> str:
    """The same number with its leading digit changed, as by a slip of the finger."""
    at = next((i for i, c in enumerate(text) if c in "123456789"), len(text) - 1)
    return text[:at] + str((int(text[at]) + 4) % 9 + 1) + text[at + 1 :]


def test_a_misprinted_number_is_found_though_it_stands_so_everywhere(said, simulated):
    """Each number of the three tables in turn, changed wherever it is printed: nothing but the others can tell.

    A quantile is held only against bounds, and Z only against its P; a slip in them can be small enough to pass. No other is.
    """
    missed: dict[str, list[str]] = {}
    for row in {one.row.id: one.row for one in said}.values():
        wrong = [replace(one, text=misprinted(one.text)) if one.row.id == row.id else one for one in said]
        if not any(s.open for s in own_signals(wrong, simulated)):
            missed.setdefault(row.statistic, []).append(f"{row.variable} {row.group}")
    assert set(missed) <= {"median", "q1", "q3", "p", "z"}
    assert sum(map(len, missed.values())) < 0.12 * len({one.row.id for one in said})


def test_a_digit_changed_on_the_finished_page_is_found_by_the_audit(released, results, simulated):
    """...without the frame: the page alone contradicts itself."""
    html = (released / "report.html").read_text(encoding="utf-8")
    assert not [s for s in own_signals(said_on(html, results), simulated) if s.open]
    spot = next(re.finditer(r'data-form="f2"[^>]*>(−19\.09)</a>', html))
    edited = html[: spot.start(1)] + "−18.09" + html[spot.end(1) :]
    found = [s for s in own_signals(said_on(edited, results), simulated) if s.open]
    assert found
    with pytest.raises(NumbersDisagree, match=re.escape("report.html: ")):
        release(found, "report.html")


@pytest.mark.parametrize(
    ("variable", "group", "timepoint", "statistic", "by"),
    [
        ("esr", "responder", "delta", "mean", 1.0),
        ("crp", "all", "T0", "sd", 0.5),
        ("age", "difference", "", "p", 0.2),
    ],
)
def test_a_frame_that_is_wrong_itself_is_not_released(
    simulated, results, tmp_path, variable, group, timepoint, statistic, by
):
    """Page and frame agree, so no trace can tell; the other numbers do. Neither page nor Word is written."""
    rows = list(results.rows)
    for place, row in enumerate(rows):
        if (row.variable, row.group, row.timepoint, row.statistic) == (variable, group, timepoint, statistic):
            rows[place] = replace(row, value=row.value + by)
    with pytest.raises(NumbersDisagree) as refused:
        report.write(replace(results, rows=tuple(rows)), simulated, tmp_path)
    assert (refused.value.code, refused.value.slug) == (32, "numbers-disagree")
    assert not [p for p in tmp_path.iterdir() if p.suffix in {".html", ".docx", ".part"}]
    assert [s for s in audit_file(tmp_path / "reported.json") if s.open]


def test_anybody_can_repeat_the_audit_from_the_file_beside_the_report(released):
    signals = audit_file(released / "reported.json")
    assert len(signals) > 200
    assert {s.verdict for s in signals} == {"consistent"}


def test_the_report_says_what_was_checked(released):
    """...as a table on the page, in Word and as a file, in both languages."""
    html = (released / "report.html").read_text(encoding="utf-8")
    for words in ("本报告数字的自检", "Audit of this report&#39;s own numbers", "由各组推得的总体标准差"):
        assert words in html
    for language, words in (("zh", "本报告数字的自检"), ("en", "Audit of this report's own numbers")):
        told = [p.text for p in Document(str(released / f"report-{language}.docx")).paragraphs]
        assert words in told
    last = max(
        (released / "tables").glob("table*-en.csv"), key=lambda p: "reported.json" in p.read_text("utf-8-sig")
    )
    assert "Overall SD from the groups" in last.read_text(encoding="utf-8-sig")


def test_a_change_of_fewer_people_is_explained_and_not_refused(locked, tables_only):
    """Ten who came once only: T1 minus T0 is no longer the mean change, and the table says why, in both languages."""
    found = {name: locked.values(name) for name in locked.table.column_names}
    order = sorted(range(locked.table.num_rows), key=lambda i: -found["esr_t0"][i])[:10]
    for i in order:
        found["esr_t1"][i] = found["esr_delta"][i] = None
    table = pa.table({n: pa.array(v, locked.table.schema.field(n).type) for n, v in found.items()})
    fewer = replace(locked, table=table)
    results = analyse(fewer)
    for language, reason in (
        ("zh", "所比数字并非来自同一批患者"),
        ("en", "the numbers are not of the same people"),
    ):
        signals = own_signals(printed(fewer, results, language), fewer)
        assert {s.verdict for s in signals} == {"consistent", "otherwise"}
        release(signals, "report")
        sheet = own_audit(Writer(fewer, Frame(results), language), 9, signals)
        assert any(reason in plain(note) for note in sheet.notes)


@pytest.mark.parametrize("seed", [0, 1, 2, 10, 29, 30, 36, 47, 53])
def test_no_invented_cohort_is_refused(seed, protocol, make_locked, make_invented, tables_only):
    """Few or many people, groups of any size, values missing at random: what is computed from people always fits."""
    chance = random.Random(seed)
    n = chance.choice([3, 5, 9, 14, 24, 60, 150])
    table = make_invented(protocol, n, seed)
    found = {name: table.column(name).to_pylist() for name in table.column_names}
    for variable in ("esr", "vas", "crp"):
        first, last = (found[column(variable, at)] for at in ("T0", "T1"))
        for i in range(n):
            # Heavy tails, ties, people who did not change, people who came once.
            last[i] = first[i] if chance.random() < 0.2 else last[i]
            if chance.random() < 0.1 * (seed % 3):
                last[i] = None
        change = [None if b is None else b - a for a, b in zip(first, last, strict=True)]
        found[column(variable, kind="delta")] = change
    drops = found[column("vas", kind="delta")]
    relief = [
        None if d is None else -d / a if a else Decimal(0)
        for d, a in zip(drops, found["vas_t0"], strict=True)
    ]
    found["vas_relief"] = [None if r is None else round(r, 6) for r in relief]
    found["responder"] = [
        None if d is None else int(-d >= 3 or r >= Decimal("0.5")) for d, r in zip(drops, relief, strict=True)
    ]
    types = {name: table.schema.field(name).type for name in table.column_names}
    cohort = make_locked(
        pa.table({name: pa.array(v, types[name]) for name, v in found.items()}), protocol, flow={}
    )
    signals = own_signals(printed(cohort, analyse(cohort)), cohort)
    assert [s for s in signals if s.open] == []


def test_tables_are_numbered_in_the_order_in_which_they_stand(released):
    html = (released / "report.html").read_text(encoding="utf-8")
    for language in ("zh", "en"):
        numbers = [int(n) for n in re.findall(rf'id="table-(\d+)-{language}"', html)]
        assert numbers == list(range(1, len(numbers) + 1))
