"""A case at fault made small: whatever can be left out without its becoming right is left out."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from extract.study.expression import And, Node, Not, Or, Term, bounded, terms
from extract.study.keywords import written

cases: Any = sys.modules["spec_cases"]


def smallest(case: Any, wrong: Callable[[Any], bool]) -> Any:
    """The least that is still wrong: no single step of ``simpler`` leads on from it."""
    tried: set[str] = set()
    going = True
    while going:
        going = False
        for one in simpler(case):
            if (known := repr(one)) in tried:
                continue
            tried.add(known)
            if wrong(one):
                case, going = one, True
                break
    return case


def simpler(case: Any) -> Iterator[Any]:
    """Each case that is one step simpler; the steps that take away most come first."""
    hospital, question = case.hospital, case.question
    for records in (*_fewer(hospital), *_shorter(hospital)):
        yield replace(case, hospital=records)
    for asked in _plainer(question):
        yield replace(case, question=asked)


def _fewer(hospital: Any) -> Iterator[Any]:
    for size in (len(hospital.entries) // 2, 1):
        for at in range(0, len(hospital.entries), size or 1):
            yield replace(hospital, entries=hospital.entries[:at] + hospital.entries[at + (size or 1) :])
    for name in ("visits", "persons"):
        for key in getattr(hospital, name):
            yield replace(hospital, **{name: {k: v for k, v in getattr(hospital, name).items() if k != key}})


def _shorter(hospital: Any) -> Iterator[Any]:
    for at, entry in enumerate(hospital.entries):
        text = entry.text or ""
        less = [replace(entry, text=text[:i] + text[i + 1 :]) for i in range(len(text))]
        less += [replace(entry, amount=None)] if entry.amount is not None else []
        less += [replace(entry, of=None)] if entry.of is not None else []
        for one in less:
            yield replace(hospital, entries=[*hospital.entries[:at], one, *hospital.entries[at + 1 :]])
    for person, into in hospital.persons.items():
        if into is not None:
            yield replace(hospital, persons=hospital.persons | {person: None})


def _plainer(question: Any) -> Iterator[Any]:
    search = question.search
    if question.size != "decade":
        yield replace(question, size="decade")
    for name in ("synonyms", "look_alike"):
        if getattr(search, name):
            yield replace(question, search=search.model_copy(update={name: {}}))
    for tree in _smaller(question.tree):
        if bounded(tree):
            named = {term.text for term in terms(tree)}
            kept = {
                name: {k: v for k, v in getattr(search, name).items() if k in named}
                for name in ("synonyms", "look_alike")
            }
            asked = search.model_copy(update={"expression": written(tree), **kept})
            yield replace(question, tree=tree, search=asked)


def _smaller(node: Node) -> Iterator[Node]:
    if isinstance(node, Term):
        for i in range(len(node.text)):
            if rest := (node.text[:i] + node.text[i + 1 :]).strip():
                yield replace(node, text=rest)
    elif isinstance(node, Not):
        yield node.child
        for less in _smaller(node.child):
            yield Not(less)
    else:
        yield from node.children
        kind = And if isinstance(node, And) else Or
        for at, child in enumerate(node.children):
            rest = (*node.children[:at], *node.children[at + 1 :])
            if len(rest) > 1:
                yield kind(rest)
            for less in _smaller(child):
                yield kind((*node.children[:at], less, *node.children[at + 1 :]))
