"""Our own report before it is released: its numbers as they are printed, through the audit of published numbers.

What is audited is not the result frame but the text that a reader will see, rounded as it is rounded there, put into the
shape of ``cohortlock audit``.  The file stands beside the report as ``reported.json``, so anybody can repeat the audit.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from analysis.dataset import Locked
from analysis.groups import DIFFERENCE, groups_of
from analysis.plan import PARTICIPANTS, RELIEF, safety_of
from analysis.published import Signal, audit
from analysis.report.cells import Num, Piece, Sheet
from analysis.report.page import Part
from analysis.report.trace import spoken
from analysis.results import Result, Results
from analysis.terms import DELTA, delta_of
from extract.errors import NumbersDisagree
from extract.study.protocol import Protocol, column

__all__ = ["Said", "own_signals", "release", "reported", "said_in", "said_in_tables", "said_on"]

_TABLES: Final = frozenset({"1", "2", "3"})
_MEANS: Final = {"Student t test": "Student", "Welch t test": "Welch"}
_COUNTS: Final = {
    "Pearson chi-square": "pearson",
    "chi-square with Yates's correction": "yates",
    "Fisher exact test": "fisher",
}
_RESERVED: Final = frozenset(
    [
        "n",
        "n_of",
        "delta",
        "tests",
        "statistics",
        "within",
        "quartiles",
        "t1",
        "t2",
        "t3",
        "steps",
        "ranges",
        "rules",
        "again",
        "declared",
        "text",
    ]
)


@dataclass(frozen=True)
class Said:
    """A number of Tables 1 to 3 as somebody reads it: its row of the frame and the text."""

    row: Result
    text: str


def said_in(part: Part) -> list[Said]:
    """What the three tables, their notes and the main results of a report print in one language."""
    return said_in_tables(part.summary, part.tables)


def said_in_tables(summary: Sequence[Sequence[Piece]], tables: Sequence[Sheet]) -> list[Said]:
    """The numbers of the main results and of the tables with their notes, in the order of reading."""
    lines: list[Sequence[Piece]] = list(summary)
    for sheet in tables:
        lines.extend(cell.pieces for row in (*sheet.head, *sheet.body) for cell in row.cells)
        lines.extend(sheet.notes)
    return _kept((p.row, p.form, p.text) for line in lines for p in line if isinstance(p, Num))


def said_on(html: str, results: Results) -> list[Said]:
    """The same from a finished page, wherever on it a number of the three tables stands; both languages."""
    return _kept(
        (results.rows[row], form, text) for row, form, text in spoken(html) if row < len(results.rows)
    )


def _kept(found: Iterable[tuple[Result, str, str]]) -> list[Said]:
    """Without magnitudes: a t is set beside a published one without its sign, and is no other number for that."""
    return [
        Said(row, text)
        for row, form, text in found
        if row.table in _TABLES and row.chosen and row.value is not None and not form.startswith("a")
    ]


def own_signals(said: Sequence[Said], locked: Locked) -> list[Signal]:
    """What the audit finds in these printed numbers."""
    return audit(reported(said, locked))


def release(signals: Sequence[Signal], where: str) -> None:
    """Let the report go, or raise NumbersDisagree: no number of ours may be impossible or differ from what others imply.

    What a stated convention explains is not open (`otherwise`) and stands with its reason in the report.
    """
    wrong = [s for s in signals if s.open]
    if wrong:
        first = wrong[0]
        raise NumbersDisagree(
            f"{where}: {len(wrong)} printed numbers do not fit the others; the first is {first.where} ({first.check})",
            "The report was not released. `cohortlock audit reported.json` beside it shows each.",
        )


def reported(said: Sequence[Said], locked: Locked) -> dict[str, Any]:
    """The printed numbers in the shape of docs/audit.md, with what the protocol says of steps, direction and groups."""
    protocol = locked.protocol
    groups = [g.key for g in groups_of(locked, protocol.analysis.group).columns]
    book = _Book(protocol, groups)
    for one in said:
        book.add(one)
    return book.data()


class _Book:
    """Printed texts by place; the first printing counts, the others are held against it."""

    def __init__(self, protocol: Protocol, groups: Sequence[str]) -> None:
        self.protocol = protocol
        self.groups = groups
        self._texts: dict[tuple[str, ...], list[str]] = {}
        self._methods: dict[tuple[str, ...], str] = {}

    def add(self, one: Said) -> None:
        """Keep one printed number under its place, if the audit has one for it."""
        row = one.row
        if row.group != DIFFERENCE and row.group not in self.groups:
            return
        place = self._place(row)
        self._texts.setdefault(place, []).append(one.text)
        self._methods.setdefault(place, row.method)

    def _name(self, id_: str, timepoint: str) -> str:
        variable = next((v for v in self.protocol.variable if v.id == id_), None)
        if variable is None or not variable.at:
            return id_
        if timepoint == DELTA:
            return f"d_{id_}"
        ends = {variable.at[-1]: "t1", variable.at[0]: "t0"}
        return f"{id_}_{ends.get(timepoint, timepoint)}"

    def _place(self, row: Result) -> tuple[str, ...]:
        if row.statistic in {"count", "percent"} or (row.table == "1" and row.of):
            return ("counts", row.variable, row.group, row.statistic, row.of)
        if row.of:
            return ("r", row.variable, row.of, row.group, row.statistic)
        if row.variable == PARTICIPANTS:
            return ("n", row.group)
        name = self._name(row.variable, row.timepoint)
        if row.group != DIFFERENCE and row.statistic in {"t", "z", "p"}:
            # Table 2 may hold a rank test and Table 3 the t test of the same change: two numbers, not one twice.
            family = "t" if row.method.endswith("t test") else "z"
            return ("within", name, row.group, family, row.statistic)
        kind = "between" if row.group == DIFFERENCE else "of"
        if row.table == "3" and kind == "between" and not self._same_groups(row.variable):
            kind = "strata"
        return (kind, name, row.group, row.statistic)

    def _same_groups(self, id_: str) -> bool:
        analysis = self.protocol.analysis
        return all(c.strata == analysis.group for c in analysis.correlate if delta_of(c.x) == id_)

    # ---- one printed number ----

    def _one(self, *place: str) -> str | None:
        found = self._texts.get(place)
        return found[0] if found else None

    def _all(self, *places: tuple[str, ...]) -> list[str] | None:
        found = [self._one(*place) for place in places]
        return [text for text in found if text is not None] if None not in found else None

    def _whole(self, *place: str) -> int | None:
        text = self._one(*place)
        return None if text is None else int(text.replace(",", ""))

    # ---- the whole ----

    def data(self) -> dict[str, Any]:
        """Everything that the audit knows how to look at."""
        sizes = {g: n for g in self.groups if (n := self._whole("n", g)) is not None}
        if list(sizes) != list(self.groups):
            return {"n": sizes or {"all": 0}}
        names = list(dict.fromkeys(p[1] for p in self._texts if p[0] == "of"))
        known = {name: {g: n for g in sizes if (n := self._whole("of", name, g, "n"))} for name in names}
        found: dict[str, Any] = {
            "n": sizes,
            "n_of": {name: of for name, of in known.items() if of},
            "delta": self.protocol.outcome.delta,
            "tests": {}, "statistics": {}, "t1": {}, "t2": {},
            "within": {name: w for name in names if (w := dict(self._within(name)))},
            "quartiles": {name: q for name in names if (q := dict(self._quartiles(name)))},
            "t3": list(self._thirds()),
        }  # fmt: skip
        for name in names:
            self._levels(name, found)
        for name, counted in self._counts(found["n"], found["tests"]):
            found[f"{name}_counts" if name in _RESERVED else name] = counted
        printed = {*found["t1"], *found["t2"]}
        found["steps"] = {name: step for name, step in self._steps() if name in printed}
        found["rules"] = [
            f"{group}: {name} {limit}"
            for group, name, limit in self._rules()
            if self._all(("of", name, group, "mean"), ("of", name, group, "sd"))
        ]
        found["again"] = {
            ".".join(filter(None, place)): texts for place, texts in self._texts.items() if len(texts) > 1
        }
        return found

    def _levels(self, name: str, found: dict[str, Any]) -> None:
        """Means and SDs of one variable, its test between the groups, and the statistic."""
        pairs = [self._all(("of", name, g, "mean"), ("of", name, g, "sd")) for g in self.groups]
        if not any(pairs):
            return
        part = "t1" if name.endswith("_t0") or any(v.id == name for v in self.protocol.variable) else "t2"
        between = ("between", name, DIFFERENCE)
        p = self._one(*between, "p")
        found[part][name] = [*pairs, *([] if p is None else [p])]
        if p is None:
            return
        where = f"{part}.{name}"
        found["tests"][where] = _MEANS.get(self._methods[*between, "p"], "rank")
        for symbol in ("t", "z"):
            if (text := self._one(*between, symbol)) is not None:
                found["statistics"][where] = {symbol: text}

    def _within(self, name: str) -> Iterator[tuple[str, list[list[str]]]]:
        for group in self.groups:
            found = []
            for symbol in ("t", "z"):
                key = ("within", name, group, symbol)
                if both := self._all((*key, symbol), (*key, "p")):
                    found.append([symbol, *both])
            if found:
                yield group, found

    def _quartiles(self, name: str) -> Iterator[tuple[str, list[str]]]:
        for group in self.groups:
            if three := self._all(*(("of", name, group, s) for s in ("median", "q1", "q3"))):
                yield group, three

    def _counts(
        self, sizes: Mapping[str, int], tests: dict[str, str]
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        """Counts, percents and the test of each variable of categories; one table a category where several may hold."""
        for variable in self.protocol.variable:
            codes = [str(v.code) for v in variable.values] if variable.categorical else []
            if not codes or variable.id in safety_of(self.protocol):
                continue
            n = {
                g: self._whole("of", self._name(variable.id, variable.at[0] if variable.at else ""), g, "n")
                for g in sizes
            }
            known = {g: own if (own := n[g]) is not None else sizes[g] for g in sizes}
            for name, held in (
                [(f"{variable.id}={c}", [c]) for c in codes] if variable.many else [(variable.id, codes)]
            ):
                counted = self._table(variable.id, held, known)
                if counted is None:
                    continue
                of = held[0] if variable.many else ""
                keys = (
                    ("counts", variable.id, DIFFERENCE)
                    if of
                    else (
                        "between",
                        self._name(variable.id, variable.at[0] if variable.at else ""),
                        DIFFERENCE,
                    )
                )
                ends = (of,) if of else ()
                p = self._one(*keys, "p", *ends)
                method = self._methods.get((*keys, "p", *ends), "")
                if p is not None and method in _COUNTS:
                    counted["p"] = p
                    tests[name] = _COUNTS[method]
                    if (chi2 := self._one(*keys, "chi2", *ends)) is not None:
                        counted["chi2"] = chi2
                yield name, counted

    def _table(self, id_: str, codes: Sequence[str], known: Mapping[str, int]) -> dict[str, Any] | None:
        counted: dict[str, Any] = {}
        shares: dict[str, list[str]] = {}
        for group, n in known.items():
            held = [self._whole("counts", id_, group, "count", c) for c in codes]
            numbers = [k for k in held if k is not None]
            if len(numbers) < len(codes):
                return None
            counted[group] = [*numbers, n - numbers[0]] if len(codes) == 1 else numbers
            if printed := self._all(*(("counts", id_, group, "percent", c) for c in codes)):
                shares[group] = printed
        return {**counted, "percent": shares, "n": dict(known)}

    def _thirds(self) -> Iterator[dict[str, Any]]:
        for planned in self.protocol.analysis.correlate:
            x, y = delta_of(planned.x), delta_of(planned.y)
            if planned.method != "pearson":
                continue
            names = [f"d_{i}" if i != term else "" for i, term in ((x, planned.x), (y, planned.y))]
            third: dict[str, Any] = {"r_of": names, "n": {}}
            for group in self.groups:
                key = ("r", x, y, group)
                n, three = self._whole(*key, "n"), self._all(*((*key, s) for s in ("r", "t", "p")))
                if n is None or three is None:
                    continue
                third["n"][group] = n
                third[f"r_{group}"] = three
                if limits := self._all((*key, "ci_low"), (*key, "ci_high")):
                    third[f"ci_r_{group}"] = limits
                if (square := self._one(*key, "r2")) is not None:
                    third[f"R2_{group}"] = square
                for name in filter(None, names):
                    if limits := self._all(("of", name, group, "ci_low"), ("of", name, group, "ci_high")):
                        third[f"ci_{name}_{group}"] = limits
            yield third

    def _steps(self) -> Iterator[tuple[str, str]]:
        """In what steps each value and change was recorded."""
        for variable in self.protocol.variable:
            if variable.categorical:
                continue
            places = (*variable.at, DELTA) if variable.at else ("",)
            yield from ((self._name(variable.id, at), str(variable.step)) for at in places)

    def _rules(self) -> Iterator[tuple[str, str, str]]:
        """What everybody of a group keeps by the definition of the groups: group, printed number, limit."""
        if self.protocol.analysis.group != "responder":
            return
        rule = self.protocol.outcome.responder
        falls = self.protocol.outcome.delta == "T1 - T0"
        for test in rule.any or rule.all:
            if test.drop:
                name, limit, upward = f"d_{test.drop}", test.at_least * (-1 if falls else 1), not falls
            else:
                name, limit, upward = self._relief(test.variable), test.at_least * 100, True
                if self.protocol.outcome.relief != "(T0 - T1) / T0":
                    limit, upward = -limit, False
            # Any one test makes a responder: who is none fails each. All make one: who is one passes each.
            if rule.all or len(rule.any) == 1:
                yield "responder", name, f"{'>=' if upward else '<='} {limit}"
            if rule.any or len(rule.all) == 1:
                yield "nonresponder", name, f"{'<' if upward else '>'} {limit}"

    def _relief(self, variable: str) -> str:
        own = column(variable, kind=RELIEF)
        return own if ("of", own, self.groups[0], "mean") in self._texts else RELIEF
