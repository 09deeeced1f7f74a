"""Audit of published numbers: what a paper's own means, SDs, n, r and P imply, each with its rounding interval.

A printed 8.42 is anything in [8.415, 8.425]; every recomputation is carried through that box, and a signal says only
whether the two intervals can meet.  Signals are questions to an author, never accusations.  Our own report goes through
the same before it is released (``analysis.report.own``).

The file is JSON: ``n`` (size per group, overall first), ``t1`` and ``t2`` (variable -> [mean, SD] per group in that
order, then perhaps P; ``name_t0``, ``name_t1``, ``d_name`` belong together), other objects of counts per group with
``p``, ``steps`` (variable -> the step it is recorded in), ``rules`` (``"group: variable >= 3"``, which members of a
group keep), and ``t3`` with ``r_group`` = [r, t, P], ``R2``, ``t_d_name_group``, ``t_ind_d_name``, ``ci_d_name_group``.
docs/audit.md lists the rest.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

from analysis.granular import beyond, grim, grimmer, rule
from analysis.interval import Interval
from analysis.published_changes import correlation, deltas, of_statistic, within
from analysis.published_groups import counts, group_test, overall
from analysis.published_signal import Level, Signal, Tables, Verdict, compared, levels
from analysis.published_text import rules_beside
from analysis.witness import Decision, decide
from extract.errors import NotFound

__all__ = ["Interval", "Signal", "audit", "audit_file", "decide_file"]

_PARTS: Final = ("t1", "t2")
_NO_TEST_OF_MEANS: Final = "rank"


def audit_file(path: Path, rules: Sequence[str] = (), steps: Mapping[str, str] | None = None) -> list[Signal]:
    """Audit the JSON file, with ``rules`` and ``steps`` added to its own and the rules of the paper's text beside it.

    Raises NotFound when it cannot be read.
    """
    with _shape(path):
        return audit(_numbers_of(path, rules, steps or {}, {}))


def decide_file(
    path: Path, steps: Mapping[str, str] | None = None, ranges: Mapping[str, Sequence[str]] | None = None
) -> Decision:
    """Data that have the file's numbers, or proofs that none can. Raises NotFound when it cannot be read."""
    with _shape(path):
        return decide(_numbers_of(path, (), steps or {}, ranges or {}))


def _numbers_of(
    path: Path, rules: Sequence[str], steps: Mapping[str, str], ranges: Mapping[str, Sequence[str]]
) -> dict[str, Any]:
    data = json.loads(path.read_text(encoding="utf-8"))
    more = {
        "rules": list(dict.fromkeys([*data.get("rules", ()), *rules, *rules_beside(path, data)])),
        "steps": {**data.get("steps", {}), **steps},
        "ranges": {**data.get("ranges", {}), **ranges},
    }
    return {**data, **more}


@contextmanager
def _shape(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError, ZeroDivisionError) as error:
        raise NotFound(
            f"{path}: is no file of printed numbers ({type(error).__name__})",
            "docs/audit.md shows the shape of the file.",
        ) from None


def audit(data: Mapping[str, Any]) -> list[Signal]:
    """Every check that the printed numbers allow, in the order of the tables."""
    tables = {
        name: levels(values, _sizes(data, name))
        for part in _PARTS
        for name, values in data.get(part, {}).items()
    }
    return [
        *_tables(data, tables),
        *_changes(data, tables),
        *_recorded(data, tables),
        *_third(data, tables),
        *(signal for where, printed in data.get("again", {}).items() for signal in _again(where, printed)),
        *(_declared(place, data) for place in data.get("declared", ())),
    ]


def _tables(data: Mapping[str, Any], tables: Tables) -> Iterator[Signal]:
    """Counts, then each variable's groups against its overall column and its test."""
    whole, *parts = data["n"].values()
    closed = sum(parts) == whole
    for name, counted in data.items():
        if isinstance(counted, dict) and ("p" in counted or "percent" in counted):
            yield from counts(name, counted, data.get("tests", {}).get(name, ""), closed=closed)
    for part in _PARTS:
        for name in data.get(part, {}):
            yield from _between(f"{part}.{name}", data[part][name], tables[name], data)


def _changes(data: Mapping[str, Any], tables: Tables) -> Iterator[Signal]:
    """Changes against their two values and against zero."""
    for name in [n for n in tables if n.startswith("d_")]:
        yield from deltas(name, tables, forward=data.get("delta", "T1 - T0") == "T1 - T0")
    for name, groups in data.get("within", {}).items():
        for group, printed in groups.items():
            level = tables.get(name, {}).get(group)
            for one in [printed] if isinstance(printed[0], str) else printed:
                yield from within(f"within.{name}.{group}", level, one)


def _recorded(data: Mapping[str, Any], tables: Tables) -> Iterator[Signal]:
    """What whole people and values in steps can give at all."""
    for name, groups in data.get("quartiles", {}).items():
        for group, printed in groups.items():
            yield from _quartiles(f"quartiles.{name}.{group}", printed, tables.get(name, {}).get(group))
    for named, step in data.get("steps", {}).items():
        # A stem stands for its two values and their change.
        stem = [n for n in (named, f"{named}_t0", f"{named}_t1", f"d_{named}") if n in tables]
        for name in stem or [named]:
            yield from _steps(name, tables[name], Fraction(str(step)))
    for text in data.get("rules", ()):
        yield from _rule(text, tables)


