"""The tables around the planned ones: sensitivity, subgroups, limits of the correlation, multiplicity."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from analysis.groups import ALL, DIFFERENCE, groups_of
from analysis.report.cells import Cell, Num, Piece, Row, Sheet, Sym, Word
from analysis.report.sheets import Writer, head, text
from analysis.report.wording import label_of, method_name
from analysis.results import Result
from analysis.sensitivity import GIVEN_FIRST, subgroups_of
from analysis.terms import DELTA, delta_of
from analysis.windows import windows_of
from extract.study.protocol import Correlation

__all__ = ["limits", "multiplicity", "robust", "sensitivity"]

_EMPTY: Final = Cell((Word("—"),))


def _cell(*pieces: Piece) -> Cell:
    return Cell(pieces) if any(isinstance(p, Num) for p in pieces) else _EMPTY


def _interval(
    writer: Writer, key: tuple[str, str, str, str], of: str = "", method: str | None = None
) -> Cell:
    low, high = (writer.frame.num(*key, name, "f2", of, method) for name in ("ci_low", "ci_high"))
    return _cell(Word("("), low, Word(", "), high, Word(")"))


def sensitivity(writer: Writer, number: int) -> Sheet | None:
    """The change between the groups by every test, and by analysis of covariance; None when none is declared."""
    told = set(writer.protocol.analysis.sensitivity) & {"welch", "rank", "ancova"}
    if not told or len(writer.groups.levels) != 2:
        return None
    zh = writer.language == "zh"
    body = []
    for variable in writer.protocol.timed:
        if variable.categorical:
            continue
        between = ("2", variable.id, DIFFERENCE, DELTA)
        adjusted = ("sensitivity", variable.id, DIFFERENCE, variable.at[-1])
        cells = [
            _cell(writer.frame.num(*between, "p", "p", "", method))
            for method in ("Student t test", "Welch t test", "Mann-Whitney U test")
        ]
        cells.append(_cell(writer.frame.num(*adjusted, "estimate", "f2")))
        cells.append(_interval(writer, adjusted))
        cells.extend(_cell(writer.frame.num(*adjusted, name, "p")) for name in ("p", "p_slopes"))
        body.append(Row((text(writer.quantity(variable.id, DELTA)), *cells)))
    p = Sym("P")
    first = Row((
        text(writer.say("item")),
        Cell((Word("Student "), p), label=True),
        Cell((Word("Welch "), p), label=True),
        Cell((Word("Mann-Whitney "), p), label=True),
        text("校正均数差" if zh else "Adjusted difference"),
        text(writer.say("interval")),
        Cell((Word("协方差 " if zh else "ANCOVA "), p), label=True),
        Cell((Word("斜率 " if zh else "Slopes "), p), label=True),
    ))  # fmt: skip
    one, two = (writer.name(g) for g in writer.groups.levels)
    note = (
        f"校正均数差：末次值的组间差（{one} − {two}），以首次值为协变量；斜率 P 为各组斜率相等的检验，较小时平行斜率不成立，校正均数差不宜解读。"
        if zh
        else f"Adjusted difference: {one} minus {two} in the last value at one first value. Slopes P tests that the groups' "
        "slopes are equal; where it is small the adjusted difference has no single meaning."
    )
    return writer.sheet(str(number), "sensitivity", (first,), body, [(Word(note), *writer.two_sided())])


def robust(writer: Writer, number: int) -> Sheet | None:
    """Each planned correlation again: by ranks, one left out, first values taken out, and in every subgroup."""
    body = [row for planned in writer.protocol.analysis.correlate for row in _robust(writer, planned)]
    if not body:
        return None
    zh = writer.language == "zh"
    first = Row((
        text("分析" if zh else "Analysis"),
        Cell((Sym("n"),)),
        text("相关系数" if zh else "Coefficient"),
        text(writer.say("interval")),
        Cell((Sym("P"),)),
        Cell((Word("Holm "), Sym("P")), label=True),
    ))  # fmt: skip
    notes: list[tuple[Piece, ...]] = []
    several = any(v.many for v in writer.protocol.variable if v.id in writer.protocol.analysis.subgroups)
    if several:
        notes.append((Word(
            "同一参与者可属多个亚组，亚组之间不独立，不作亚组间比较。" if zh
            else "A participant may be in several subgroups; they are not independent and are not compared."
        ),))  # fmt: skip
    least = max(4, writer.protocol.lock.small_cell)
    notes.append((Word(
        f"亚组例数少于 {least} 者不计算。Holm 校正覆盖全报告的检验（见多重性一览）。" if zh
        else f"Not computed in subgroups of fewer than {least}. Holm's P is over all tests of the report (see the ledger)."
    ), *writer.two_sided()))  # fmt: skip
    return writer.sheet(str(number), "robust", (first,), body, notes)


def _robust(writer: Writer, planned: Correlation) -> Iterator[Row]:
    zh = writer.language == "zh"
    x, y = delta_of(planned.x), delta_of(planned.y)
    at = DELTA if x != planned.x else ""
    for row in writer.frame.results.rows:
        if (row.table, row.variable, row.group, row.of, row.statistic) != ("3", x, ALL, y, "r"):
            continue
        name = method_name(_bare(row.method), writer.language)
        yield _line(
            writer,
            name + ("" if row.chosen else ("（并列）" if zh else " (beside)")),
            ("3", x, ALL, at),
            y,
            row.method,
        )
    least, greatest = (
        writer.frame.num("sensitivity", x, ALL, at, s, "f2", y) for s in ("r_least", "r_greatest")
    )
    if isinstance(least, Num):
        words = "逐例剔除，最小～最大" if zh else "One participant left out, least to greatest"
        cell = _cell(least, Word("～" if zh else " to "), greatest)
        yield Row(
            (
                text(words),
                Cell((writer.frame.num("3", x, ALL, at, "n", "i", y),)),
                cell,
                _EMPTY,
                _EMPTY,
                _EMPTY,
            )
        )
    if writer.frame.results.find("limits", x, ALL, DELTA, "r", y, GIVEN_FIRST):
        words = "偏相关，去除两指标首次值" if zh else "Partial, both first values taken out"
        yield _line(writer, words, ("limits", x, ALL, DELTA), y, GIVEN_FIRST)
    for window in windows_of(writer.locked):
        if window.rows is None:
            continue
        key = ("sensitivity", x, ALL, at)
        ending = f": {window.timepoint} on days {window.first} to {window.last}"
        method = next(
            (
                r.method
                for r in writer.frame.results.rows
                if r.table == "sensitivity" and r.method.endswith(ending)
            ),
            None,
        )
        words = (
            f"{window.timepoint} 取第 {window.first}～{window.last} 日者" if zh
            else f"{window.timepoint} on days {window.first} to {window.last}"
        )  # fmt: skip
        yield _line(writer, words, key, y, method)
    for variable, group in subgroups_of(writer.locked):
        named = next((v.label for v in writer.protocol.variable if v.id == variable), None)
        before = (
            f"{label_of(named, writer.language)}：" if named and zh else (f"{named.en}: " if named else "")
        )
        yield _line(writer, before + writer.name(group), ("subgroup", x, group.key, at), y, None)


def _line(writer: Writer, words: str, key: tuple[str, str, str, str], of: str, method: str | None) -> Row:
    n = writer.frame.results.find(*key, "p", of, method)
    return Row((
        text(words),
        _EMPTY if n is None else Cell((_n(writer, key, of, method if key[0] == "sensitivity" else None),)),
        _cell(writer.frame.num(*key, "r", "f2", of, method)),
        _interval(writer, key, of, method),
        _cell(writer.frame.num(*key, "p", "p", of, method)),
        _cell(writer.frame.num(*key, "p_holm", "p", of)) if method is None or (n and n.chosen and key[0] == "3") else _EMPTY,
    ))  # fmt: skip


def _n(writer: Writer, key: tuple[str, str, str, str], of: str, method: str | None = None) -> Piece:
    """The pairs behind a coefficient: its table's own count, else that of the planned correlation."""
    own = writer.frame.num(*key, "n", "i", of, method)
    return own if isinstance(own, Num) else writer.frame.num("3", *key[1:], "n", "i", of)


