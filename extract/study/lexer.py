"""Tokens of the expression language: operators, brackets, quotes, fields and terms, each with its place."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final, NoReturn

from extract.errors import ExpressionInvalid
from extract.study.caret import caret_under

__all__ = ["CLOSERS", "DEFAULT_SCOPES", "SCOPES", "Token", "Tokens", "fault", "is_group"]

SCOPES: Final[tuple[str, ...]] = ("document", "diagnosis", "imaging", "lab", "medication", "procedure")
"""The fields a term can be bound to."""
DEFAULT_SCOPES: Final[tuple[str, ...]] = ("document", "diagnosis", "imaging", "lab")
"""What a term without a field searches."""

_ALIASES: Final[dict[str, str]] = {name: name for name in SCOPES} | {
    alias: name
    for name, aliases in {
        "document": "病历 文书",
        "diagnosis": "诊断",
        "imaging": "影像 检查",
        "lab": "检验",
        "medication": "用药 药品",
        "procedure": "手术 操作",
    }.items()
    for alias in aliases.split()
}
_DOUBLE: Final = '"“”„‟＂〝〞'
_SINGLE: Final = "'‘’‚‛＇"
CLOSERS: Final[dict[str, str]] = {
    **dict.fromkeys(_DOUBLE, _DOUBLE),
    **dict.fromkeys(_SINGLE, _SINGLE),
    "「": "」",
    "『": "』",
}
_OPEN, _CLOSE, _COLONS = "(（﹙", ")）﹚", ":："
_OPERATOR: Final = re.compile(
    r"(?<![0-9A-Za-z_０-９Ａ-Ｚａ-ｚ-])(AND|OR|NOT|ＡＮＤ|ＯＲ|ＮＯＴ)(?![0-9A-Za-z_０-９Ａ-Ｚａ-ｚ-])"
)
_LOOKS_LIKE: Final[dict[str, str]] = {
    word: operator
    for operator, words in {
        "AND": "and 与 且 和 并且 & && +",
        "OR": "or 或 或者 | ||",
        "NOT": "not 非 !",
    }.items()
    for word in words.split()
}
_LIST_MARK: Final = re.compile(r"[、，,；;]")


@dataclass(frozen=True)
class Token:
    """One token: its kind, its half-open place in the text, and its text without quotes."""

    kind: str  # "(" ")" "AND" "OR" "NOT" "scope" "term" "group"
    start: int
    end: int
    text: str = ""


def fault(text: str, at: int, message: str, next_step: str) -> ExpressionInvalid:
    """The error to raise: ``message``, the text with a caret under character ``at``, what to type."""
    shown = f"\n{caret_under(text, at)}" if text.strip() else ""
    return ExpressionInvalid(message + shown, next_step)


def is_group(text: str) -> bool:
    """Whether a quoted text has an operator with words on both sides."""
    return any(text[: m.start()].strip() and text[m.end() :].strip() for m in _OPERATOR.finditer(text))


class Tokens:
    """Cuts ``text[start:end]`` into tokens; inside a quoted group blanks belong to the phrase."""

    def __init__(self, text: str, start: int, end: int, *, phrases: bool) -> None:
        self.text, self.at, self.end, self.phrases = text, start, end, phrases

    def __iter__(self) -> Iterator[Token]:
        while self.at < self.end:
            mark = self.text[self.at]
            if mark.isspace():
                self.at += 1
            elif mark in _OPEN or mark in _CLOSE:
                yield Token("(" if mark in _OPEN else ")", self.at, self.at + 1)
                self.at += 1
            elif mark in CLOSERS:
                yield self._quote()
            elif mark in "」』":
                raise fault(self.text, self.at, "this quote closes nothing", "Open it first, or remove it.")
            else:
                yield from self._bare()

    def _quote(self) -> Token:
        opened, mark = self.at, self.text[self.at]
        at = opened + 1
        while at < self.end and self.text[at] not in CLOSERS[mark]:
            at += 1
        if at >= self.end:
            raise fault(
                self.text,
                opened,
                f"the expression ends inside a quote that opened at character {opened + 1}",
                f"Close the quote with {CLOSERS[mark][0]}",
            )
        self.at = at + 1
        inner = self.text[opened + 1 : at]
        if not inner.strip():
            raise fault(
                self.text, opened, "there is nothing between the quotes", "Type the text to look for."
            )
        kind = "group" if mark != "『" and is_group(inner) else "term"
        return Token(kind, opened, self.at, inner)

    def _bare(self) -> Iterator[Token]:
        start = self.at
        while self.at < self.end and not self._ends_bare(self.text[self.at], start):
            self.at += 1
        position = start
        for operator in _OPERATOR.finditer(self.text, start, self.at):
            yield from self._word(position, operator.start())
            yield Token(unicodedata.normalize("NFKC", operator[1]), operator.start(), operator.end())
            position = operator.end()
        yield from self._word(position, self.at)

    def _ends_bare(self, mark: str, start: int) -> bool:
        if mark in _OPEN or mark in _CLOSE or mark in _DOUBLE or mark in "「」『』":
            return True
        if mark.isspace():
            return not self.phrases
        if mark not in _SINGLE:
            return False
        # An apostrophe inside a word belongs to it (Crohn's); behind an operator, a colon or a character
        # that is no Latin letter it opens a quote.
        before = self.text[self.at - 1] if self.at > start else " "
        operator = any(found.end() == self.at for found in _OPERATOR.finditer(self.text, start, self.at))
        return mark == "‘" or operator or not (before.isascii() and before.isalpha())

    def _word(self, start: int, end: int) -> Iterator[Token]:
        while start < end and self.text[start].isspace():
            start += 1
        while end > start and self.text[end - 1].isspace():
            end -= 1
        if start == end:
            return
        word = self.text[start:end]
        colon = next((i for i, mark in enumerate(word) if mark in _COLONS), -1)
        if colon >= 0:
            name = unicodedata.normalize("NFKC", word[:colon]).strip().lower()
            if name in _ALIASES:
                yield Token("scope", start, start + colon + 1, _ALIASES[name])
                yield from self._word(start + colon + 1, end)
                return
            if not self.phrases:
                self._unknown_scope(start, name)
        if not self.phrases:
            self._refuse_look_alikes(word, start)
        yield Token("term", start, end, word)

    def _unknown_scope(self, start: int, name: str) -> NoReturn:
        near = get_close_matches(name, _ALIASES, n=1)
        raise fault(
            self.text,
            start,
            f"there is no field {name!r}" if name else "a field name is missing before the colon",
            (f"Did you mean {near[0]}: ? " if near else "")
            + f"Fields are {', '.join(f'{s}:' for s in SCOPES)}; put quotes around a text that has a colon.",
        )

    def _refuse_look_alikes(self, word: str, start: int) -> None:
        operator = _LOOKS_LIKE.get(unicodedata.normalize("NFKC", word).lower())
        if operator:
            raise fault(
                self.text,
                start,
                f"{word!r} is not an operator",
                f'Write {operator} in capitals; if the word itself is sought, put it in quotes: "{word}"',
            )
        if mark := _LIST_MARK.search(word):
            parts = [part for part in _LIST_MARK.split(word) if part]
            raise fault(
                self.text,
                start + mark.start(),
                f"{mark[0]!r} does not say whether all or any of these is meant",
                f'Write {" OR ".join(parts)}; or "{word}" in quotes for the text as it stands.',
            )
        if "*" in word:
            raise fault(
                self.text,
                start + word.index("*"),
                "there are no wildcards",
                f"{word.replace('*', '') or 'A term'} already finds every text that contains it; "
                "put quotes around a text that has a star.",
            )
