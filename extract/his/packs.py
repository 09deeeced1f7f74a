"""Mapping packs: what a hospital's tables mean, as data; the format is docs/packs.md.

A pack is a folder with one SELECT per canonical table and a ``pack.toml``.  This module holds the model
of pack.toml and reads the SQL files; it knows no database.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from decimal import Decimal
from importlib.resources.abc import Traversable
from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from extract.errors import SiteInvalid
from extract.his.encodings import Encoding, Encodings
from extract.his.records import TABLES
from extract.study.positions import line_of
from extract.study.protocol import Label

__all__ = [
    "Count",
    "LabConcept",
    "LakeRules",
    "LinkRule",
    "Pack",
    "PackTable",
    "declared_encodings",
    "parse_model",
    "read_pack",
]

_HEADER: Final = re.compile(r"^--\s*(name|purpose|params|grain|phi)\s*:\s*(.+)$", re.MULTILINE)
_NAME: Final = re.compile(r"^[a-z][a-z0-9_]*$")


def _exact(value: object) -> object:
    return Decimal(str(value)) if isinstance(value, float) else value


Factor = Annotated[Decimal, BeforeValidator(_exact)]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class LabConcept(_Model):
    """One analyte: the item names and codes that mean it, those that do not, and its units."""

    names: tuple[str, ...] = ()
    """Whole item names, compared after folding."""
    codes: tuple[str, ...] = ()
    not_names: tuple[str, ...] = ()
    """An item whose name contains one of these is something else."""
    unit: str
    """The canonical unit."""
    units: dict[str, Factor]
    """Spelling of a unit -> factor to the canonical unit; a spelling that is not listed has none."""


class LinkRule(_Model):
    """How a record without a visit finds one: same patient, so many days around the visit."""

    before_days: int = Field(default=0, ge=0)
    after_days: int = Field(default=0, ge=0)


class LakeRules(_Model):
    """How files are read where the source is a folder of them."""

    all_text: bool = False
    """CSV columns stay text, so that keys keep their leading zeros."""
    empty: dict[str, tuple[str, ...]] = {}
    """Tables that an export leaves out when they have no row -> their columns."""
    ndjson: dict[str, dict[str, str]] = {}
    """Tables that are NDJSON -> the columns that are read, with their DuckDB types."""


class Count(_Model):
    """A counting query: what the mapping cannot deliver, or leaves out on purpose."""

    table: str
    reason: str = Field(pattern=r"^[a-z][a-z_]*$")
    file: str
    label: Label
    sql: str = Field(default="", exclude=True)


class PackTable(_Model):
    """The SELECT of one canonical table."""

    name: str
    sql: str
    origin: str
    """Where the text comes from, for messages: ``jw1/lab.sql`` or ``sql/lab.sql`` of the study."""


class _PackFile(_Model):
    format: Literal[1]
    name: str = Field(pattern=r"^[a-z][a-z0-9_-]*$")
    version: str
    label: Label
    dialects: tuple[str, ...] = Field(min_length=1)
    absent: tuple[str, ...] = ()
    lake: LakeRules = LakeRules()
    encoding: dict[str, Encoding] = {}
    count: tuple[Count, ...] = ()
    link: dict[str, LinkRule] = {}
    lab: dict[str, LabConcept] = {}
    imaging: dict[str, tuple[str, ...]] = {}
    medication: dict[str, tuple[str, ...]] = {}
    procedure: dict[str, tuple[str, ...]] = {}
    scale: dict[str, tuple[str, ...]] = {}


class Pack(_Model):
    """A pack as read for one dialect: the SELECT of every table it has, and its concepts."""

    name: str
    version: str
    dialects: tuple[str, ...]
    tables: dict[str, PackTable]
    """By canonical name; a table that is not here is declared absent."""
    absent: tuple[str, ...]
    counts: tuple[Count, ...]
    lake: LakeRules
    encodings: Encodings = Encodings()
    link: dict[str, LinkRule]
    labs: dict[str, LabConcept]
    imaging: dict[str, tuple[str, ...]]
    medication: dict[str, tuple[str, ...]]
    procedure: dict[str, tuple[str, ...]]
    scales: dict[str, tuple[str, ...]]


_M = TypeVar("_M", bound=BaseModel)


def parse_model(model: type[_M], text: str, name: str) -> _M:
    """``text`` as ``model``. Raises SiteInvalid with the file's name and the line of each fault."""
    try:
        data: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SiteInvalid(f"{name}: not valid TOML: {error}", "docs/packs.md shows the format.") from None
    try:
        return model.model_validate(data)
    except ValidationError as error:
        lines = [
            f"{name}, line {line_of(text, problem['loc'])}: "
            f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg'].removeprefix('Value error, ')}"
            for problem in error.errors()
        ]
        raise SiteInvalid("\n".join(dict.fromkeys(lines)), "docs/packs.md shows the format.") from None


