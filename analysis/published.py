"""Audit of published numbers: what a paper's own means, SDs, n, r and P imply, each with its rounding interval.

A printed 8.42 is anything in [8.415, 8.425]; every recomputation is carried through that box, and a signal says only
whether the two intervals can meet.  Signals are questions to an author, never accusations.

The file is JSON: ``n`` (size per group, overall first), ``t1`` and ``t2`` (variable -> [mean, SD] per group in that
order, then perhaps P; ``name_t0``, ``name_t1``, ``d_name`` belong together), other objects of counts per group with
``p``, ``steps`` (variable -> the step it is recorded in), ``rules`` (``"group: variable >= 3"``, which members of a
group keep), and ``t3`` with ``r_group`` = [r, t, P], ``R2``, ``t_d_name_group``, ``t_ind_d_name``, ``ci_d_name_group``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from itertools import product
from pathlib import Path
from typing import Any, Final, Literal

from analysis.granular import beyond, grim, grimmer, rule
from analysis.interval import Interval
from analysis.statistics import chi_square, fisher_exact
from analysis.statistics.distributions import t_quantile, t_two_sided
from analysis.witness import Decision, decide
from extract.errors import NotFound

__all__ = ["Interval", "Signal", "audit", "audit_file", "decide_file"]

Verdict = Literal["consistent", "otherwise", "differs", "impossible"]
_MEAN_HALF: Final = 0.005
_T_DECIMALS: Final = 2


@dataclass(frozen=True)
class Signal:
    """One check: where, what, the printed interval, the implied one, and whether they can meet.

    ``otherwise`` is a P that this test does not give and another usual test does. ``point`` is the implied number when
    the printed ones are taken as exact, None where it says nothing more.
    """

    where: str
    check: str
    printed: Interval
    implied: Interval
    verdict: Verdict
    note: str = ""
    point: float | None = None

    @property
    def open(self) -> bool:
        """Whether it is a question to the authors."""
        return self.verdict in {"differs", "impossible"}

    def to_json(self) -> dict[str, Any]:
        """The signal as plain data; an open end of an interval is null."""
        plain = asdict(self)
        for name in ("printed", "implied"):
            plain[name] = {end: value if math.isfinite(value) else None for end, value in plain[name].items()}
        return plain


@dataclass(frozen=True)
class _Level:
    """A printed mean and SD of one group with its n, as intervals."""

    n: int
    mean: Interval
    sd: Interval

    def corners(self) -> Iterator[tuple[float, float]]:
        return product((self.mean.low, self.mean.high), (self.sd.low, self.sd.high))


def audit_file(path: Path, rules: Sequence[str] = (), steps: Mapping[str, str] | None = None) -> list[Signal]:
    """Audit the JSON file, with ``rules`` and ``steps`` added to its own. Raises NotFound when it cannot be read."""
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
        "rules": [*data.get("rules", ()), *rules],
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
    sizes: dict[str, int] = data["n"]
    tables = {
        name: _levels(values, sizes) for part in ("t1", "t2") for name, values in data.get(part, {}).items()
    }
    signals: list[Signal] = []
    for name, counted in data.items():
        if isinstance(counted, dict) and "p" in counted:
            signals.extend(_counts(name, counted))
    for part in ("t1", "t2"):
        for name, values in data.get(part, {}).items():
            groups = list(tables[name].values())
            if len(values) > len(sizes):
                signals.extend(_group_test(f"{part}.{name}", groups[1:], str(values[-1])))
            signals.extend(_overall(f"{part}.{name}", groups))
    for name in [n for n in tables if n.startswith("d_")]:
        signals.extend(_deltas(name, tables))
    for named, step in data.get("steps", {}).items():
        # A stem stands for its two values and their change.
        for name in [n for n in (named, f"{named}_t0", f"{named}_t1", f"d_{named}") if n in tables] or [
            named
        ]:
            signals.extend(_steps(name, tables[name], Fraction(str(step))))
    for text in data.get("rules", ()):
        signals.extend(_rule(text, tables))
    signals.extend(_third(data.get("t3", {}), tables, sizes))
    signals.extend(_declared(place, data) for place in data.get("declared", ()))
    return signals


def _declared(place: str, data: Mapping[str, Any]) -> Signal:
    """Whether what the methods declare stands among the results: ``part.name``, as ``t2.d_x`` or ``t3.r_all``."""
    found: Any = data
    for key in place.split("."):
        found = found.get(key) if isinstance(found, Mapping) else None
    times = float(found is not None)
    note = "" if found is not None else "declared among the methods, not among the printed results"
    return _signal(place, "declared and reported", Interval(times, times), Interval(1.0, 1.0), note)


def _steps(name: str, groups: Mapping[str, _Level], step: Fraction) -> Iterator[Signal]:
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


def _rule(text: str, tables: Mapping[str, Mapping[str, _Level]]) -> Iterator[Signal]:
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


def _levels(values: Sequence[Any], sizes: Mapping[str, int]) -> dict[str, _Level]:
    return {
        group: _Level(n, Interval.printed(pair[0]), Interval.printed(pair[1]))
        for (group, n), pair in zip(sizes.items(), values, strict=False)
    }


def _signal(where: str, check: str, printed: Interval, implied: Interval, note: str = "") -> Signal:
    return Signal(where, check, printed, implied, "consistent" if printed.meets(implied) else "differs", note)


def _any_of(signals: Iterable[Signal]) -> Iterator[Signal]:
    """Tests of which a paper used one: where one gives the printed P, the others are no question."""
    found = list(signals)
    agrees = any(s.verdict == "consistent" for s in found)
    for one in found:
        yield replace(one, verdict="otherwise") if agrees and one.verdict == "differs" else one


def _counts(name: str, counted: Mapping[str, Any]) -> Iterator[Signal]:
    """P of a table of counts by the three usual tests; overall against the sum of the groups."""
    groups = [counts for key, counts in counted.items() if key != "p"]
    printed = Interval.p(str(counted["p"]))
    table = [list(row) for row in zip(*groups[1:], strict=True)]
    tests = (
        ("P by Pearson's chi-square", chi_square(table)),
        ("P by Yates's chi-square", chi_square(table, "yates")),
        ("P by Fisher's exact test", fisher_exact(table)),
    )
    yield from _any_of(
        _signal(f"{name}.p", check, printed, Interval(result.p, result.p))
        for check, result in tests
        if result.p is not None
    )
    for whole, *parts in zip(*groups, strict=True):
        yield _signal(
            f"{name}.all", "sum of the groups", Interval(whole, whole), Interval(sum(parts), sum(parts))
        )


def _t_tests(first: _Level, second: _Level) -> dict[str, tuple[Interval, Interval]]:
    """|t| and P by Student and Welch over the corners of the rounding box."""
    found: dict[str, tuple[list[float], list[float]]] = {"Student": ([], []), "Welch": ([], [])}
    for (m1, s1), (m2, s2) in product(first.corners(), second.corners()):
        pooled = ((first.n - 1) * s1**2 + (second.n - 1) * s2**2) / (first.n + second.n - 2)
        v1, v2 = s1**2 / first.n, s2**2 / second.n
        for name, error, df in (
            ("Student", math.sqrt(pooled * (1 / first.n + 1 / second.n)), first.n + second.n - 2),
            ("Welch", math.sqrt(v1 + v2), (v1 + v2) ** 2 / (v1**2 / (first.n - 1) + v2**2 / (second.n - 1))),
        ):
            t = (m1 - m2) / error
            found[name][0].append(abs(t))
            found[name][1].append(t_two_sided(t, df))
    return {name: (Interval.over(t), Interval.over(p)) for name, (t, p) in found.items()}


def _group_test(where: str, groups: Sequence[_Level], p: str) -> Iterator[Signal]:
    if len(groups) != 2:
        return
    yield from _any_of(
        _signal(f"{where}.p", f"P by {name}'s t", Interval.p(p), implied)
        for name, (_, implied) in _t_tests(groups[0], groups[1]).items()
    )


def _overall(where: str, groups: Sequence[_Level]) -> Iterator[Signal]:
    """Overall mean and SD from the groups; and the least SD that the distance of the means alone forces."""
    whole, *parts = groups
    if len(parts) < 2 or sum(g.n for g in parts) != whole.n:
        return
    means, sds, floors = [], [], []
    for corner in product(*(tuple(g.corners()) for g in parts)):
        mean = sum(g.n * m for g, (m, _) in zip(parts, corner, strict=True)) / whole.n
        between = sum(g.n * (m - mean) ** 2 for g, (m, _) in zip(parts, corner, strict=True))
        within = sum((g.n - 1) * s**2 for g, (_, s) in zip(parts, corner, strict=True))
        means.append(mean)
        sds.append(math.sqrt((between + within) / (whole.n - 1)))
        floors.append(math.sqrt(between / (whole.n - 1)))
    yield _signal(f"{where}.all.mean", "overall mean from the groups", whole.mean, Interval.over(means))
    yield _signal(f"{where}.all.sd", "overall SD from the groups", whole.sd, Interval.over(sds))
    floor = min(floors)
    if floor > whole.sd.high:
        yield Signal(
            f"{where}.all.sd", "least overall SD that the groups' means alone force",
            whole.sd, Interval(floor, math.inf), "impossible",
            "no data have these group means and this overall SD", _floor(whole, parts),
        )  # fmt: skip


def _floor(whole: _Level, parts: Sequence[_Level]) -> float:
    """The least overall SD at the printed means themselves: every group on its mean, rounding left aside."""
    middles = [(g.mean.low + g.mean.high) / 2 for g in parts]
    mean = sum(g.n * m for g, m in zip(parts, middles, strict=True)) / whole.n
    between = sum(g.n * (m - mean) ** 2 for g, m in zip(parts, middles, strict=True))
    return math.sqrt(between / (whole.n - 1))


def _deltas(name: str, tables: Mapping[str, Mapping[str, _Level]]) -> Iterator[Signal]:
    """Mean change from the two means; and the correlation within pairs that the three SDs imply."""
    stem = name.removeprefix("d_")
    before, after = tables.get(f"{stem}_t0"), tables.get(f"{stem}_t1")
    if before is None or after is None:
        return
    for group, change in tables[name].items():
        first, last = before[group], after[group]
        implied = Interval(last.mean.low - first.mean.high, last.mean.high - first.mean.low)
        yield _signal(f"{name}.{group}.mean", "T1 mean minus T0 mean", change.mean, implied)
        inside = [
            (a**2 + b**2 - d**2) / (2 * a * b)
            for a, b, d in product(
                (first.sd.low, first.sd.high), (last.sd.low, last.sd.high), (change.sd.low, change.sd.high)
            )
        ]
        implied = Interval.over(inside)
        possible = implied.meets(Interval(-1.0, 1.0))
        yield Signal(
            f"{name}.{group}.sd", "correlation within pairs implied by the SDs",
            Interval(-1.0, 1.0), implied, "consistent" if possible else "impossible",
        )  # fmt: skip


def _third(
    printed: Mapping[str, Any], tables: Mapping[str, Mapping[str, _Level]], sizes: Mapping[str, int]
) -> Iterator[Signal]:
    """Correlations, paired and independent t, intervals."""
    groups = list(sizes)
    for group in groups:
        if f"r_{group}" in printed:
            r, t, p = printed[f"r_{group}"]
            yield from _r(f"t3.r_{group}", r, t, str(p), sizes[group])
    if "R2" in printed and f"r_{groups[0]}" in printed:
        box = Interval.printed(printed[f"r_{groups[0]}"][0])
        yield _signal(
            "t3.R2", "square of r", Interval.printed(printed["R2"]), Interval(box.low**2, box.high**2)
        )
    for key, value in printed.items():
        if key.startswith("t_ind_"):
            parts = [tables[key.removeprefix("t_ind_")][g] for g in groups[1:]]
            for name, (implied, _) in _t_tests(parts[0], parts[1]).items():
                yield _signal(f"t3.{key}", f"{name}'s t between the groups", Interval.printed(value), implied)
        elif key.startswith("t_d_"):
            name, _, group = key.removeprefix("t_").rpartition("_")
            yield _signal(
                f"t3.{key}", "paired t of the change", Interval.printed(value), _paired(tables[name][group])
            )
        elif key.startswith("ci_d_"):
            name, _, group = key.removeprefix("ci_").rpartition("_")
            yield from _interval(f"t3.{key}", tables[name][group], value)
    yield from _forced_r(printed, tables, groups)


def _r(where: str, r: float, t: float, p: str, n: int) -> Iterator[Signal]:
    box = Interval.printed(r)
    ts = Interval.over([x * math.sqrt((n - 2) / (1 - x * x)) for x in (box.low, box.high)])
    point = r * math.sqrt((n - 2) / (1 - r * r))
    yield replace(
        _signal(f"{where}.t", "t of the printed r", Interval.printed(t, _T_DECIMALS), ts), point=point
    )
    ps = Interval.over([t_two_sided(x, n - 2) for x in (ts.low, ts.high)])
    yield _signal(f"{where}.p", "P of the printed r", Interval.p(p), ps)


def _paired(change: _Level) -> Interval:
    values = [m / (s / math.sqrt(change.n)) for m, s in change.corners()]
    return Interval.over(values).magnitude


def _interval(where: str, change: _Level, limits: Sequence[float]) -> Iterator[Signal]:
    reach = t_quantile(0.975, change.n - 1) / math.sqrt(change.n)
    for sign, name, limit in ((-1, "lower", limits[0]), (1, "upper", limits[1])):
        implied = Interval.over([m + sign * reach * s for m, s in change.corners()])
        yield _signal(where, f"{name} 95% limit of the mean", Interval.printed(limit), implied)


def _forced_r(
    printed: Mapping[str, Any], tables: Mapping[str, Mapping[str, _Level]], groups: Sequence[str]
) -> Iterator[Signal]:
    """The overall r that the groups' means, SDs and r force, of the two changes whose t are printed."""
    named = list(
        dict.fromkeys(k.removeprefix("t_").rpartition("_")[0] for k in printed if k.startswith("t_d_"))
    )
    if len(named) != 2 or any(f"r_{g}" not in printed for g in groups):
        return
    x, y = (tables[name] for name in named)
    boxes = [
        product(
            x[g].corners(),
            y[g].corners(),
            (printed[f"r_{g}"][0] - _MEAN_HALF, printed[f"r_{g}"][0] + _MEAN_HALF),
        )
        for g in groups[1:]
    ]
    sizes = [x[g].n for g in groups[1:]]
    found = []
    for corner in product(*(tuple(box) for box in boxes)):
        n = sum(sizes)
        mx = sum(k * c[0][0] for k, c in zip(sizes, corner, strict=True)) / n
        my = sum(k * c[1][0] for k, c in zip(sizes, corner, strict=True)) / n
        xx = yy = xy = 0.0
        for k, ((ax, sx), (ay, sy), r) in zip(sizes, corner, strict=True):
            xx += (k - 1) * sx**2 + k * (ax - mx) ** 2
            yy += (k - 1) * sy**2 + k * (ay - my) ** 2
            xy += (k - 1) * r * sx * sy + k * (ax - mx) * (ay - my)
        found.append(xy / math.sqrt(xx * yy))
    where = f"t3.r_{groups[0]}"
    overall = Interval.printed(printed[f"r_{groups[0]}"][0])
    yield _signal(f"{where}.r", "overall r forced by the groups", overall, Interval.over(found))
