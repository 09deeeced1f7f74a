"""Lint of what is collected and what is done with it: names, labels, extractors, outcome, analysis plan."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from extract.study.findings import Finding
from extract.study.positions import Place
from extract.study.protocol import (
    DerivedSource,
    Label,
    Protocol,
    ResponderTest,
    TextSource,
    Variable,
    column,
)

__all__ = ["plan_findings"]

_SPSS_NAME, _SPSS_LABEL, _SPSS_VALUE = 64, 256, 120
"""Bytes of UTF-8 after which SPSS cuts silently: names, variable labels, value labels."""
_SENSITIVITY: Final = ("welch", "rank", "ancova", "leave_one_out", "folded_search", "multiple_imputation")
_WINDOW: Final = re.compile(r"([a-z][a-z0-9]*)_window_(-?\d+)_(-?\d+)")
_TERM: Final = re.compile(r"delta\(([^()]*)\)")
_AGE: Final = re.compile(r"age_at\(\s*([^()]*?)\s*\)")
_NAME: Final = re.compile(r"[a-z_][a-z0-9_]*")
_OWN: Final = ("participant", "responder")
"""Columns that every dataset has."""


def plan_findings(protocol: Protocol) -> Iterator[Finding]:
    """What is wrong or doubtful in study, variables, extractors, outcome and analysis."""
    if not protocol.study.ethics.approval:
        yield Finding(
            ("study", "ethics"),
            "warning",
            "ethics",
            "there is no approval of an ethics committee",
            "Fill in study.ethics.approval: the lock refuses while it is empty.",
        )
    yield from _columns(protocol)
    yield from _labels(protocol)
    yield from _sources(protocol)
    yield from _unused(protocol)
    yield from _responder(protocol)
    yield from _analysis(protocol)


# ---- names and labels -------------------------------------------------------------------------------


def _columns(protocol: Protocol) -> Iterator[Finding]:
    taken: dict[str, str] = dict.fromkeys(_OWN, "every dataset")
    for index, variable in enumerate(protocol.variable):
        names = [column(variable.id, at) for at in variable.at] or [variable.id]
        if len(variable.at) > 1:
            names += [column(variable.id, kind=kind) for kind in ("delta", "relief")]
        for name in names:
            if name in taken:
                yield Finding(
                    ("variable", index, "id"),
                    "error",
                    "column-collision",
                    f"variable {variable.id} makes the column {name}, which {taken[name]} has already",
                    "Rename the variable.",
                )
            taken.setdefault(name, f"variable {variable.id}")
            if len(name.encode()) > _SPSS_NAME:
                yield Finding(
                    ("variable", index, "id"),
                    "warning",
                    "spss-name",
                    f"the column {name} is longer than SPSS's {_SPSS_NAME} bytes",
                    "Shorten the variable's id or the timepoint's name.",
                )


def _labels(protocol: Protocol) -> Iterator[Finding]:
    for index, variable in enumerate(protocol.variable):
        for language, text in _languages(variable.label):
            if (size := len(text.encode())) > _SPSS_LABEL:
                yield Finding(
                    ("variable", index, "label"),
                    "warning",
                    "spss-label",
                    f"the {language} label of {variable.id} has {size} bytes; SPSS cuts at {_SPSS_LABEL}",
                    "Shorten it: a Chinese character takes three bytes.",
                )
        codes = [value.code for value in variable.values]
        for number, value in enumerate(variable.values):
            for language, text in (("zh", value.zh), ("en", value.en)):
                if (size := len(text.encode())) > _SPSS_VALUE:
                    yield Finding(
                        ("variable", index, "values", number),
                        "warning",
                        "spss-label",
                        f"the {language} label of code {value.code} of {variable.id} has {size} bytes; "
                        f"SPSS cuts at {_SPSS_VALUE}",
                        "Shorten it: a Chinese character takes three bytes.",
                    )
            if value.code in codes[:number]:
                yield Finding(
                    ("variable", index, "values", number),
                    "error",
                    "repeated-code",
                    f"code {value.code} of {variable.id} is given twice",
                    "Give each value its own code.",
                )


def _languages(label: Label) -> tuple[tuple[str, str], tuple[str, str]]:
    return ("zh", label.zh), ("en", label.en)


# ---- where values come from -------------------------------------------------------------------------


def _sources(protocol: Protocol) -> Iterator[Finding]:
    known = {variable.id for variable in protocol.variable}
    for index, variable in enumerate(protocol.variable):
        place: Place = ("variable", index, "source")
        for source in variable.source:
            if isinstance(source, DerivedSource):
                yield from _derived(source.derived, variable, place, known, set(protocol.timepoints))
            elif isinstance(source, TextSource):
                yield from _extracted(source.text, variable, place, protocol)


def _derived(
    formula: str, variable: Variable, place: Place, known: set[str], points: set[str]
) -> Iterator[Finding]:
    age = _AGE.fullmatch(formula.strip())
    wanted = [age[1]] if age else _NAME.findall(formula)
    for name in wanted:
        if name not in (points if age else known - {variable.id}):
            yield Finding(
                place,
                "error",
                "unknown-name",
                f"variable {variable.id} is derived from {name!r}, which is no other "
                f"{'timepoint' if age else 'variable'}",
                'Write age_at(T0), or arithmetic over variables: "weight_kg / (height_m * height_m)".',
            )


def _extracted(name: str, variable: Variable, place: Place, protocol: Protocol) -> Iterator[Finding]:
    kind = protocol.extractor[name].kind
    if kind == "choice" and not any(value.from_ for value in variable.values):
        yield Finding(
            place,
            "error",
            "nothing-to-find",
            f"extractor {name} looks for the words of {variable.id}'s values, and none has any",
            'Give each value its words: from = ["…"].',
        )
    if kind == "number" and not protocol.extractor[name].labels:
        yield Finding(
            ("extractor", name),
            "error",
            "nothing-to-find",
            f"extractor {name} reads a number after a label, and has no label",
            'Add labels = ["…"].',
        )


def _unused(protocol: Protocol) -> Iterator[Finding]:
    read = {s.text for v in protocol.variable for s in v.source if isinstance(s, TextSource)}
    for name in protocol.extractor:
        if name not in read:
            yield Finding(
                ("extractor", name),
                "warning",
                "unused-extractor",
                f"no variable reads extractor {name}",
                f'Remove it, or give a variable source = {{ text = "{name}" }}.',
            )
    used = "".join(c.rule.model_dump_json(exclude_none=True) for c in protocol.criteria)
    named = {*_NAME.findall(used), *_NAME.findall(protocol.analysis.model_dump_json())}
    named |= {test.variable for test in _tests(protocol)}
    named |= {
        n
        for v in protocol.variable
        for s in v.source
        if isinstance(s, DerivedSource)
        for n in _NAME.findall(s.derived)
    }
    for index, variable in enumerate(protocol.variable):
        if len(variable.at) == 1 and variable.at[0] != protocol.first and variable.id not in named:
            yield Finding(
                ("variable", index),
                "warning",
                "unused-variable",
                f"{variable.id} is taken at {variable.at[0]} only and named nowhere: no table shows it",
                f'Take it at "{protocol.first}" as well, name it in a criterion or the analysis, or remove it.',
            )
    taken = {at for v in protocol.variable for at in (*v.at, *(v.over or ()))} | {protocol.first}
    taken |= {point.after for point in protocol.timepoints.values() if point.after}
    for name in protocol.timepoints:
        if name not in taken and f'"{name}"' not in used:
            yield Finding(
                ("timepoints", name),
                "warning",
                "unused-timepoint",
                f"nothing is measured at {name}",
                f'Add "{name}" to the at of a variable, or remove the timepoint.',
            )


# ---- outcome ----------------------------------------------------------------------------------------


def _tests(protocol: Protocol) -> tuple[ResponderTest, ...]:
    return (*protocol.outcome.responder.any, *protocol.outcome.responder.all)


def _responder(protocol: Protocol) -> Iterator[Finding]:
    place: Place = ("outcome", "responder")
    for test in _tests(protocol):
        variable = protocol.variable_named(test.variable)
        if variable.categorical or not {protocol.first, protocol.last} <= set(variable.at):
            yield Finding(
                place,
                "error",
                "responder-not-timed",
                f"the responder rule needs a number of {variable.id} at {protocol.first} and {protocol.last}",
                f'Give the variable at = ["{protocol.first}", "{protocol.last}"] and no values.',
            )
        elif variable.range is not None and test.at_least > (most := _largest(test, variable)):
            yield Finding(
                place,
                "error",
                "responder-unreachable",
                f"within the range of {variable.id} the {'drop' if test.drop else 'relief'} is {most} at most: "
                f"nobody reaches {test.at_least}",
                "Lower the threshold, or mend the range.",
            )


def _largest(test: ResponderTest, variable: Variable) -> Decimal:
    """The largest drop, or relief, that two values within the range can show."""
    low, high = variable.range or (Decimal(0), Decimal(0))
    if test.drop:
        return high - low
    return (high - low) / high if high > 0 and low >= 0 else Decimal("Infinity")


# ---- analysis ---------------------------------------------------------------------------------------


def _analysis(protocol: Protocol) -> Iterator[Finding]:
    plan = protocol.analysis
    groups = _groups(protocol)
    subgroups = {v.id for v in protocol.variable if v.categorical}
    later = next((name for name, point in protocol.timepoints.items() if point.after), "T1").lower()
    tests = {*_SENSITIVITY, f"{later}_window_14_42"}
    named: tuple[tuple[str, tuple[str, ...], set[str]], ...] = (
        ("group", (plan.group,), groups),
        ("subgroups", plan.subgroups, subgroups | {"responder"}),
        ("predictors", plan.predictors, {v.id for v in protocol.variable if not v.many}),
        ("safety", plan.safety, subgroups),
        ("sensitivity", tuple(n for n in plan.sensitivity if not _is_window(n, protocol)), tests),
    )
    for key, names, known in named:
        for name in names:
            if name not in known:
                yield _unknown(key, name, known)
    yield from _correlations(protocol)


def _correlations(protocol: Protocol) -> Iterator[Finding]:
    numbers = {v.id for v in protocol.variable if not v.categorical}
    timed = {v.id for v in protocol.timed if not v.categorical}
    known = {f"delta({name})" for name in timed} | numbers
    for index, one in enumerate(protocol.analysis.correlate):
        for term in (one.x, one.y):
            change = _TERM.fullmatch(term.strip())
            if (change[1] if change else term) not in (timed if change else numbers):
                yield _unknown("correlate", term, known, index)
        if one.strata is not None and one.strata not in _groups(protocol):
            yield _unknown("correlate", one.strata, _groups(protocol), index)


def _groups(protocol: Protocol) -> set[str]:
    """What can divide the participants: a variable of one code each, or who is a responder."""
    return {v.id for v in protocol.variable if v.categorical and not v.many and not v.at} | {"responder"}


def _unknown(key: str, name: str, known: set[str], *index: int) -> Finding:
    return Finding(
        ("analysis", key, *index),
        "error",
        "unknown-name",
        f"analysis.{key} names {name!r}, which the protocol does not define",
        f"It can name: {', '.join(sorted(known))}.",
    )


def _is_window(name: str, protocol: Protocol) -> bool:
    """Whether it is another window of a later timepoint: ``t1_window_14_42``."""
    found = _WINDOW.fullmatch(name)
    later = {n.lower() for n, point in protocol.timepoints.items() if point.after}
    return found is not None and found[1] in later and int(found[2]) <= int(found[3])