def limits(writer: Writer, number: int) -> Sheet | None:
    """What a correlation of changes can say and cannot, with the numbers behind it; None without such a correlation."""
    body = [
        row
        for planned in writer.protocol.analysis.correlate
        if delta_of(planned.x) != planned.x and delta_of(planned.y) != planned.y
        for row in _limits(writer, planned)
    ]
    if not body:
        return None
    first = (
        head("问题", "本数据", "能说明", "不能说明")
        if writer.language == "zh"
        else head("Question", "Here", "It can say", "It cannot say")
    )
    return writer.sheet(str(number), "limits", (first,), body, [])


def _joined(writer: Writer, parts: Sequence[tuple[Piece, ...]]) -> Cell:
    stop = "；" if writer.language == "zh" else "; "
    return Cell(tuple(p for i, part in enumerate(parts) for p in ((Word(stop), *part) if i else part)))


def _limits(writer: Writer, planned: Correlation) -> Iterator[Row]:
    zh = writer.language == "zh"
    find = writer.frame.num
    x, y = delta_of(planned.x), delta_of(planned.y)
    r = Sym("r")
    names = {i: writer.quantity(i).split("/")[0].split(" (")[0] for i in (x, y)}
    firsts = {i: writer.protocol.variable_named(i).at[0] for i in (x, y)}
    coupled = [
        (
            Word(f"{names[i]} {firsts[i]}, Δ: ", "name"),
            r,
            Word(" = "),
            find("limits", i, ALL, firsts[i], "r", "f2"),
        )
        for i in names
    ]
    yield _said(
        writer, ("数学耦合", "Mathematical coupling"), coupled,
        ("首次值与变化量相关", "first value and change go together"),
        ("首次值高者疗效好：变化量中含有首次值，两值无关时 r 也为负", "that a high first value responds better: the change holds it, so r is negative even for unrelated values"),
    )  # fmt: skip
    level: list[tuple[Piece, ...]] = [
        (Word(f"{names[i]}: ", "name"), r, Word(" = "), find("limits", i, ALL, "", "r", "f2")) for i in names
    ]
    level.append((
        Word("去除首次值 " if zh else "first values taken out "), r, Word(" = "),
        find("limits", x, ALL, DELTA, "r", "f2", y, GIVEN_FIRST),
    ))  # fmt: skip
    yield _said(
        writer, ("向均数回归（Oldham：变化量与两次均值）", "Regression to the mean (Oldham: change with the mean of both)"), level,
        ("去除首次值后两变化量仍否相关", "whether the changes still go together once the first values are taken out"),
        ("治疗引起变化：入选要求首次值较高，无对照组时回归与疗效不可分", "that treatment caused the change: people enter with a high first value, and no control group parts the two"),
    )  # fmt: skip
    if not planned.strata:
        return
    strata = groups_of(writer.locked, planned.strata).levels
    cut: list[tuple[Piece, ...]] = [
        (
            Word(f"{writer.name(g)} ", "name"), Sym("SD"), Word(" × "), find("limits", y, g.key, DELTA, "ratio", "f2"),
            Word("，截断后 " if zh else ", by the cut alone "), r, Word(" = "), find("limits", x, g.key, DELTA, "r", "f2", y),
            Word("，实得 " if zh else ", found "), find("3", x, g.key, DELTA, "r", "f2", y),
        )
        for g in strata
    ]  # fmt: skip
    if isinstance(find("limits", x, DIFFERENCE, DELTA, "p", "p", y), Num):
        cut.append((Word("两层 " if zh else "the strata's "), r, Word(" 之差 " if zh else " differ, "), Sym("P"),
                    Word(" "), find("limits", x, DIFFERENCE, DELTA, "p", "p", y)))  # fmt: skip
    yield _said(
        writer, ("分层由结局定义，取值范围被截断", "Strata defined by the outcome cut its range"), cut,
        ("层内 r 与截断本身所致是否相近", "whether r within a stratum is about what the cut alone makes of it"),
        ("相关在某一组更强", "that the relation is stronger in one group"),
    )  # fmt: skip
    share = [
        (
            Word(f"Δ{names[y]} ", "name"),
            Sym("η", "²"),
            Word(" = "),
            find("limits", y, DIFFERENCE, DELTA, "effect", "f2"),
        )
    ]
    yield _said(
        writer, ("组间比较循环", "Circular group test"), share,
        ("分组把结局分开了多少", "how far the grouping splits the outcome"),
        ("组间差异是发现：组由该变化定义", "that the difference is a finding: the groups are defined by that change"),
    )  # fmt: skip