def _third(data: Mapping[str, Any], tables: Tables) -> Iterator[Signal]:
    """Correlations: one set of numbers, or several."""
    thirds = data.get("t3", {})
    for third in [thirds] if isinstance(thirds, Mapping) else thirds:
        yield from correlation(third, tables, data["n"])


def _sizes(data: Mapping[str, Any], name: str) -> dict[str, int]:
    """N of each group for one variable: the group's own, or what is printed beside the variable."""
    return {**data["n"], **data.get("n_of", {}).get(name, {})}


def _between(
    where: str, values: Sequence[Any], groups: Mapping[str, Any], data: Mapping[str, Any]
) -> Iterator[Signal]:
    """The test between the groups, by the test that the file names, and the overall column."""
    whole, *others = data["n"]
    parts = [groups[g] for g in others if g in groups]
    p = str(values[-1]) if len(values) > len(data["n"]) and values[-1] is not None else None
    test = data.get("tests", {}).get(where, "")
    symbol, statistic = next(iter(data.get("statistics", {}).get(where, {}).items()), ("", None))
    if len(parts) == len(others) and test != _NO_TEST_OF_MEANS:
        yield from group_test(where, parts, p, test, statistic if symbol == "t" else None)
    if statistic is not None and p is not None:
        sizes = _sizes(data, where.partition(".")[2])
        df = sum(sizes[g] for g in others) - 2 if test == "Student" and len(others) == 2 else None
        yield from of_statistic(where, symbol, statistic, p, df)
    if len(parts) == len(others):
        yield from overall(where, groups.get(whole), parts)


def _quartiles(where: str, printed: Sequence[Any], level: Level | None) -> Iterator[Signal]:
    """Median between its quartiles, and each as near to the mean as its rank in n values with this SD must be."""
    middle, low, high = (Interval.read(number) for number in printed)
    yield compared(where, "median between its quartiles", middle, Interval(low.low, high.high))
    if level is None or level.n < 2:
        return
    n = level.n
    for name, box, share in (
        ("lower quartile", low, 0.25),
        ("median", middle, 0.5),
        ("upper quartile", high, 0.75),
    ):
        # Conventions for quartiles differ by less than one rank; the k-th of n values lies no further out than this.
        least, most = max(1, math.floor(share * n)), min(n, math.ceil(share * (n + 1)))
        down = level.sd.high * math.sqrt((n - least) * (n - 1) / (n * least))
        up = level.sd.high * math.sqrt((most - 1) * (n - 1) / (n * (n - most + 1)))
        near = Interval(level.mean.low - down, level.mean.high + up)
        yield compared(f"{where}.{name.replace(' ', '_')}", "quantile against mean and SD", box, near)


def _again(where: str, printed: Sequence[Any]) -> Iterator[Signal]:
    """A number that stands in several places: each printing against the first."""
    first, *others = (
        Interval.p(text) if text[:1] in "<>" else Interval.read(text) for text in map(str, printed)
    )
    for other in others:
        yield compared(where, "printed alike everywhere", first, other)


def _declared(place: str, data: Mapping[str, Any]) -> Signal:
    """Whether what the methods declare stands among the results: ``part.name``, as ``t2.d_x`` or ``t3.r_all``."""
    found: Any = data
    for key in place.split("."):
        found = found.get(key) if isinstance(found, Mapping) else None
    times = float(found is not None)
    note = "" if found is not None else "declared among the methods, not among the printed results"
    return compared(place, "declared and reported", Interval(times, times), Interval(1.0, 1.0), note)


def _steps(name: str, groups: Mapping[str, Level], step: Fraction) -> Iterator[Signal]:
    """GRIM and GRIMMER: whether values recorded in this step can have the printed mean, and SD, at all."""
    nothing = Interval(math.inf, -math.inf)
    for group, one in groups.items():
        fits = grim(one.mean, one.n, step)
        yield Signal(
            f"{name}.{group}.mean", "GRIM: a mean of values in steps", one.mean, one.mean if fits else nothing,
            "consistent" if fits else "impossible", "" if fits else f"no {one.n} values in steps of {step} have this mean",
        )  # fmt: skip
        both = grimmer(one.mean, one.sd, one.n, step)
        if fits:
            yield Signal(
                f"{name}.{group}.sd", "GRIMMER: an SD of values in steps", one.sd, one.sd if both else nothing,
                "consistent" if both else "impossible",
                "" if both else f"no {one.n} values in steps of {step} have this mean and this SD",
            )  # fmt: skip


def _rule(text: str, tables: Mapping[str, Mapping[str, Level]]) -> Iterator[Signal]:
    """How many of a group can keep the rule that defines it, given the printed mean, sign and SD."""
    one = rule(text)
    level = tables[one.variable][one.group]
    most = beyond(level.mean, level.sd, level.n, one.limit, upward=one.upward)
    everybody = Interval(0.0 if one.either else float(level.n), float(level.n))
    turned = Interval(-level.mean.high, -level.mean.low)
    other = beyond(turned, level.sd, level.n, one.limit, upward=one.upward)
    note = ""
    if most < level.n:
        note = f"at most {most} of {level.n} keep '{one.text}' as printed"
        note += f"; with the sign turned, up to {other}" if other > most else ""
    verdict: Verdict = "consistent" if most == level.n else ("differs" if one.either else "impossible")
    yield Signal(
        f"{one.variable}.{one.group}.rule", "threshold against mean, sign and SD", everybody, Interval(0.0, most),
        verdict, note,
    )  # fmt: skip
