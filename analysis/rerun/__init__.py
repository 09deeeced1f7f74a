"""The analysis once more in R: a script that computes the report's tests from the exported CSV, by R's own functions.

The script is written from the result frame, one line a test, so it repeats what really ran and nothing else.
``Rscript rerun.R data.csv out.csv`` writes one row a number under the frame's keys.

Not repeated: what is drawn at random (bootstrap, imputation), exact P of rank tests (R has none with ties), Firth, Lilliefors and the pairwise tests (not in base R), effects,
Holm's and Benjamini-Hochberg's P, the comparison of two strata's r.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Final

from analysis.dataset import Locked
from analysis.groups import ALL, DIFFERENCE, groups_of
from analysis.model import MODEL, OUTCOME, columns_of
from analysis.rerun.columns import column_of, partner_of
from analysis.results import MEAN_INTERVAL, Result, Results
from analysis.sensitivity import GIVEN_FIRST, LEFT_OUT, subgroups_of
from analysis.terms import DELTA
from extract.study.protocol import column

__all__ = ["STATISTICS", "script", "write_script"]

STATISTICS: Final = frozenset(
    [
        *(
            "n",
            "mean",
            "sd",
            "median",
            "q1",
            "q3",
            "ci_low",
            "ci_high",
            "t",
            "df",
            "df2",
            "p",
            "p_slopes",
            "z",
            "u",
            "f",
        ),
        *("h", "chi2", "expected_min", "estimate", "r", "r2", "slope", "intercept", "r_least", "r_greatest"),
        *("b", "odds_ratio", "vif", "events", "epv", "c"),
    ]
)
"""The statistics that the script gives; it says nothing of the others."""
_KINDS: Final = {"Pearson": "pearson", "Spearman": "spearman", "Kendall": "kendall"}

_OF_ONE: Final = {
    "arithmetic mean": "level",
    MEAN_INTERVAL: "mean_interval",
    "Shapiro-Wilk": "normal",
    "Wilcoxon signed-rank test": "signed_rank",
}


def write_script(locked: Locked, results: Results, path: Path) -> None:
    """Write the script beside the report."""
    path.write_text(script(locked, results), encoding="utf-8")


def script(locked: Locked, results: Results) -> str:
    """The whole script as text."""
    study = locked.protocol.study
    functions = (files("analysis.rerun") / "functions.R").read_text(encoding="utf-8")
    body = "\n".join(dict.fromkeys(_lines(locked, results)))
    return (
        f"# {study.id} {locked.version}: the report's tests once more, by R.\n"
        f"# Content hash {locked.logical_hash}\n"
        "# cohortlock export SNAPSHOT --out DIR --format csv; Rscript rerun.R DIR/data.csv again.csv\n\n"
        'given <- commandArgs(TRUE)\nd <- read.csv(given[1], fileEncoding = "UTF-8-BOM", na.strings = "")\n\n'
        f"{functions}\n# ---- who ----\n\n{_who(locked)}\n\n# ---- the tests, in the order of the report ----\n\n{body}\n\n"
        'found$value <- formatC(found$value, digits = 17, format = "g")\n'
        "write.csv(found, if (length(given) > 1) given[2] else stdout(), row.names = FALSE)\n"
    )


def _named(key: str) -> str:
    """A group's key as R spells it."""
    return f"g[[{_quoted(key)}]]"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _who(locked: Locked) -> str:
    """Row numbers of everybody, of each group and of each subgroup."""
    plan = locked.protocol.analysis
    lines = ["g <- list()", f"{_named(ALL)} <- seq_len(nrow(d))"]
    for by in dict.fromkeys((plan.group, *(c.strata for c in plan.correlate if c.strata))):
        for group in groups_of(locked, by).levels:
            code = {"responder": "1", "nonresponder": "0"}.get(group.key, group.key.partition("=")[2])
            lines.append(f"{_named(group.key)} <- which(d${by} == {code})")
    for name, group in subgroups_of(locked):
        if "=" in group.key:
            variable = locked.protocol.variable_named(name)
            own = column(name, variable.at[0] if variable.at else None)
            lines.append(
                f"{_named(group.key)} <- which(holds(d${own}, {_quoted(group.key.partition('=')[2])}))"
            )
    return "\n".join(lines)


def _column(locked: Locked, variable: str, timepoint: str) -> str:
    """The dataset's column of a variable at a timepoint, in R."""
    return f"d${column_of(locked, variable, timepoint)}"


def _lines(locked: Locked, results: Results) -> Iterator[str]:
    levels = [g.key for g in groups_of(locked, locked.protocol.analysis.group).levels if g.rows]
    for row in results.rows:
        if (
            row.table in {"flow", "missing", "agreement", "imputed"}
            or row.variable == "participants"
            or row.statistic not in STATISTICS
        ):
            continue
        yield from _line(locked, row, levels)


def _line(locked: Locked, row: Result, levels: list[str]) -> Iterator[str]:
    key = (
        "c("
        + ", ".join(_quoted(k) for k in (row.table, row.variable, row.group, row.timepoint, row.of))
        + ")"
    )
    variable = next((v for v in locked.protocol.variable if v.id == row.variable), None)
    if row.table == "limits":
        yield from _limit(locked, row, key)
    elif row.table == "model":
        yield from _model(locked, row, key)
    elif variable is not None and variable.categorical:
        if row.group == DIFFERENCE and row.statistic == "p":
            yield _counts(locked, row, key, levels)
    elif row.group == DIFFERENCE:
        yield from _between(locked, row, key, _column(locked, row.variable, row.timepoint), levels)
    elif row.of:
        yield from _together(locked, row, key)
    else:
        yield from _alone(locked, row, key)