def _said(
    writer: Writer,
    question: tuple[str, str],
    numbers: Sequence[tuple[Piece, ...]],
    can: tuple[str, str],
    cannot: tuple[str, str],
) -> Row:
    place = 0 if writer.language == "zh" else 1
    return Row((text(question[place]), _joined(writer, numbers), text(can[place]), text(cannot[place])))


def multiplicity(writer: Writer, number: int) -> Sheet | None:
    """Every P of the report that answers a question of its own, with Holm's and Benjamini-Hochberg's."""
    results = writer.frame.results
    rows = [r for r in results.rows if r.statistic == "p_holm"]
    if not rows:
        return None
    zh = writer.language == "zh"
    plan = writer.protocol.analysis
    body = []
    for row in rows:
        key = (row.table, row.variable, row.group, row.timepoint)
        p = results.find(*key, "p", row.of)
        stands = row.value is not None and row.value < plan.alpha
        was = p is not None and p.value is not None and p.value < plan.alpha
        verdict = {
            (True, True): ("保持", "stays"),
            (False, True): ("不再显著", "lost"),
            (False, False): ("—", "—"),
        }[stands, was]
        body.append(Row((
            text(writer.quantity(row.variable, row.timepoint) + _of(writer, row)),
            text(_who(writer, row.group)),
            text(method_name(_bare(p.method if p else row.method), writer.language)),
            _cell(writer.frame.num(*key, "p", "p", row.of)),
            Cell((Num(row, "p"),)),
            _cell(writer.frame.num(*key, "p_bh", "p", row.of)),
            text(verdict[0 if zh else 1]),
        )))  # fmt: skip
    first = Row((
        text(writer.say("item")), text(writer.say("group")), text(writer.say("test")), Cell((Sym("P"),)),
        Cell((Word("Holm "), Sym("P")), label=True), Cell((Word("BH "), Sym("P")), label=True),
        text("校正后" if zh else "After Holm"),
    ))  # fmt: skip
    note = (
        f"共 {len(rows)} 项检验，α = {plan.alpha}。同一问题在两表出现者计一次；敏感性分析重问已计的问题，事后两两比较自带校正，均不计入。"
        if zh
        else f"{len(rows)} tests at α = {plan.alpha}. A question asked in two tables counts once; sensitivity analyses ask a "
        "counted question again and pairwise comparisons carry their own adjustment, so neither is counted."
    )
    return writer.sheet(str(number), "multiplicity", (first,), body, [(Word(note),)])


def _bare(method: str) -> str:
    """A correlation's method without its partner."""
    own, found, _ = method.partition(" correlation with ")
    return f"{own} correlation" if found else method


def _who(writer: Writer, group: str) -> str:
    for known in (*writer.groups.columns, *(g for _, g in subgroups_of(writer.locked))):
        if known.key == group:
            return writer.name(known)
    return writer.say("between_groups")


def _of(writer: Writer, row: Result) -> str:
    """What narrows a number: a category's name, or the partner of a correlation."""
    if not row.of:
        return ""
    found = next((v for v in writer.protocol.variable if v.id == row.variable), None)
    for value in found.values if found else ():
        if str(value.code) == row.of:
            return f": {value.zh if writer.language == 'zh' else value.en}"
    partner = next((v for v in writer.protocol.timed if v.id == row.of), None)
    return f" ~ {writer.quantity(row.of, DELTA if partner and row.timepoint == DELTA else '')}"
