"""The tables after the paper's three: safety, missing values, routing, and what others printed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from analysis.groups import DIFFERENCE
from analysis.plan import safety_of
from analysis.report.cells import Cell, Num, Piece, Quoted, Row, Sheet, Sym, Word
from analysis.report.sheets import Writer, head, text
from analysis.report.wording import REASONS, method_name, say
from analysis.results import Result, Route

__all__ = ["missing", "printed", "routing", "safety"]

_TESTS_BESIDE: Final = 5
_SHORT: Final = {
    "Student t test": "Student t",
    "Welch t test": "Welch t′",
    "Mann-Whitney U test": "Mann-Whitney",
    "Wilcoxon signed-rank test": "Wilcoxon",
    "Levene test (mean-centred)": "Levene",
    "Pearson chi-square": "Pearson χ²",
    "chi-square with Yates's correction": "Yates χ²",
    "likelihood-ratio chi-square": "G²",
    "Fisher exact test": "Fisher",
}


def safety(writer: Writer, number: int) -> Sheet | None:
    """Counts of safety events; None when the protocol names none."""
    ids = safety_of(writer.protocol)
    if not ids:
        return None
    body = [row for i in ids for row in writer.categories("safety", writer.protocol.variable_named(i), "")]
    first = Row(
        (
            text(writer.say("item")),
            *(writer.group_head(g) for g in writer.groups.columns),
            text(writer.say("statistic")),
            Cell((Sym("P"),)),
        )
    )
    notes = [note for i in ids for note in writer.incomplete("safety", i, "")]
    many = {
        "zh": "同一参与者可有多项；百分比以有记录者为分母。",
        "en": "A participant may have several; percentages are of those with a record.",
    }
    return writer.sheet(str(number), "safety", (first,), body, [(Word(many[writer.language]),), *notes])


def missing(writer: Writer, number: int) -> Sheet | None:
    """Variables with missing values; None when nothing is missing."""
    rows = [
        r for r in writer.frame.results.rows if r.table == "missing" and r.statistic == "missing" and r.value
    ]
    if not rows:
        return None
    body = [
        Row(
            (
                text(writer.quantity(r.variable, r.timepoint)),
                Cell((Num(r, "i"),)),
                Cell((writer.frame.num("missing", r.variable, r.group, r.timepoint, "percent", "c1"),)),
            )
        )
        for r in rows
    ]
    first = head(writer.say("item"), writer.say("n_missing"), writer.say("percent"))
    other = {
        "zh": "其余指标无缺失。缺失值从不以零代替。",
        "en": "No other variable has missing values. Missing is never taken as zero.",
    }
    return writer.sheet(str(number), "missing", (first,), body, [(Word(other[writer.language]),)])


def routing(writer: Writer, number: int) -> Sheet:
    """Every choice of a test with its reason, and the P of the tests beside it."""
    first = Row(
        (
            *(text(writer.say(k)) for k in ("item", "group", "test", "reason")),
            Cell((Word(f"{writer.say('beside')} "), Sym("P")), label=True),
        )
    )
    routes = [r for r in writer.frame.results.routes if r.table != "3"]
    body = [_route_row(writer, route) for route in routes]
    rule = writer.protocol.analysis.normality
    alpha = rule.alpha
    judge = "Shapiro-Wilk" if rule.test == "shapiro" else "Kolmogorov-Smirnov (Lilliefors)"
    note = {
        "zh": f"规则在锁库前写入方案：{judge} 检验 P ≥ {alpha} 视为正态；Levene 检验以均数为中心。",
        "en": f"The rules stood in the protocol before the lock: normal when {judge} gives P ≥ {alpha}; "
        "Levene's test is about the mean.",
    }
    return writer.sheet(str(number), "routing", (first,), body, [(Word(note[writer.language]),)])


def _who(writer: Writer, group: str) -> str:
    found = next((g for g in writer.groups.columns if g.key == group), None)
    return writer.name(found) if found else writer.say("between_groups")


def _route_row(writer: Writer, route: Route) -> Row:
    quantity = writer.quantity(route.variable, route.timepoint)
    if route.of:
        quantity += f": {_category(writer, route)}"
    return Row(
        (
            text(quantity),
            text(_who(writer, route.group)),
            text(method_name(route.method, writer.language)),
            Cell(tuple(_why(writer, route))),
            Cell(tuple(_beside(writer, route))),
        )
    )


def _why(writer: Writer, route: Route) -> Iterator[Piece]:
    """The reason, with the numbers it rests on: P by group, P of Levene's test, or the least expected count."""
    zh = writer.language == "zh"
    yield Word(REASONS[route.reason][writer.language])
    if route.reason.startswith("counts"):
        yield Word("，最小期望频数 " if zh else "; the least is ")
        yield _expected(writer, route)
        return
    normality = [
        row for row in (writer.frame.results.rows[i] for i in route.evidence) if row.value is not None
    ]
    before = ""
    for row in normality:
        name = "Levene" if row.method.startswith("Levene") else row.method
        if name != before:
            yield Word((": " if not before else "; ") + f"{name} ")
            yield Sym("P")
        else:
            yield Word(",")
        before = name
        several = route.group == DIFFERENCE and name != "Levene"
        yield Word(f" {_who(writer, row.group)} " if several else _eq(row), "name")
        yield Num(row, "p")