def _within(row: Result) -> str:
    """A group by its name; the participants of another window by their rows."""
    if " on days " in row.method:
        return "c(" + ", ".join(str(i + 1) for i in row.rows) + ")"
    return _named(row.group)


def _model(locked: Locked, row: Result, key: str) -> Iterator[str]:
    """The logistic model by glm; base R has no Firth, so a penalised model is not repeated."""
    columns = columns_of(locked, locked.protocol.analysis.predictors)
    given = []
    for place, one in enumerate(columns, start=1):
        own = f"d${column(one.variable.id, one.timepoint or None)}"
        given.append(f"x{place} = as.numeric({own} == {one.code})" if one.code else f"x{place} = {own}")
    yield f"response <- response_model(d${OUTCOME}, data.frame({', '.join(given)}))"
    if row.variable == MODEL:
        yield f"model_overall({key}, {_quoted(row.method)}, response, {_quoted(row.statistic)})"
        return
    place = next(i for i, c in enumerate(columns, 1) if (c.variable.id, c.code) == (row.variable, row.of))
    if row.method.startswith("variance inflation"):
        yield f"inflation({key}, {_quoted(row.method)}, response, {place})"
    elif "Wald" in row.method:
        yield f"coefficient({key}, {_quoted(row.method)}, response, {place})"


def _together(locked: Locked, row: Result, key: str) -> Iterator[str]:
    """Two columns in one group."""
    who = _within(row)
    both = f"{_column(locked, row.variable, row.timepoint)}[{who}], {_partner(locked, row)}[{who}]"
    kind = _KINDS.get(row.method.partition(" ")[0])
    if row.method.endswith(LEFT_OUT):
        yield f"left_out({key}, {_quoted(row.method)}, {both})"
    elif kind and row.value is not None:
        yield f"correlate({key}, {_quoted(row.method)}, {both}, {_quoted(kind)})"
    elif row.method.startswith("least squares line"):
        yield f"fitted_line({key}, {_quoted(row.method)}, {both})"


def _alone(locked: Locked, row: Result, key: str) -> Iterator[str]:
    """One column in one group."""
    values = f"{_column(locked, row.variable, row.timepoint)}[{_named(row.group)}]"
    if row.method in _OF_ONE:
        yield f"{_OF_ONE[row.method]}({key}, {values})"
    elif row.method in {"paired t test", "one-sample t test"}:
        yield f"one_t({key}, {_quoted(row.method)}, {values})"


def _partner(locked: Locked, row: Result) -> str:
    """The other side of a correlation, from the plan."""
    return f"d${partner_of(locked, row)}"


def _samples(own: str, levels: list[str]) -> str:
    return "list(" + ", ".join(f"{own}[{_named(k)}]" for k in levels) + ")"


def _between(locked: Locked, row: Result, key: str, own: str, levels: list[str]) -> Iterator[str]:
    if row.method == "analysis of covariance":
        variable = locked.protocol.variable_named(row.variable)
        first, last = (_column(locked, row.variable, at) for at in (variable.at[0], variable.at[-1]))
        both = ", ".join(f"list({first}[{_named(k)}], {last}[{_named(k)}])" for k in levels)
        yield f"covariance({key}, list({both}))"
    elif row.method.startswith("Levene"):
        yield f"levene({key}, {_samples(own, levels)})"
    elif row.method in {"one-way ANOVA", "Kruskal-Wallis H test"}:
        yield f"several({key}, {_samples(own, levels)})"
    elif row.method in {"Student t test", "Welch t test"} and not row.of:
        equal = "TRUE" if row.method.startswith("Student") else "FALSE"
        yield f"two_t({key}, {_quoted(row.method)}, {', '.join(f'{own}[{_named(k)}]' for k in levels)}, {equal})"
    elif row.method == "Mann-Whitney U test":
        yield f"mann_whitney({key}, {', '.join(f'{own}[{_named(k)}]' for k in levels)})"


def _counts(locked: Locked, row: Result, key: str, levels: list[str]) -> str:
    """Categories by groups; of a variable with several codes, having a code by not having it."""
    variable = locked.protocol.variable_named(row.variable)
    own = column(row.variable, row.timepoint or None)
    columns = []
    for level in levels:
        known = f"na.omit(d${own}[{_named(level)}])"
        if variable.many:
            columns.append(f"table(factor(holds({known}, {_quoted(row.of)}), c(TRUE, FALSE)))")
        else:
            codes = ", ".join(str(v.code) for v in variable.values)
            columns.append(f"table(factor({known}, c({codes})))")
    return f"counts({key}, cbind({', '.join(columns)}))"


def _limit(locked: Locked, row: Result, key: str) -> Iterator[str]:
    """The correlations behind the table of limits."""
    if row.statistic != "r" or row.value is None:
        return
    change = f"d${column(row.variable, kind=DELTA)}"
    if row.method == GIVEN_FIRST:
        ids = dict.fromkeys((row.variable, row.of))
        starts = [f"d${column(i, locked.protocol.variable_named(i).at[0])}" for i in ids]
        given = ", ".join(f"s{i} = {s}" for i, s in enumerate(starts))
        yield f"partial({key}, {_quoted(row.method)}, {change}, {_partner(locked, row)}, data.frame({given}))"
    elif row.method.startswith("Pearson"):
        variable = locked.protocol.variable_named(row.variable)
        first, last = (f"d${column(row.variable, at)}" for at in (variable.at[0], variable.at[-1]))
        side = first if row.timepoint else f"{first} + {last}"
        yield f'correlate({key}, {_quoted(row.method)}, {side}, {change}, "pearson")'
