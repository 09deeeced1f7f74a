"""Where in a TOML text a value stands, so that every complaint can name its line."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Final

__all__ = ["Place", "line_of", "places"]

Place = tuple[str | int, ...]

_BARE: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")


def line_of(text: str, place: Sequence[str | int]) -> int:
    """The 1-based line of the deepest part of ``place`` that the text shows; 1 when nothing matches.

    ``place`` is a path such as ``("variable", 3, "range", 0)``: table, index of ``[[table]]``, key, item.
    """
    found = places(text)
    for depth in range(len(place), 0, -1):
        if (line := found.get(tuple(place[:depth]))) is not None:
            return line
    return 1


def places(text: str) -> dict[Place, int]:
    """The line of every table, key and item; of a text that is not TOML, up to the fault."""
    scan = _Scan(text)
    with suppress(IndexError):  # the text ends inside a value: what was seen so far stands
        scan.document()
    return scan.found


class _Scan:
    """Walks a TOML text and notes where paths begin; it checks nothing (tomllib does)."""

    def __init__(self, text: str) -> None:
        self.text, self.at, self.line = text, 0, 1
        self.found: dict[Place, int] = {}
        self.last_index: dict[Place, int] = {}

    def document(self) -> None:
        table: Place = ()
        while self._skip():
            if self.text[self.at] == "[":
                table = self._header()
            else:
                self._pair(table)

    def _header(self) -> Place:
        line, many = self.line, self.text[self.at + 1] == "["
        self._step(2 if many else 1)
        self._skip()
        path: Place = ()
        for part in self._key():
            path = (*path, part)
            self.found.setdefault(path, line)
            if path in self.last_index:
                path = (*path, self.last_index[path])
        if many:
            name = path[:-1] if path and isinstance(path[-1], int) else path
            self.last_index[name] = self.last_index.get(name, -1) + 1
            path = (*name, self.last_index[name])
        self.found[path] = line
        while self.at < len(self.text) and self.text[self.at] in "] \t":
            self._step()
        return path

    def _pair(self, table: Place) -> None:
        line, path = self.line, table
        for part in self._key():
            path = (*path, part)
            self.found.setdefault(path, line)
        self._skip()
        self._step()  # the equals sign
        self._skip()
        self._value(path)

    def _key(self) -> list[str]:
        parts = []
        while True:
            self._skip()
            if self.text[self.at] in "\"'":
                parts.append(self._string())
            else:
                start = self.at
                while self.text[self.at] in _BARE:
                    self._step()
                parts.append(self.text[start : self.at])
            self._skip()
            if self.text[self.at] != ".":
                if not parts[-1]:
                    self._step()  # no key at all: step over, so that the walk ends
                return parts
            self._step()

    def _value(self, path: Place) -> None:
        mark = self.text[self.at]
        if mark in "\"'":
            self._string()
        elif mark in "[{":
            self._step()
            index = 0
            while self._skip() and self.text[self.at] not in "]}":
                if self.text[self.at] == ",":
                    self._step()
                elif mark == "[":
                    self.found[*path, index] = self.line
                    self._value((*path, index))
                    index += 1
                else:
                    self._pair(path)
            self._step()
        else:
            while self.at < len(self.text) and self.text[self.at] not in ",]}\n#":
                self._step()

    def _string(self) -> str:
        mark = self.text[self.at]
        close = mark * 3 if self.text.startswith(mark * 3, self.at) else mark
        self._step(len(close))
        start = self.at
        while not self.text.startswith(close, self.at):
            self._step(2 if mark == '"' and self.text[self.at] == "\\" else 1)
        inner = self.text[start : self.at]
        self._step(len(close))
        return inner

    def _skip(self) -> bool:
        """Step over blanks and comments; whether anything is left."""
        while self.at < len(self.text):
            if self.text[self.at] == "#":
                while self.at < len(self.text) and self.text[self.at] != "\n":
                    self._step()
            elif self.text[self.at].isspace():
                self._step()
            else:
                return True
        return False

    def _step(self, count: int = 1) -> None:
        for _ in range(count):
            self.line += self.text[self.at] == "\n"  # IndexError at the end of the text
            self.at += 1