def read_pack(
    folder: Traversable, dialect: str, *, own: Traversable | None = None, absent: Sequence[str] = ()
) -> Pack:
    """The pack in ``folder`` for ``dialect``; files in ``own`` take the place of the pack's.

    ``absent`` adds tables that this hospital lacks.  Raises SiteInvalid: no pack.toml, a fault in it, a
    dialect that the pack does not speak, a table that has neither a file nor a word that it is absent.
    """
    label = folder.name
    file = folder / "pack.toml"
    if not file.is_file():
        raise SiteInvalid(
            f"{label}: there is no pack.toml here", "docs/packs.md shows how a pack is written."
        )
    read = parse_model(_PackFile, file.read_text(encoding="utf-8"), f"{label}/pack.toml")
    if dialect not in read.dialects:
        raise SiteInvalid(
            f"pack {read.name} is not written for {dialect} (it speaks {', '.join(read.dialects)})",
            f'Write the files <table>.{dialect}.sql in the study\'s sql/ folder and add "{dialect}" to a '
            "copy of the pack, or choose another pack.",
        )
    gone = dict.fromkeys((*read.absent, *absent))
    for name in (*gone, *read.link, *(count.table for count in read.count)):
        if name not in TABLES:
            raise SiteInvalid(
                f"{label}/pack.toml: {name!r} is not a canonical table", f"They are: {', '.join(TABLES)}."
            )
    return Pack(
        name=read.name,
        version=read.version,
        dialects=read.dialects,
        tables=_tables(folder, dialect, own, tuple(gone)),
        absent=tuple(gone),
        counts=tuple(_counted(count, folder) for count in read.count if count.table not in gone),
        lake=read.lake,
        encodings=declared_encodings(read.encoding, f"{label}/pack.toml"),
        link=read.link,
        labs=read.lab,
        imaging=read.imaging,
        medication=read.medication,
        procedure=read.procedure,
        scales=read.scale,
    )


def declared_encodings(said: dict[str, Encoding], name: str) -> Encodings:
    """``[encoding]`` of the file ``name``. Raises SiteInvalid for a table or column that there is not."""
    try:
        return Encodings(declared=said)
    except ValidationError as error:
        said_wrong = str(error.errors()[0]["msg"]).removeprefix("Value error, ")
        raise SiteInvalid(f"{name}: {said_wrong}", "docs/packs.md shows the columns.") from None


def _tables(
    folder: Traversable, dialect: str, own: Traversable | None, absent: tuple[str, ...]
) -> dict[str, PackTable]:
    tables = {}
    for name in TABLES:
        found = _text(own, name, dialect) or _text(folder, name, dialect)
        if name in absent:
            continue
        if found is None:
            raise SiteInvalid(
                f"pack {folder.name} has no {name}.sql and does not say that the table is absent",
                f'Write {name}.sql, or add absent = ["{name}"] to pack.toml or site.toml.',
            )
        origin, text = found
        tables[name] = PackTable(name=name, sql=_body(text, origin), origin=origin)
    for needed in ("patient", "visit"):
        if needed not in tables:
            raise SiteInvalid(
                f"the table {needed} is declared absent; without it there is no study",
                f"Write {needed}.sql: a SELECT over whatever table names the {needed}s.",
            )
    return tables


def _text(folder: Traversable | None, name: str, dialect: str) -> tuple[str, str] | None:
    if folder is None or not folder.is_dir():
        return None
    for file in (f"{name}.{dialect}.sql", f"{name}.sql"):
        if (folder / file).is_file():
            return f"{folder.name}/{file}", (folder / file).read_text(encoding="utf-8")
    return None


def _counted(count: Count, folder: Traversable) -> Count:
    file = folder / count.file
    if not file.is_file():
        raise SiteInvalid(
            f"{folder.name}/pack.toml counts with {count.file}, which is not in the pack",
            "Write the file: a SELECT that yields one row with one column n.",
        )
    origin = f"{folder.name}/{count.file}"
    return count.model_copy(update={"sql": _body(file.read_text(encoding="utf-8"), origin)})


def _body(text: str, origin: str) -> str:
    header = {match[1] for match in _HEADER.finditer(text)}
    missing = [key for key in ("name", "purpose", "params", "grain", "phi") if key not in header]
    if missing:
        raise SiteInvalid(
            f"{origin}: the header lacks {', '.join(missing)}",
            "Each SQL file opens with -- name, purpose, params, grain and phi lines.",
        )
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("--")]
    return "\n".join(lines).strip().rstrip(";").strip()
