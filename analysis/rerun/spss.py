"""The analysis once more in SPSS: syntax that runs the report's tests on the exported ``.sav``; PSPP runs it too.

Each command stands under an ECHO of the frame's key, ``kind|table|variable|group|timepoint|of``, so that what it prints
can be held against the frame number by number.  Where SPSS has a command that PSPP lacks (NONPAR CORR, PARTIAL CORR,
UNIANOVA) the same numbers come from commands both have: Spearman's r as Pearson's of ranks, the partial correlation's
t and the analysis of covariance from REGRESSION.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from analysis.dataset import Locked
from analysis.groups import ALL, DIFFERENCE, Group, groups_of
from analysis.model import MODEL, OUTCOME, columns_of
from analysis.rerun.columns import column_of, partner_of
from analysis.results import Result, Results
from analysis.sensitivity import GIVEN_FIRST, subgroups_of
from analysis.terms import DELTA, delta_of
from extract.study.protocol import Variable, column
from validate.lock.export.spss import spss_names

__all__ = ["syntax", "write_syntax"]

_BOM: Final = "\ufeff"
_OUTSIDE: Final = frozenset({"flow", "missing", "agreement", "imputed"})
_REGRESSION: Final = (
    "REGRESSION /VARIABLES={y} {x} /STATISTICS=COEFF R ANOVA CI(95) /DEPENDENT={y} /METHOD=ENTER."
)


def write_syntax(locked: Locked, results: Results, path: Path) -> None:
    """Write the syntax beside the report."""
    path.write_text(_BOM + syntax(locked, results), encoding="utf-8")


def syntax(locked: Locked, results: Results) -> str:
    """The whole syntax as text."""
    study = locked.protocol.study
    body = "\n".join(dict.fromkeys(_Syntax(locked).blocks(results)))
    return (
        f"* {study.id} {locked.version}: the tests of the report once more, by SPSS or PSPP.\n"
        f"* Content hash {locked.logical_hash}.\n"
        "* cohortlock export SNAPSHOT --out DIR --format sav, then run this in DIR.\n\n"
        "GET FILE='data.sav'.\nSET FORMAT=F20.6.\n\n"
        f"{body}\n"
    )


class _Syntax:
    """Writes commands for one dataset; numbers the columns that it computes."""

    def __init__(self, locked: Locked) -> None:
        self.locked = locked
        self.protocol = locked.protocol
        self.names = dict(spss_names(locked.table.column_names))
        self._made = 0
        plan = self.protocol.analysis
        self._who: dict[str, str] = {}
        for by in dict.fromkeys((plan.group, *(c.strata for c in plan.correlate if c.strata))):
            for group in groups_of(locked, by).levels:
                self._who[group.key] = f"{self.names[by]} = {self._code(group)}"
        for name, group in subgroups_of(locked):
            if "=" in group.key:
                variable = self.protocol.variable_named(name)
                own = self.names[column(name, variable.at[0] if variable.at else None)]
                self._who[group.key] = self._holds(variable, own, group.key.partition("=")[2])

    @staticmethod
    def _code(group: Group) -> str:
        return {"responder": "1", "nonresponder": "0"}.get(group.key, group.key.partition("=")[2])

    @staticmethod
    def _holds(variable: Variable, own: str, code: str) -> str:
        if not variable.many:
            return f"{own} = {code}"
        return f"INDEX(CONCAT(';', RTRIM({own}), ';'), ';{code};') > 0"

    def _fresh(self) -> str:
        while True:
            self._made += 1
            name = f"again_{self._made}"
            if name not in self.names.values():
                return name

    def _own(self, variable: str, timepoint: str) -> str:
        return self.names[column_of(self.locked, variable, timepoint)]

    def _in(self, group: str) -> str:
        """The selection before a command; TEMPORARY ends with the next procedure."""
        return "" if group == ALL else f"TEMPORARY.\nSELECT IF ({self._who[group]}).\n"

    def blocks(self, results: Results) -> Iterator[str]:
        """One block of commands a test, in the order of the report."""
        done: set[tuple[str, ...]] = set()
        for row in results.rows:
            if row.table in _OUTSIDE or row.variable == "participants" or row.value is None:
                continue
            for kind, commands in self._commands(row):
                # Levels and counts hold several methods under one key: asked once.
                key = (kind, row.table, row.variable, row.group, row.timepoint, row.of)
                if key not in done:
                    done.add(key)
                    yield f"ECHO '{'|'.join(key)}'.\n{commands}"

    def _commands(self, row: Result) -> Iterator[tuple[str, str]]:
        variable = next((v for v in self.protocol.variable if v.id == row.variable), None)
        if row.table == "limits":
            yield from self._limit(row)
        elif row.table == "model":
            yield from self._model(row)
        elif variable is not None and variable.categorical:
            if row.group == DIFFERENCE and row.statistic == "p":
                yield self._counts(variable, row)
        elif row.group == DIFFERENCE:
            yield from self._between(row)
        elif row.of:
            yield from self._together(row)
        else:
            yield from self._alone(row)

    def _alone(self, row: Result) -> Iterator[tuple[str, str]]:
        own, who = self._own(row.variable, row.timepoint), self._in(row.group)
        if row.method in {"arithmetic mean", "Shapiro-Wilk"}:
            yield (
                "level",
                f"{who}EXAMINE VARIABLES={own} /STATISTICS=DESCRIPTIVES /PERCENTILES(25, 50, 75)=HAVERAGE /PLOT=NPPLOT.",
            )
        elif row.method in {"paired t test", "one-sample t test"}:
            yield "one_t", f"{who}T-TEST /TESTVAL=0 /VARIABLES={own}."
        elif row.method == "Wilcoxon signed-rank test":
            yield "signed_rank", self._signed(row.variable, who)

    def _signed(self, variable: str, who: str) -> str:
        """In whole steps: of tenths as doubles, 2.9 - 2.8 and 0.3 - 0.2 would not tie."""
        found = self.protocol.variable_named(variable)
        whole = [self._fresh(), self._fresh()]
        made = "".join(
            f"COMPUTE {new} = RND({self._own(variable, at)} / {found.step}).\n"
            for new, at in zip(whole, (found.at[0], found.at[-1]), strict=True)
        )
        return f"{made}{who}NPAR TESTS /WILCOXON={whole[0]} WITH {whole[1]} (PAIRED)."

    def _levels(self, row: Result) -> tuple[str, list[str]]:
        """The grouping column and its codes in the order of the columns."""
        by = self.protocol.analysis.group
        if row.table in {"3", "limits"}:
            by = next(
                (
                    c.strata
                    for c in self.protocol.analysis.correlate
                    if delta_of(c.x) == row.variable and c.strata
                ),
                by,
            )
        return self.names[by], [self._code(g) for g in groups_of(self.locked, by).levels if g.rows]

    def _between(self, row: Result) -> Iterator[tuple[str, str]]:
        by, codes = self._levels(row)
        own = self._own(row.variable, row.timepoint)
        if row.method == "analysis of covariance":
            yield from self._covariance(row, by, codes)
        elif row.of or len(codes) < 2:
            return
        elif row.method in {"Student t test", "Welch t test"}:
            yield "two_t", f"T-TEST GROUPS={by}({codes[0]}, {codes[1]}) /VARIABLES={own}."
        elif row.method == "Mann-Whitney U test":
            yield "mann_whitney", f"NPAR TESTS /MANN-WHITNEY={own} BY {by}({codes[0]}, {codes[1]})."
        elif row.method.startswith("Levene") or row.method == "one-way ANOVA":
            yield "several", f"ONEWAY {own} BY {by} /STATISTICS=HOMOGENEITY."
        elif row.method == "Kruskal-Wallis H test":
            least, most = min(codes, key=int), max(codes, key=int)
            yield "kruskal", f"NPAR TESTS /KRUSKAL-WALLIS={own} BY {by}({least}, {most})."

    def _covariance(self, row: Result, by: str, codes: Sequence[str]) -> Iterator[tuple[str, str]]:
        """Of two groups: a dummy for the first, then its product with the first value for the slopes."""
        if len(codes) != 2:
            return
        points = self.protocol.variable_named(row.variable).at
        first, last = (self._own(row.variable, at) for at in (points[0], points[-1]))
        dummy, product = self._fresh(), self._fresh()
        yield (
            "covariance",
            f"COMPUTE {dummy} = ({by} = {codes[0]}).\n" + _REGRESSION.format(y=last, x=f"{first} {dummy}"),
        )
        yield (
            "slopes",
            f"COMPUTE {product} = {dummy} * {first}.\n"
            + _REGRESSION.format(y=last, x=f"{first} {dummy} {product}"),
        )

    def _counts(self, variable: Variable, row: Result) -> tuple[str, str]:
        by, _ = self._levels(row)
        own = self._own(row.variable, row.timepoint)
        made = ""
        if variable.many:
            text, own = own, self._fresh()
            made = (
                f"COMPUTE {own} = ({self._holds(variable, text, row.of)}).\n"
                f"IF (RTRIM({text}) = '') {own} = $SYSMIS.\n"
            )
        return "counts", f"{made}CROSSTABS {own} BY {by} /STATISTICS=CHISQ /CELLS=COUNT COLUMN EXPECTED."

    def _together(self, row: Result) -> Iterator[tuple[str, str]]:
        x, y = self._own(row.variable, row.timepoint), self.names[partner_of(self.locked, row)]
        who = self._in(row.group)
        if " on days " in row.method:
            # The participants of another window, by their rows.
            listed = ", ".join(str(i + 1) for i in row.rows)
            yield (
                "window",
                f"TEMPORARY.\nSELECT IF ANY($CASENUM, {listed}).\nCORRELATIONS {x} {y} /PRINT=TWOTAIL SIG.",
            )
        elif row.method.startswith("Pearson correlation with"):
            yield "correlate", f"{who}CORRELATIONS {x} {y} /PRINT=TWOTAIL SIG."
        elif row.method.startswith("least squares line"):
            yield "fitted_line", who + _REGRESSION.format(y=y, x=x)
        elif row.method.startswith("Spearman"):
            yield "ranked", self._ranked(row, x, y)

    def _model(self, row: Result) -> Iterator[tuple[str, str]]:
        """The logistic model, once for each coefficient's key; SPSS has no Firth, so a penalised one is not repeated."""
        if row.variable == MODEL or row.statistic != "b" or "Wald" not in row.method:
            return
        made, names, own = "", [], ""
        for one in columns_of(self.locked, self.protocol.analysis.predictors):
            name = self._own(one.variable.id, one.timepoint)
            if one.code:
                made += f"COMPUTE {(dummy := self._fresh())} = ({name} = {one.code}).\n"
                name = dummy
            names.append(name)
            if (one.variable.id, one.code) == (row.variable, row.of):
                own = name
        others = [n for n in names if n != own]
        listed = " ".join((own, *others))
        # Its own coefficient stands first.
        command = f"LOGISTIC REGRESSION VARIABLES={self.names[OUTCOME]} WITH {listed} /PRINT=CI(95)"
        yield "logistic", f"{made}{command} /CRITERIA=BCON(0.0000001) LCON(0) ITERATE(50)."

    def _ranked(self, row: Result, x: str, y: str) -> str:
        """Ranks of the complete pairs of one group, then their Pearson correlation."""
        pair, ranks = (self._fresh(), self._fresh()), (self._fresh(), self._fresh())
        condition = f"NOT MISSING({x}) AND NOT MISSING({y})"
        if row.group != ALL:
            condition += f" AND {self._who[row.group]}"
        made = "\n".join(f"IF ({condition}) {new} = {old}." for new, old in zip(pair, (x, y), strict=True))
        ranked = "\n".join(
            f"RANK VARIABLES={old} /RANK INTO {new} /PRINT=NO /TIES=MEAN."
            for new, old in zip(ranks, pair, strict=True)
        )
        return f"{made}\n{ranked}\nCORRELATIONS {ranks[0]} {ranks[1]} /PRINT=TWOTAIL SIG."

    def _limit(self, row: Result) -> Iterator[tuple[str, str]]:
        """The correlations behind the table of limits."""
        if row.statistic != "r":
            return
        change = self.names[column(row.variable, kind=DELTA)]
        if row.method == GIVEN_FIRST:
            ids = dict.fromkeys((row.variable, row.of))
            given = [self.names[column(i, self.protocol.variable_named(i).at[0])] for i in ids]
            other = self.names[partner_of(self.locked, row)]
            yield "partial", _REGRESSION.format(y=other, x=" ".join((change, *given)))
        elif row.method.startswith("Pearson"):
            points = self.protocol.variable_named(row.variable).at
            first, last = (self.names[column(row.variable, at)] for at in (points[0], points[-1]))
            if row.timepoint:
                yield "correlate", f"CORRELATIONS {first} {change} /PRINT=TWOTAIL SIG."
            else:
                made = self._fresh()
                yield (
                    "correlate",
                    f"COMPUTE {made} = {first} + {last}.\nCORRELATIONS {made} {change} /PRINT=TWOTAIL SIG.",
                )
