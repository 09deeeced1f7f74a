"""The expression language: AND OR NOT, brackets, quotes of every kind and field scopes, as a tree with positions.

Rules that are decisions (docs/keywords.md gives the reasons):

- Operators are AND, OR, NOT in capitals, half or full width, wherever no Latin letter or digit touches
  them: ``颈痛OR肩痛`` is two terms, ``ORIF`` is one.  NOT binds before AND, AND before OR.
- What merely looks like an operator (``or``, ``或``, ``&&``, ``、``) is refused with what to type instead.
- A quoted text with an operator between words is a group, and the text between two operators is one
  phrase: that is what “颈痛 OR 肩痛”AND“ESR” means on every search page it was copied from.
  ``『…』`` is always verbatim.
- Two terms side by side are an error: some search pages mean AND, others OR.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import NoReturn

from extract.errors import ExpressionInvalid
from extract.study.lexer import CLOSERS, DEFAULT_SCOPES, SCOPES, Token, Tokens, fault, is_group

__all__ = [
    "DEFAULT_SCOPES",
    "SCOPES",
    "And",
    "Node",
    "Not",
    "Or",
    "Term",
    "bounded",
    "parse_expression",
    "parse_search",
    "terms",
    "written",
]

_LONGEST_TERM, _MOST_TERMS, _DEEPEST = 200, 200, 50


@dataclass(frozen=True)
class Term:
    """A text to look for, and the fields it is looked for in."""

    text: str
    scopes: tuple[str, ...] = DEFAULT_SCOPES
    start: int = field(default=0, compare=False)
    end: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Not:
    """The visits that ``child`` does not match."""

    child: Node
    start: int = field(default=0, compare=False)
    end: int = field(default=0, compare=False)


@dataclass(frozen=True)
class And:
    """The visits that every child matches; no child is itself an And."""

    children: tuple[Node, ...]
    start: int = field(default=0, compare=False)
    end: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Or:
    """The visits that any child matches; no child is itself an Or."""

    children: tuple[Node, ...]
    start: int = field(default=0, compare=False)
    end: int = field(default=0, compare=False)


Node = And | Or | Not | Term


def parse_expression(text: str) -> Node:
    """The tree of ``text``; ``start`` and ``end`` of each node are offsets into it.

    Raises ExpressionInvalid with the text, a caret under the fault, and what to type.
    """
    node = _Parser(text, 0, len(text), phrases=False, depth=0).whole()
    found = list(terms(node))
    if len(found) > _MOST_TERMS:
        raise fault(
            text, found[_MOST_TERMS].start, f"there are more than {_MOST_TERMS} terms", "Split the study."
        )
    return node


def parse_search(text: str) -> Node:
    """The tree of a search that can be run. Raises ExpressionInvalid, also where no term must be found."""
    node = parse_expression(text)
    if not bounded(node):
        raise ExpressionInvalid(
            "the expression can be true without any term being found, and would fetch every visit",
            "Add a term that must be found: A AND NOT B instead of NOT B or A OR NOT B.",
        )
    return node


def bounded(node: Node, *, wanted: bool = True) -> bool:
    """Whether a hit of some term is needed to satisfy the tree; otherwise it fetches every visit."""
    if isinstance(node, Term):
        return wanted
    if isinstance(node, Not):
        return bounded(node.child, wanted=not wanted)
    ask = any if isinstance(node, And) == wanted else all
    return ask(bounded(child, wanted=wanted) for child in node.children)


def terms(node: Node) -> Iterator[Term]:
    """The terms of the tree from left to right."""
    if isinstance(node, Term):
        yield node
    elif isinstance(node, Not):
        yield from terms(node.child)
    else:
        for child in node.children:
            yield from terms(child)


def written(node: Node) -> str:
    """The tree in its plainest writing; ``parse_expression(written(tree)) == tree``."""
    if isinstance(node, Term):
        scope = "" if node.scopes == DEFAULT_SCOPES else f"{node.scopes[0]}:"
        return scope + _quoted(node.text)
    if isinstance(node, Not):
        return f"NOT {_inside(node.child)}"
    if isinstance(node, And):
        return " AND ".join(_inside(child) for child in node.children)
    return " OR ".join(_inside(child) for child in node.children)


def _inside(node: Node) -> str:
    return f"({written(node)})" if isinstance(node, And | Or) else written(node)


def _quoted(text: str) -> str:
    for opening, closing in ('""', "''", "「」"):
        if not set(CLOSERS[opening]) & set(text) and not is_group(text):
            return f"{opening}{text}{closing}"
    return f"『{text}』"


class _Parser:
    """Recursive descent over the tokens of one text or one quoted group."""

    def __init__(
        self, text: str, start: int, end: int, *, phrases: bool, depth: int, scope: str = ""
    ) -> None:
        self.text, self.end, self.depth = text, end, depth
        self.scope = scope
        self.tokens = list(Tokens(text, start, end, phrases=phrases))
        self.next = 0

    def whole(self) -> Node:
        if not self.tokens:
            raise fault(
                self.text, self.end, "the expression is empty", 'Type what to look for, such as "A" AND "B"'
            )
        node = self._or()
        if token := self._peek():
            raise fault(
                self.text, token.start, "this bracket closes nothing", "Remove it, or open one before."
            )
        return node

    def _peek(self) -> Token | None:
        return self.tokens[self.next] if self.next < len(self.tokens) else None

    def _take(self, *kinds: str) -> Token | None:
        token = self._peek()
        if token is None or token.kind not in kinds:
            return None
        self.next += 1
        return token

    def _or(self) -> Node:
        children = [self._and()]
        while self._take("OR"):
            children.append(self._and())
        return _joined(Or, children)

    def _and(self) -> Node:
        children = [self._not()]
        while True:
            if self._take("AND"):
                children.append(self._not())
                continue
            token = self._peek()
            if token is not None and token.kind not in {"OR", ")"}:
                self._side_by_side(token)
            return _joined(And, children)

    def _side_by_side(self, token: Token) -> NoReturn:
        before = self.tokens[self.next - 1]
        if token.kind == "NOT":
            raise fault(
                self.text, token.start, "NOT stands where AND or OR is needed", "Write AND NOT (or OR NOT)."
            )
        step = "Write AND or OR between them; 『…』 keeps a text as it stands."
        if before.kind == token.kind == "term":
            left, right = before.text, token.text
            step = (
                f'Write {left} AND {right}, or {left} OR {right}, or "{left} {right}" in quotes for the phrase; '
                "『…』 keeps a text as it stands."
            )
        raise fault(
            self.text, token.start, "two terms stand side by side with no operator between them", step
        )

    def _not(self) -> Node:
        if token := self._take("NOT"):
            self._deeper(token)
            child = self._not()
            self.depth -= 1
            return Not(child, token.start, child.end)
        return self._primary()

    def _primary(self) -> Node:
        token = self._peek()
        if token is None:
            last = self.tokens[-1]
            raise fault(
                self.text, last.start, f"{_name(last)} is followed by nothing", "Type the term it needs."
            )
        self.next += 1
        if token.kind == "scope":
            return self._scoped(token)
        if token.kind == "term":
            if len(token.text) > _LONGEST_TERM:
                raise fault(
                    self.text, token.start, f"a term is longer than {_LONGEST_TERM} characters", "Shorten it."
                )
            scopes = (self.scope,) if self.scope else DEFAULT_SCOPES
            return Term(token.text.strip(), scopes, token.start, token.end)
        if token.kind == "group":
            self._deeper(token)
            inner = _Parser(
                self.text, token.start + 1, token.end - 1, phrases=True, depth=self.depth, scope=self.scope
            )
            self.depth -= 1
            return replace(inner.whole(), start=token.start, end=token.end)
        if token.kind == "(":
            return self._bracket(token)
        previous = self.tokens[self.next - 2] if self.next > 1 else None
        if token.kind == ")":
            if previous and previous.kind == "(":
                raise fault(
                    self.text, previous.start, "there is nothing between the brackets", "Type a term there."
                )
            if previous is None:
                raise fault(
                    self.text, token.start, "this bracket closes nothing", "Remove it, or open one before."
                )
        where = f"after {_name(previous)}" if previous else "before it"
        raise fault(
            self.text,
            token.start,
            f"{_name(token)} needs a term {where}",
            f"Type the term, or put quotes around {_name(token)} if the word itself is sought.",
        )

    def _bracket(self, token: Token) -> Node:
        self._deeper(token)
        node = self._or()
        self.depth -= 1
        closing = self._take(")")
        if closing is None:
            raise fault(self.text, token.start, "this bracket is never closed", "Add ) where the group ends.")
        return replace(node, start=token.start, end=closing.end)

    def _scoped(self, token: Token) -> Node:
        if self.scope:
            raise fault(
                self.text,
                token.start,
                f"{token.text}: stands inside {self.scope}:",
                "A term has one field: close the outer group first.",
            )
        following = self._peek()
        if following is None or following.kind not in {"term", "group", "("}:
            raise fault(
                self.text, token.start, f"{token.text}: names no term", f'Write {token.text}:"the text"'
            )
        self.scope = token.text
        node = self._primary()
        self.scope = ""
        return replace(node, start=token.start)

    def _deeper(self, token: Token) -> None:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise fault(
                self.text, token.start, f"brackets are nested more than {_DEEPEST} deep", "Flatten them."
            )


def _name(token: Token) -> str:
    return {"(": "the bracket", ")": "the bracket", "scope": f"{token.text}:"}.get(token.kind, token.kind)


def _joined(kind: type[And | Or], children: list[Node]) -> Node:
    if len(children) == 1:
        return children[0]
    flat: list[Node] = []
    for child in children:
        flat.extend(child.children if isinstance(child, kind) else (child,))
    return kind(tuple(flat), children[0].start, children[-1].end)
