"""Lint of the search: its dates, its terms, their synonyms and look-alikes."""

from __future__ import annotations

from collections.abc import Iterator

from extract.study.expression import And, Node, Not, Or, Term, parse_search, terms, written
from extract.study.findings import Finding
from extract.study.folding import folded_text
from extract.study.protocol import Protocol, Search

__all__ = ["search_findings"]

_SHORT = 4
"""An ASCII word of so many letters is inside many longer ones."""


def search_findings(protocol: Protocol) -> Iterator[Finding]:
    """What is wrong or doubtful in ``[search]``; the expression itself parses."""
    search = protocol.search
    if search.from_ > search.to:
        yield Finding(
            ("search", "to"),
            "error",
            "empty-window",
            f"the search ends on {search.to} and begins on {search.from_}: no visit lies between",
            "Swap from and to.",
        )
    node = parse_search(search.expression)
    yield from _mixed(node)
    found = list(dict.fromkeys(terms(node)))
    yield from _contained(found)
    yield from _look_alikes(found, search)
    yield from _idle(found, search)


def _mixed(node: Node) -> Iterator[Finding]:
    """AND beside OR without brackets: search pages differ in what they make of it."""
    if isinstance(node, Term):
        return
    children = (node.child,) if isinstance(node, Not) else node.children
    for child in children:
        if isinstance(node, Or) and isinstance(child, And) and child.start == child.children[0].start:
            yield Finding(
                ("search", "expression"),
                "warning",
                "mixed-operators",
                f"AND and OR stand side by side; AND binds first: {written(node)}",
                "Write the brackets, so that every reader sees the same search.",
            )
        yield from _mixed(child)


def _contained(found: list[Term]) -> Iterator[Finding]:
    for short in found:
        for long in found:
            if short.text != long.text and short.text in long.text and set(long.scopes) <= set(short.scopes):
                yield Finding(
                    ("search", "expression"),
                    "warning",
                    "contained-term",
                    f"every text that contains {long.text} contains {short.text}: "
                    "one of the two terms changes nothing, or is hit by the other",
                    f'Drop one, or declare look_alike = {{ "{short.text}" = ["{long.text}"] }}.',
                )


def _look_alikes(found: list[Term], search: Search) -> Iterator[Finding]:
    declared = {folded_text(key): words for key, words in search.look_alike.items()}
    for term in {term.text: term for term in found}.values():
        own = declared.get(folded_text(term.text), [])
        for key, words in search.look_alike.items():
            for word in words:
                if folded_text(key) != folded_text(term.text) and term.text in word and word not in own:
                    yield Finding(
                        ("search", "look_alike"),
                        "warning",
                        "look-alike",
                        f"{word} is declared a look-alike of {key}, but {term.text} hits it too",
                        f'Add it to look_alike "{term.text}".',
                    )
        if not own and term.text.isascii() and term.text.isalnum() and len(term.text) <= _SHORT:
            yield Finding(
                ("search", "expression"),
                "warning",
                "look-alike",
                f"{term.text} is also found inside longer words, and no look-alike of it is declared",
                f'List them: look_alike = {{ {term.text} = ["{term.text}…"] }}; '
                "`cohortlock why` shows what was hit.",
            )


def _idle(found: list[Term], search: Search) -> Iterator[Finding]:
    known = {folded_text(term.text) for term in found}
    for name, lists in (("synonyms", search.synonyms), ("look_alike", search.look_alike)):
        for key in lists:
            if folded_text(key) not in known:
                yield Finding(
                    ("search", name, key),
                    "warning",
                    "unused-term",
                    f"{name} are given for {key}, which the expression does not contain",
                    "Remove the entry, or write the term as in the expression.",
                )
    for key, words in search.look_alike.items():
        spellings = [folded_text(word) for word in (key, *search.synonyms.get(key, []))]
        for word in words:
            plain = folded_text(word)
            if not any(spelling != plain and spelling in plain for spelling in spellings):
                yield Finding(
                    ("search", "look_alike", key),
                    "warning",
                    "idle-look-alike",
                    f"{word} does not contain {key} or a synonym of it, so it hides nothing",
                    "A look-alike is a longer text around the term.",
                )
