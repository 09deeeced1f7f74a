"""Tables 1 to 3 as three-line tables, in one language, every number taken from the result frame."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from analysis.dataset import Locked
from analysis.groups import DIFFERENCE, Group, Groups, groups_of
from analysis.plan import DELTA, PARTICIPANTS, RELIEF, delta_of, safety_of
from analysis.report.cells import QUARTILES, Cell, Frame, Num, Piece, Quoted, Row, Sheet, Sym, Word
from analysis.report.wording import Language, label_of, method_name, say, with_unit
from extract.study.protocol import Correlation, Variable, column

__all__ = ["Writer", "head", "text"]

_SYMBOLS: Final[dict[str, tuple[str, Sym]]] = {
    "Student t test": ("t", Sym("t")),
    "Welch t test": ("t", Sym("t", "′")),
    "paired t test": ("t", Sym("t")),
    "one-sample t test": ("t", Sym("t")),
    "Mann-Whitney U test": ("z", Sym("Z")),
    "Wilcoxon signed-rank test": ("z", Sym("Z")),
    "one-way ANOVA": ("f", Sym("F")),
    "Kruskal-Wallis H test": ("h", Sym("H")),
    "Pearson chi-square": ("chi2", Sym("χ", "²")),
    "chi-square with Yates's correction": ("chi2", Sym("χ", "²")),
    "likelihood-ratio chi-square": ("chi2", Sym("G", "²")),
}
_RANKS: Final = frozenset({"Mann-Whitney U test", "Wilcoxon signed-rank test", "Kruskal-Wallis H test"})
_NONE: Final = Cell((Word("—"),))


def text(words: str, *, span: int = 1, rows: int = 1, indent: bool = False, muted: bool = False) -> Cell:
    """A cell of words."""
    return Cell((Word(words),), label=True, span=span, rows=rows, indent=indent, muted=muted)


def head(*words: str) -> Row:
    """A heading row of words."""
    return Row(tuple(text(w) for w in words))


class Writer:
    """Writes the tables of one report in one language."""

    def __init__(self, locked: Locked, frame: Frame, language: Language) -> None:
        self.locked = locked
        self.protocol = locked.protocol
        self.frame = frame
        self.language: Language = language
        self.groups: Groups = groups_of(locked, self.protocol.analysis.group)
        self.used: set[str] = set()

    def say(self, key: str) -> str:
        """The phrase in the report's language."""
        return say(key, self.language)

    def name(self, group: Group) -> str:
        """What a group is called."""
        return label_of(group.label, self.language)

    def quantity(self, variable: str, timepoint: str = "") -> str:
        """A variable with its unit, and its timepoint or Δ before it."""
        named = with_unit(self.protocol, variable, self.language)
        if not timepoint or all(v.id != variable for v in self.protocol.variable):
            return named
        return f"Δ{named}" if timepoint == DELTA else f"{timepoint} {named}"

    def group_head(self, group: Group) -> Cell:
        """``responders (n = 58)``."""
        n = self.frame.num("1", PARTICIPANTS, group.key, "", "n", "i")
        return Cell((Word(self.name(group), "name"), Word(" ("), Sym("n"), Word(" = "), n, Word(")")))

    def test(self, table: str, variable: str, group: str, timepoint: str, of: str = "") -> tuple[Cell, Cell]:
        """The chosen test's statistic and P as two cells."""
        key = (table, variable, group, timepoint)
        p = self.frame.results.find(*key, "p", of)
        if p is None or p.value is None:
            return _NONE, _NONE
        self.used.add(p.method)
        value = Cell(self.frame.marked((Num(p, "p"),)))
        if p.method not in _SYMBOLS:
            return Cell((Word(method_name(p.method, self.language)),), label=True), value
        statistic, symbol = _SYMBOLS[p.method]
        number = self.frame.num(*key, statistic, "f2", of, p.method)
        return Cell(self.frame.marked((symbol, Word(" = "), number))), value

    def by_rank(self, table: str, variable: str, group: str, timepoint: str) -> bool:
        """Whether the plan chose a rank test here."""
        p = self.frame.results.find(table, variable, group, timepoint, "p")
        return p is not None and p.method in _RANKS

    # ---- table 1 ----

    def baseline(self) -> Sheet:
        """What the groups were before."""
        body: list[Row] = []
        notes: list[tuple[Piece, ...]] = []
        for variable in self.protocol.variable:
            if variable.id in safety_of(self.protocol):
                continue
            at = variable.at[0] if variable.at else ""
            if variable.categorical:
                body.extend(self.categories("1", variable, at))
            else:
                body.extend(self._continuous(variable, at))
            notes.extend(self.incomplete("1", variable.id, at))
        first = Row((
            text(self.say("item")),
            *(self.group_head(g) for g in self.groups.columns),
            text(self.say("statistic")),
            Cell((Sym("P"),)),
        ))  # fmt: skip
        before, after = {
            "zh": ("计量资料以均数±标准差表示，不符合正态分布者加列 ", "；计数资料以例 (%) 表示。"),
            "en": ("Mean ± SD; ", " is added where the distribution is not normal; counts are n (%)."),
        }[self.language]
        how = (Word(before), *QUARTILES, Word(after), *self.two_sided())
        return self.sheet("1", "baseline", (first,), body, [how, *notes], self.quoted("1"))

    def _continuous(self, variable: Variable, at: str) -> Iterator[Row]:
        statistic, p = self.test("1", variable.id, DIFFERENCE, at)
        cells = [Cell(self.frame.mean_sd("1", variable.id, g.key, at)) for g in self.groups.columns]
        yield Row((text(self.quantity(variable.id, at)), *cells, statistic, p))
        if self.by_rank("1", variable.id, DIFFERENCE, at):
            medians = [
                Cell(self.frame.quartiles("1", variable.id, g.key, at), muted=True)
                for g in self.groups.columns
            ]
            quartiles = Cell(QUARTILES, label=True, indent=True, muted=True)
            yield Row((quartiles, *medians, Cell(), Cell()))

    def categories(self, table: str, variable: Variable, at: str) -> Iterator[Row]:
        """A heading row for the variable, then a row a category."""
        columns = self.groups.columns
        statistic, p = (Cell(), Cell()) if variable.many else self.test(table, variable.id, DIFFERENCE, at)
        counted = {"zh": "，例 (%)", "en": ", n (%)"}[self.language]
        title = text(self.quantity(variable.id, at) + counted)
        yield Row((title, *(Cell() for _ in columns), statistic, p))
        for value in variable.values:
            code = str(value.code)
            cells = []
            for group in columns:
                key = (table, variable.id, group.key, at)
                count = self.frame.num(*key, "count", "i", code)
                share = self.frame.num(*key, "percent", "c1", code)
                cells.append(Cell(self.frame.marked((count, Word(" ("), share, Word(")")))))
            tested = (
                self.test(table, variable.id, DIFFERENCE, at, code) if variable.many else (Cell(), Cell())
            )
            yield Row((text(value.zh if self.language == "zh" else value.en, indent=True), *cells, *tested))

    def incomplete(self, table: str, variable: str, at: str) -> Iterator[tuple[Piece, ...]]:
        """A note with the number known, where somebody's value is missing."""
        rows = [(g, self.frame.results.find(table, variable, g.key, at, "n")) for g in self.groups.columns]
        if all(row is None or row.value is None or row.value >= len(g.rows) for g, row in rows):
            return
        known, comma, stop = {"zh": ("：有值者 ", "，", "。"), "en": (": known in ", ", ", ".")}[
            self.language
        ]
        pieces: list[Piece] = [Word(self.quantity(variable, at) + known)]
        for place, (group, row) in enumerate(rows):
            pieces.append(Word(f"{comma if place else ''}{self.name(group)} "))
            pieces.append(Word("—") if row is None else Num(row, "i"))
        yield (*pieces, Word(stop))

    # ---- table 2 ----

    def change(self) -> Sheet:
        """Before, after and change, within groups and between them."""
        timed = [v for v in self.protocol.timed if not v.categorical]
        columns = [text(self.quantity(v.id)) for v in timed]
        first = Row((text(self.say("group")), text(self.say("time")), *columns))
        body = [row for group in self.groups.columns for row in self._group_rows(group, timed)]
        tests = [self.test("2", v.id, DIFFERENCE, DELTA) for v in timed]
        between = text(self.say("between"), rows=2)
        body.append(Row((between, text(self.say("statistic")), *(t[0] for t in tests)), rule=True))
        body.append(Row((Cell((Sym("P"),)), *(t[1] for t in tests))))
        direction = self.protocol.outcome.delta.replace("-", "−")
        how = {
            "zh": f"Δ = {direction}，负值表示下降。组内比较为治疗前后配对比较。",
            "en": f"Δ = {direction}: negative is a fall. Within groups the comparison is paired.",
        }[self.language]
        notes = [n for v in timed for at in (*v.at, DELTA) for n in self.incomplete("2", v.id, at)]
        if self.protocol.outcome.delta != "T1 - T0":
            how = how.replace("负值", "正值").replace("negative", "positive")
        return self.sheet(
            "2", "change", (first,), body, [(Word(how), *self.two_sided()), *notes], self.quoted("2")
        )

    def _group_rows(self, group: Group, timed: Sequence[Variable]) -> Iterator[Row]:
        points = [at for at in self.protocol.timepoints if any(at in v.at for v in timed)]
        lines: list[tuple[Cell, list[Cell]]] = [
            (text(at), [self._level(v, group, at) for v in timed]) for at in points
        ]
        lines.append((text("Δ"), [Cell(self.frame.mean_sd("2", v.id, group.key, DELTA)) for v in timed]))
        ranked = [self.by_rank("2", v.id, group.key, DELTA) for v in timed]
        if any(ranked):
            cells = [
                Cell(self.frame.quartiles("2", v.id, group.key, DELTA), muted=True) if rank else Cell()
                for v, rank in zip(timed, ranked, strict=True)
            ]
            lines.append((Cell((Word("Δ "), *QUARTILES), label=True, muted=True), cells))
        relief = [self._relief(v, group) for v in timed]
        if any(cell.pieces for cell in relief):
            lines.append((text({"zh": "缓解率/%", "en": "Relief (%)"}[self.language]), relief))
        tests = [self.test("2", v.id, group.key, DELTA) for v in timed]
        lines.append((text(self.say("statistic")), [t[0] for t in tests]))
        lines.append((Cell((Sym("P"),)), [t[1] for t in tests]))
        title = self.group_head(group)
        for place, (label, cells) in enumerate(lines):
            lead = (Cell(title.pieces, label=False, rows=len(lines)),) if place == 0 else ()
            yield Row((*lead, label, *cells), rule=place == 0 and group.key != self.groups.everyone.key)

    def _level(self, variable: Variable, group: Group, at: str) -> Cell:
        return Cell(self.frame.mean_sd("2", variable.id, group.key, at)) if at in variable.at else _NONE

    def _relief(self, variable: Variable, group: Group) -> Cell:
        own = column(variable.id, kind=RELIEF)
        if not self.locked.has(own):
            return Cell()
        found = next(
            (i for i in (RELIEF, own) if self.frame.results.find("2", i, group.key, DELTA, "mean")), None
        )
        return Cell(self.frame.mean_sd("2", found, group.key, DELTA, "c100")) if found else Cell()

    # ---- table 3 ----

    def correlation(self) -> Sheet:
        """Correlation of changes, overall and by stratum."""
        body = [row for planned in self.protocol.analysis.correlate for row in self._planned(planned)]
        ranked = {c.method for c in self.protocol.analysis.correlate} - {"pearson"}
        errors = {"spearman": "Bonett-Wright", "kendall": "Fieller"}
        named = ", ".join(f"{m.capitalize()}: {errors[m]}" for m in sorted(ranked))
        spread_zh, spread_en = (f"（标准误 {named}）", f" (standard error {named})") if named else ("", "")
        first = Row((
            text(self.say("group")),
            text(self.say("item")),
            text(self.say("value")),
            text(self.say("statistic")),
            Cell((Sym("P"),)),
        ))  # fmt: skip
        how = {
            "zh": f"相关系数的置信区间由 Fisher z 变换得到{spread_zh}；均数的置信区间由 t 分布得到。",
            "en": f"The interval of the correlation is by Fisher's z{spread_en}, that of the mean by t.",
        }[self.language]
        return self.sheet(
            "3", "correlation", (first,), body, [(Word(how), *self.two_sided())], self.quoted("3")
        )

    def _planned(self, planned: Correlation) -> Iterator[Row]:
        strata = groups_of(self.locked, planned.strata or "")
        x, y = delta_of(planned.x), delta_of(planned.y)
        for group in strata.columns:
            lines: list[tuple[Cell, Cell, Cell, Cell]] = []
            for term, id_ in ((planned.x, x), (planned.y, y)):
                lines.extend(self._side(group, id_, DELTA if id_ != term else ""))
            lines.extend(self._r(group, planned, x, y))
            n = self.frame.num("3", x, group.key, DELTA if x != planned.x else "", "n", "i")
            title = Cell(
                (Word(self.name(group), "name"), Word(" ("), Sym("n"), Word(" = "), n, Word(")")),
                rows=len(lines),
            )
            for place, line in enumerate(lines):
                yield Row(
                    (*((title,) if place == 0 else ()), *line),
                    rule=place == 0 and group.key != strata.everyone.key,
                )
        at = DELTA if x != planned.x else ""
        if strata.levels:
            statistic, p = self.test("3", x, DIFFERENCE, at)
            label = text(self.say("between_groups"))
            yield Row((label, text(self.quantity(x, at)), _NONE, statistic, p), rule=True)

    def _side(self, group: Group, id_: str, at: str) -> Iterator[tuple[Cell, Cell, Cell, Cell]]:
        key = ("3", id_, group.key, at)
        statistic, p = self.test(*key)
        yield text(self.quantity(id_, at)), Cell(self.frame.mean_sd(*key)), statistic, p
        low, high = (self.frame.num(*key, name, "f2") for name in ("ci_low", "ci_high"))
        interval = self.frame.marked((Word("("), low, Word(", "), high, Word(")")))
        yield text(self.say("interval"), indent=True), Cell(interval), Cell(), Cell()

    def _r(
        self, group: Group, planned: Correlation, x: str, y: str
    ) -> Iterator[tuple[Cell, Cell, Cell, Cell]]:
        key = ("3", x, group.key, DELTA if x != planned.x else "")
        of = y
        symbol = Sym({"pearson": "r", "spearman": "ρ", "kendall": "τ"}[planned.method])
        r = self.frame.num(*key, "r", "f2", of)
        own, statistic = (Sym("Z"), "z") if planned.method == "kendall" else (Sym("t"), "t")
        t = self.frame.marked((own, Word(" = "), self.frame.num(*key, statistic, "f2", of)))
        p = Cell(self.frame.marked((self.frame.num(*key, "p", "p", of),)))
        words = f"{self.say(planned.method)} "
        pairs = self.frame.num(*key, "n", "i", of)
        label = Cell((Word(words), symbol, Word(" ("), Sym("n"), Word(" = "), pairs, Word(")")), label=True)
        yield label, Cell(self.frame.marked((r,))), Cell(t), p
        low, high = (self.frame.num(*key, name, "f2", of) for name in ("ci_low", "ci_high"))
        yield (
            text(self.say("interval"), indent=True),
            Cell(self.frame.marked((Word("("), low, Word(", "), high, Word(")")))),
            Cell(),
            Cell(),
        )
        if planned.method != "pearson":
            return
        square = self.frame.marked((self.frame.num(*key, "r2", "f2", of),))
        yield Cell((Word(f"{self.say('r2')} "), Sym("R", "²")), label=True), Cell(square), Cell(), Cell()

    # ---- what all share ----

    def two_sided(self) -> tuple[Piece, ...]:
        """The note that P is two-sided."""
        gap, words = {"zh": ("", " 为双侧。"), "en": (" ", " is two-sided.")}[self.language]
        return (Word(gap), Sym("P"), Word(words))

    def quoted(self, table: str) -> list[tuple[Piece, ...]]:
        """One note that lists what was printed otherwise elsewhere, mean and SD together."""
        results = self.frame.results
        seen: dict[tuple[str, str, str, str], list[Piece]] = {}
        places: dict[tuple[str, str, str, str], list[str]] = {}
        for printed in results.printed:
            if printed.row is None or results.rows[printed.row].table != table:
                continue
            row = results.rows[printed.row]
            kind = "level" if row.statistic in {"mean", "sd"} else row.statistic
            key = (row.variable, row.group, row.timepoint, f"{kind}/{row.of}")
            pieces = seen.setdefault(key, [])
            if row.statistic == "sd" and pieces:
                pieces.append(Word(" ± "))
            elif kind in {"t", "z", "r", "p", "f", "h"}:
                pieces.extend(
                    (
                        Sym(kind.upper() if kind in "pzfh" else kind),
                        Word(" = " if printed.text[0] not in "<>" else " "),
                    )
                )
            elif row.statistic in {"ci_low", "ci_high", "r2"}:
                pieces.extend(
                    (Sym("R", "²"), Word(" = "))
                    if row.statistic == "r2"
                    else (Word(f"{self.say('interval')}{_BOUND[row.statistic][self.language]} "),)
                )
            pieces.append(Quoted(printed.key, printed.text.replace("-", "−")))
            if not printed.agrees:
                places.setdefault(key, []).append(printed.key)
        items: list[Piece] = []
        for key in places:
            variable, group, timepoint, kind = key
            who = next(
                (self.name(g) for g in self.groups.columns if g.key == group), self.say("between_groups")
            )
            of = kind.split("/")[1]
            what = self.quantity(variable, timepoint)
            if of and kind.split("/")[0] != "count":
                what += f"~Δ{with_unit(self.protocol, of, self.language)}"
            comma, colon, stop = ("，", "：", "；") if self.language == "zh" else (", ", ": ", "; ")
            items.extend((Word((stop if items else "") + what + comma + who + colon), *seen[key]))
        if not items:
            return []
        opening = {"zh": "† 已发表论文所印数字与此处不同，印作——", "en": "† The published paper prints: "}[
            self.language
        ]
        return [(Word(opening), *items, Word("。" if self.language == "zh" else "."))]

    def sheet(
        self,
        name: str,
        caption: str,
        first: tuple[Row, ...],
        body: Sequence[Row],
        notes: Sequence[tuple[Piece, ...]],
        quoted: Sequence[tuple[Piece, ...]] = (),
    ) -> Sheet:
        """A table with captions in both languages."""
        captions = {lang: f"{say('table', lang)}{name}" for lang in ("zh", "en")}
        other: Language = "en" if self.language == "zh" else "zh"
        gap = {"zh": "　", "en": "\N{EN SPACE}"}
        own = f"{captions[self.language]}{gap[self.language]}{say(caption, self.language)}"
        twin = f"{captions[other]}{gap[other]}{say(caption, other)}"
        return Sheet(name, own, twin, first, tuple(body), (*notes, *quoted))


_BOUND: Final[dict[str, dict[Language, str]]] = {
    "ci_low": {"zh": "下限", "en": ", lower"},
    "ci_high": {"zh": "上限", "en": ", upper"},
}
