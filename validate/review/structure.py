"""What a criterion asks, apart from how it is worded: two hashes, one of the rule and one of the prose.

A reader judges by the rule and by what the rule names: the variables (where they are read from, when, in what
codes) and the timepoints (their windows).  When any of that changes, what was judged was another question.
Label and guidance are prose: they may become clearer at any time, and nobody is asked again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

from extract.study.audit import canonical
from extract.study.protocol import Criterion, Protocol, Rule, Variable

__all__ = ["named", "rule_hash", "structure", "wording_hash"]


def structure(criterion: Criterion) -> dict[str, Any]:
    """The rule itself: logic, thresholds, windows, terms and codes."""
    return criterion.rule.model_dump(mode="json", by_alias=True, exclude_none=True)


def named(protocol: Protocol, criterion: Criterion) -> dict[str, Any]:
    """What the rule names, as far as a reader judges by it; empty where the rule stands by itself.

    How our software finds a value in a text (extractors, spellings) is not among it: a better lexicon asks nobody
    again, unless the evidence that it shows is another.
    """
    variables = {v.id: v for v in protocol.variable}
    found: dict[str, Any] = {}
    for rule in _leaves(criterion.rule):
        points = [rule.at] if isinstance(rule.at, str) else list(rule.at or ())
        for name in [*([rule.variable] if rule.variable else []), *(rule.missing or ())]:
            variable = variables[name]
            found[f"variable {name}"] = _variable(variable)
            points += variable.over or ()
        for point in _with_those_before(protocol, points):
            found[f"timepoint {point}"] = protocol.timepoints[point].model_dump(mode="json")
    return found


def rule_hash(protocol: Protocol, criterion: Criterion) -> str:
    """SHA-256 of what the criterion asks."""
    return _sha([structure(criterion), named(protocol, criterion)])


def wording_hash(criterion: Criterion) -> str:
    """SHA-256 of how it is worded: label and guidance."""
    guidance = criterion.guidance.model_dump() if criterion.guidance else None
    return _sha([criterion.label.model_dump(), guidance])


def _variable(variable: Variable) -> dict[str, Any]:
    return {
        "source": [source.model_dump(mode="json", by_alias=True) for source in variable.source],
        "at": list(variable.at),
        "over": list(variable.over or ()),
        "codes": [value.code for value in variable.values],
        "step": str(variable.step),
    }


def _leaves(rule: Rule) -> Iterator[Rule]:
    children = (*(rule.all or ()), *(rule.any or ()), *([rule.not_] if rule.not_ else []))
    if not children:
        yield rule
    for child in children:
        yield from _leaves(child)


def _with_those_before(protocol: Protocol, points: list[str]) -> Iterator[str]:
    """``points``, and those that each is counted from."""
    waiting, seen = list(points), set[str]()
    while waiting:
        point = waiting.pop()
        if point not in seen:
            seen.add(point)
            yield point
            after = protocol.timepoints[point].after
            waiting += [after] if after else []


def _sha(value: Any) -> str:
    return hashlib.sha256(canonical(value).encode()).hexdigest()
