"""Lint of timepoints, variables and criteria: what can never hold, or contradicts itself."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

from extract.study.findings import Finding, Severity
from extract.study.positions import Place
from extract.study.protocol import Criterion, Protocol, Rule, Variable

__all__ = ["criteria_findings"]

_INFINITE = Decimal("Infinity")


class _Leaf(NamedTuple):
    """A condition of a criterion, and where the criterion stands."""

    place: Place
    criterion: str
    rule: Rule


class _Bounds(NamedTuple):
    low: Decimal = -_INFINITE
    high: Decimal = _INFINITE

    def meet(self, other: _Bounds) -> _Bounds:
        return _Bounds(max(self.low, other.low), min(self.high, other.high))

    @property
    def empty(self) -> bool:
        return self.low > self.high

    def within(self, other: _Bounds) -> bool:
        return other.low <= self.low and self.high <= other.high


def criteria_findings(protocol: Protocol) -> Iterator[Finding]:
    """What is wrong or doubtful in timepoints, variables' ranges and the criteria."""
    yield from _timepoints(protocol)
    yield from _ranges(protocol)
    for kind, criteria in (("include", protocol.include), ("exclude", protocol.exclude)):
        for index, criterion in enumerate(criteria):
            for rule in _leaves(criterion.rule):
                yield from _leaf(_Leaf((kind, index, "rule"), criterion.id, rule), protocol)
    yield from _contradictions(protocol)


def _error(place: Place, rule: str, message: str, step: str, severity: Severity = "error") -> Finding:
    return Finding(place, severity, rule, message, step)


# ---- timepoints -------------------------------------------------------------------------------------


def _timepoints(protocol: Protocol) -> Iterator[Finding]:
    for name, point in protocol.timepoints.items():
        place: Place = ("timepoints", name)
        low, high = point.window
        if low > high:
            yield _error(
                place,
                "empty-window",
                f"the window of {name} ends before it begins: [{low}, {high}]",
                "Swap its ends.",
            )
        elif point.day is not None and not low <= point.day <= high:
            yield _error(
                place,
                "empty-window",
                f"the window [{low}, {high}] of {name} does not contain its day {point.day}",
                "Both count from the timepoint that it comes after: 28 days and a week around it are [21, 35].",
            )
        earlier = protocol.timepoints.get(point.after or "")
        if earlier is not None and not low > high and low <= earlier.window[1]:
            yield _error(
                place,
                "overlapping-windows",
                f"{name} may begin on day {low}, while {point.after} lasts until day {earlier.window[1]}: "
                "one measurement could count for both",
                "Let the later window begin after the earlier one has ended.",
                "warning",
            )


# ---- variables --------------------------------------------------------------------------------------


def _ranges(protocol: Protocol) -> Iterator[Finding]:
    for index, variable in enumerate(protocol.variable):
        for key, pair in (("range", variable.range), ("warn", variable.warn)):
            if pair is not None and pair[0] > pair[1]:
                yield _error(
                    ("variable", index, key),
                    "empty-range",
                    f"{key} of {variable.id} is empty: [{pair[0]}, {pair[1]}]",
                    "Swap its ends.",
                )
        if variable.range and variable.warn and not _Bounds(*variable.warn).within(_Bounds(*variable.range)):
            yield _error(
                ("variable", index, "warn"),
                "warn-outside-range",
                f"warn of {variable.id} reaches beyond its range, where values are refused anyway",
                "Keep warn inside range.",
                "warning",
            )


# ---- one condition ----------------------------------------------------------------------------------


def _leaf(leaf: _Leaf, protocol: Protocol) -> Iterator[Finding]:
    for name in (leaf.rule.variable, *(leaf.rule.missing or ())):
        if name is not None:
            yield from _taken(leaf, protocol.variable_named(name))
    for codes in leaf.rule.diagnosis or ():
        first, dash, last = codes.partition("-")
        if dash and first.strip() > last.strip():
            yield _error(
                leaf.place,
                "contradiction",
                f"criterion {leaf.criterion} asks for the codes {codes}, a range that ends before it begins",
                f"Write {last.strip()}-{first.strip()}.",
            )
    if leaf.rule.variable is not None:
        yield from _condition(leaf, protocol.variable_named(leaf.rule.variable))


def _taken(leaf: _Leaf, variable: Variable) -> Iterator[Finding]:
    for at in _at(leaf.rule):
        if at not in variable.at:
            yield _error(
                leaf.place,
                "not-taken-then",
                f"criterion {leaf.criterion} asks for {variable.id} at {at}, where it is not taken",
                f'Add "{at}" to the variable\'s at, or drop at from the criterion.',
            )
    if len(variable.at) > 1 and not _at(leaf.rule):
        yield _error(
            leaf.place,
            "which-timepoint",
            f"criterion {leaf.criterion} does not say at which timepoint {variable.id} is meant",
            f'Add at = "{variable.at[0]}".',
            "warning",
        )