def _category(writer: Writer, route: Route) -> str:
    variable = writer.protocol.variable_named(route.variable)
    found = next((v for v in variable.values if str(v.code) == route.of), None)
    if found is None:
        return route.of
    return found.zh if writer.language == "zh" else found.en


def _expected(writer: Writer, route: Route) -> Piece:
    """The least expected count, from the frame."""
    row = writer.frame.results.find(
        route.table,
        route.variable,
        route.group,
        route.timepoint,
        "expected_min",
        route.of,
        "Pearson chi-square",
    )
    return Word("—") if row is None else Num(row, "f2")


def _eq(row: Result) -> str:
    return " " if row.value is not None and row.value < 0.001 else " = "


def _beside(writer: Writer, route: Route) -> Iterator[Piece]:
    """P of every other test of the same comparison; Levene's too where the reason does not hold it."""
    shown = {writer.frame.results.rows[i].method.split()[0] for i in route.evidence}
    own = [
        r
        for r in writer.frame.results.rows
        if (r.table, r.variable, r.group, r.timepoint, r.of)
        == (route.table, route.variable, route.group, route.timepoint, route.of)
        and r.statistic == "p"
        and not r.chosen
        and not r.method.startswith(("Shapiro", "Kolmogorov", "Levene" if "Levene" in shown else "Shapiro"))
        and r.value is not None
    ]
    for place, row in enumerate(own[:_TESTS_BESIDE]):
        short = _SHORT.get(row.method, method_name(row.method, writer.language))
        yield Word(f"{'; ' if place else ''}{short} ")
        yield Num(row, "p")


def printed(writer: Writer, number: int) -> Sheet | None:
    """Every number that was printed elsewhere and differs from ours; None when none was given."""
    results = writer.frame.results
    if all(one.agrees or one.row is None for one in results.printed):
        return None
    body = []
    for one in results.printed:
        if one.agrees or one.row is None:
            continue
        row = results.rows[one.row]
        body.append(
            Row(
                (
                    text(f"{say('table', writer.language)}{row.table}"),
                    text(writer.quantity(row.variable, row.timepoint)),
                    text(_who(writer, row.group)),
                    Cell(tuple(_statistic(writer, row)), label=True),
                    Cell((Num(row, _form(row, one.text)),)),
                    Cell((Quoted(one.key, one.text.replace("-", "−")),)),
                )
            )
        )
    first = head(
        writer.say("table").strip(),
        *(writer.say(k) for k in ("item", "group", "statistic", "ours", "theirs")),
    )
    note = {
        "zh": "只列出不一致者；按印刷位数四舍五入比较，t 与 Z 只比较大小。总体列由全部参与者直接算出，因此服从各组的数字。",
        "en": "Only what differs; compared at the printed number of decimals, t and Z by magnitude. The overall column is "
        "computed from all participants, so it follows from the groups.",
    }
    return writer.sheet(str(number), "printed", (first,), body, [(Word(note[writer.language]),)])


def _form(row: Result, text_: str) -> str:
    if row.statistic == "p":
        return "p"
    if row.statistic == "count":
        return "i"
    decimals = len(text_.partition(".")[2])
    return f"{'a' if row.statistic in {'t', 'z'} else 'f'}{decimals}"


def _statistic(writer: Writer, row: Result) -> Iterator[Piece]:
    zh = writer.language == "zh"
    words = {
        "mean": "均数" if zh else "mean",
        "sd": "标准差" if zh else "SD",
        "ci_low": "95%CI 下限" if zh else "95% CI, lower",
        "ci_high": "95%CI 上限" if zh else "95% CI, upper",
        "count": "例数" if zh else "n",
    }
    if row.statistic in words:
        yield Word(words[row.statistic])
        return
    symbols = {"p": Sym("P"), "t": Sym("t"), "r": Sym("r"), "r2": Sym("R", "²"), "z": Sym("Z")}
    yield symbols.get(row.statistic, Sym(row.statistic))
    if row.method and row.statistic in {"p", "t"}:
        yield Word(f" ({method_name(row.method, writer.language)})")
