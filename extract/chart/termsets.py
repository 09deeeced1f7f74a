"""Term sets: versioned files of terms with owner, synonyms, look-alikes and tests, shared between studies.

A set is ``<id>-v<version>.toml``; the next version is a new file beside it, so ``examine`` can say what is new.
Words are looked for as a folded search does it: width, case and Traditional characters aside, a look-alike is no
hit, and an occurrence inside a longer spelling of the same term is one mention.
"""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from datetime import date
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import Field, ValidationError

from extract.chart.assertion import Reading, Status
from extract.errors import NotFound, ProtocolInvalid
from extract.study.keywords import Matcher
from extract.study.parts import Label, Model
from extract.study.protocol import Search

__all__ = ["TermSet", "examine", "load_set", "shipped"]

_FILE: Final = re.compile(r"(?P<id>.+)-v(?P<version>\d+)\.toml")
_ANY: Final = date(1900, 1, 1)


class SetTerm(Model):
    """One concept: the spelling that names it, other spellings, and longer strings that are something else."""

    term: str = Field(min_length=1)
    label: Label
    codes: tuple[str, ...] = ()
    """Codes of the concept in public classifications, for a reader; no search uses them."""
    synonyms: tuple[str, ...] = ()
    look_alikes: tuple[str, ...] = ()


class SetTest(Model):
    """A text, and what each term must find in it: statuses in the order of the text; [] for nothing."""

    text: str
    finds: dict[str, tuple[Status, ...]]


class TermSet(Model):
    """One version of a set."""

    format: Literal[1]
    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,40}$")
    version: int = Field(ge=1)
    owner: str = Field(min_length=1)
    title: Label
    term: tuple[SetTerm, ...] = Field(min_length=1)
    test: tuple[SetTest, ...] = Field(min_length=1)

    def told(self) -> dict[str, Any]:
        """The terms as JSON; ``synonyms`` and ``look_alikes`` go into a study's [search] as they stand."""
        return {
            "id": self.id,
            "version": self.version,
            "owner": self.owner,
            "terms": [
                {"term": t.term, "synonyms": list(t.synonyms), "look_alikes": list(t.look_alikes)}
                for t in self.term
            ],
        }

    def matcher(self) -> Matcher:
        """A folded search for any term of the set."""
        quoted = (f'"{t.term}"' for t in self.term)
        return Matcher.of(
            Search.model_validate(
                {
                    "expression": " OR ".join(quoted),
                    "from": _ANY,
                    "to": _ANY,
                    "match": "folded",
                    "synonyms": {t.term: list(t.synonyms) for t in self.term},
                    "look_alike": {t.term: list(t.look_alikes) for t in self.term},
                }
            )
        )


def shipped(name: str) -> Path:
    """The newest version of a shipped set, or the version that ``name-v2`` names. Raises NotFound."""
    with as_file(files("sql") / "terms") as folder:
        there = sorted(folder.glob("*.toml"), key=lambda p: (_named(p)[0], _named(p)[1]))
    for path in reversed(there):
        if name in {path.stem, _named(path)[0]}:
            return path
    raise NotFound(
        f"{name}: no such file, and no term set of that name is shipped",
        f"Shipped are: {', '.join(p.stem for p in there)}.",
    )


def load_set(path: Path) -> TermSet:
    """The set in ``path``. Raises ProtocolInvalid where it is not one, or its tests name no term of it."""
    try:
        found = TermSet.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ProtocolInvalid(f"{path}: {error}", "A term set is TOML in UTF-8; see docs/terms.md.") from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(p) for p in first["loc"])
        raise ProtocolInvalid(f"{path}: {place}: {first['msg']}", "See docs/terms.md.") from None
    words = Counter(word for t in found.term for word in (t.term, *t.synonyms))
    if twice := [word for word, n in words.items() if n > 1]:
        raise ProtocolInvalid(f"{path}: {twice[0]} stands in the set twice", "One word belongs to one term.")
    unknown = {name for one in found.test for name in one.finds} - {t.term for t in found.term}
    if unknown:
        raise ProtocolInvalid(f"{path}: a test names {min(unknown)}", "Tests name terms of the set.")
    named = _FILE.fullmatch(path.name)
    if named and (named["id"], int(named["version"])) != (found.id, found.version):
        raise ProtocolInvalid(
            f"{path}: it says it is {found.id} version {found.version}",
            "The file is named <id>-v<version>.toml.",
        )
    return found


def examine(one: TermSet, path: Path) -> dict[str, Any]:
    """The set against its own tests: counts by term, failures, and what is new since the version before it."""
    counts = {t.term: Counter[str]() for t in one.term}
    failures: list[dict[str, Any]] = []
    for number, test in enumerate(one.test, 1):
        found, alike = _found(one.matcher(), test.text)
        for term, statuses in found.items():
            counts[term]["hits"] += len(statuses)
            counts[term]["negated"] += statuses.count("negated")
        for term, n in alike.items():
            counts[term]["look_alikes"] += n
        for term, expected in test.finds.items():
            if (said := found.get(term, [])) != list(expected):
                failures.append({"test": number, "term": term, "expected": list(expected), "found": said})
    terms = [
        {"term": term, **{kind: n[kind] for kind in ("hits", "negated", "look_alikes")}}
        for term, n in counts.items()
    ]
    return {
        "id": one.id,
        "version": one.version,
        "owner": one.owner,
        "ok": not failures,
        "tests": len(one.test),
        "terms": terms,
        "failures": failures,
        "since": _since(one, path),
    }


def _found(matcher: Matcher, text: str) -> tuple[dict[str, list[Status]], Counter[str]]:
    reading = Reading(text)
    found: dict[str, list[Status]] = {}
    for hit in sorted(matcher.find(text, "document"), key=lambda hit: hit.start):
        found.setdefault(hit.term, []).append(reading.assess(hit.start, hit.end).status)
    return found, Counter(hit.term for hit in matcher.look_alikes(text, "document"))


def _since(one: TermSet, path: Path) -> dict[str, Any] | None:
    older = [
        (version, p)
        for p in path.parent.glob(f"{one.id}-v*.toml")
        if (version := _named(p)[1]) < one.version and _named(p)[0] == one.id
    ]
    if not older:
        return None
    last = load_set(max(older)[1])
    now, then = _words(one), _words(last)
    texts = [test.text for test in one.test]
    here, there = _places(one, texts), _places(last, texts)
    return {
        "version": last.version,
        "added": [dict(zip(("term", "what", "word"), w, strict=True)) for w in sorted(now - then)],
        "removed": [dict(zip(("term", "what", "word"), w, strict=True)) for w in sorted(then - now)],
        "new_hits": len(here - there),
        "lost_hits": len(there - here),
    }


def _words(one: TermSet) -> set[tuple[str, str, str]]:
    return {
        (t.term, what, word)
        for t in one.term
        for what, words in (("term", (t.term,)), ("synonym", t.synonyms), ("look-alike", t.look_alikes))
        for word in words
    }


def _places(one: TermSet, texts: list[str]) -> set[tuple[int, int, int]]:
    matcher = one.matcher()
    return {(i, hit.start, hit.end) for i, text in enumerate(texts) for hit in matcher.find(text, "document")}


def _named(path: Path) -> tuple[str, int]:
    match = _FILE.fullmatch(path.name)
    return (match["id"], int(match["version"])) if match else (path.stem, 0)