def _condition(leaf: _Leaf, variable: Variable) -> Iterator[Finding]:
    rule, name = leaf.rule, f"criterion {leaf.criterion}"
    codes = {value.code for value in variable.values}
    if rule.is_ is not None and codes and rule.is_ not in codes:
        yield _error(
            leaf.place,
            "unknown-code",
            f"{name} asks for code {rule.is_} of {variable.id}, which has none such",
            f"Its codes are {', '.join(str(code) for code in sorted(codes))}.",
        )
    bounds = _bounds(rule)
    if bounds.empty:
        yield _error(
            leaf.place,
            "contradiction",
            f"{name} can never hold: {variable.id} between {bounds.low} and {bounds.high}",
            "Mend the limits.",
        )
    elif variable.range is not None and bounds.meet(_Bounds(*variable.range)).empty:
        yield _error(
            leaf.place,
            "outside-range",
            f"{name} asks for values of {variable.id} that its range "
            f"[{variable.range[0]}, {variable.range[1]}] does not admit",
            "Mend the criterion or the range.",
        )


# ---- criteria against each other --------------------------------------------------------------------


def _contradictions(protocol: Protocol) -> Iterator[Finding]:
    needed = list(_needed("include", protocol.include))
    refused = list(_refused("exclude", protocol.exclude))
    yield from _repeated(needed)
    yield from _repeated(refused)
    wanted = {_meaning(leaf.rule): leaf.criterion for leaf in needed}
    for leaf in refused:
        if (other := wanted.get(_meaning(leaf.rule))) is not None:
            yield _error(
                leaf.place,
                "contradiction",
                f"{leaf.criterion} excludes exactly what {other} asks for: nobody can be included",
                "Drop one of the two.",
            )
    yield from _impossible(needed, [leaf for leaf in refused if _meaning(leaf.rule) not in wanted])


def _impossible(needed: list[_Leaf], refused: list[_Leaf]) -> Iterator[Finding]:
    """Limits on one variable at one time that no value meets, over all criteria together."""
    limits: dict[tuple[str, tuple[str, ...]], tuple[_Bounds, str]] = {}
    for leaf in needed:
        if leaf.rule.variable is None or _bounds(leaf.rule).empty:
            continue
        key = (leaf.rule.variable, _at(leaf.rule))
        before, by = limits.get(key, (_Bounds(), ""))
        both = before.meet(_bounds(leaf.rule))
        if both.empty and not before.empty:
            yield _error(
                leaf.place,
                "contradiction",
                f"{leaf.criterion} and {by} cannot both hold for {key[0]}: nobody can be included",
                "Mend the limits.",
            )
        limits[key] = (both, leaf.criterion)
    for leaf in refused:
        key = (leaf.rule.variable or "", _at(leaf.rule))
        bounds, by = limits.get(key, (_Bounds(), ""))
        limited = _bounds(leaf.rule) != _Bounds()
        if by and limited and not bounds.empty and bounds.within(_bounds(leaf.rule)):
            yield _error(
                leaf.place,
                "contradiction",
                f"{leaf.criterion} excludes every value of {key[0]} that {by} admits: nobody can be included",
                "Mend the limits.",
            )


def _repeated(leaves: list[_Leaf]) -> Iterator[Finding]:
    seen: dict[str, str] = {}
    for leaf in leaves:
        meaning = _meaning(leaf.rule)
        if meaning in seen and seen[meaning] != leaf.criterion:
            yield _error(
                leaf.place,
                "repeated-criterion",
                f"{leaf.criterion} states a condition that {seen[meaning]} states already",
                "Drop one: reviewers would judge it twice.",
                "warning",
            )
        seen.setdefault(meaning, leaf.criterion)


def _needed(kind: str, criteria: tuple[Criterion, ...]) -> Iterator[_Leaf]:
    """The conditions that every participant meets: through all, not through any or not."""
    for index, criterion in enumerate(criteria):
        stack = [criterion.rule]
        while stack:
            rule = stack.pop(0)
            if rule.all is not None:
                stack.extend(rule.all)
            elif rule.any is None and rule.not_ is None:
                yield _Leaf((kind, index, "rule"), criterion.id, rule)


def _refused(kind: str, criteria: tuple[Criterion, ...]) -> Iterator[_Leaf]:
    """The conditions each of which alone keeps a patient out: through any, not through all or not."""
    for index, criterion in enumerate(criteria):
        stack = [criterion.rule]
        while stack:
            rule = stack.pop(0)
            if rule.any is not None:
                stack.extend(rule.any)
            elif rule.all is None and rule.not_ is None:
                yield _Leaf((kind, index, "rule"), criterion.id, rule)


def _leaves(rule: Rule) -> Iterator[Rule]:
    children = (*(rule.all or ()), *(rule.any or ()), *([rule.not_] if rule.not_ else []))
    if not children:
        yield rule
    for child in children:
        yield from _leaves(child)


def _at(rule: Rule) -> tuple[str, ...]:
    return (rule.at,) if isinstance(rule.at, str) else rule.at or ()


def _meaning(rule: Rule) -> str:
    return rule.model_dump_json(by_alias=True, exclude_none=True)


def _bounds(rule: Rule) -> _Bounds:
    bounds = _Bounds() if rule.between is None else _Bounds(*rule.between)
    if rule.at_least is not None:
        bounds = bounds.meet(_Bounds(low=rule.at_least))
    if rule.at_most is not None:
        bounds = bounds.meet(_Bounds(high=rule.at_most))
    return bounds
