"""A site: one hospital's database, how hard it may be pressed, and the pack that reads it."""

from __future__ import annotations

import os
import re
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final, Literal
from urllib.parse import quote, urlsplit
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, field_validator

from extract.errors import SiteInvalid
from extract.his.encodings import Encoding, Encodings
from extract.his.guard.settings import Safety
from extract.his.guard.statements import check_select
from extract.his.mapping import check_yield
from extract.his.packs import (
    Count,
    LabConcept,
    LakeRules,
    LinkRule,
    Pack,
    PackTable,
    declared_encodings,
    parse_model,
    read_pack,
)
from extract.his.records import TABLES
from extract.study.folder import StudyFolder
from sql import packs

__all__ = [
    "Count",
    "LabConcept",
    "LakeRules",
    "Limits",
    "LinkRule",
    "Pack",
    "PackTable",
    "Site",
    "dialect_of",
    "load_site",
]

_VARIABLE: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Limits(_Model):
    """How hard the HIS may be pressed."""

    window: Literal["decade", "year", "quarter", "month"] = "year"
    statement_seconds: int = Field(default=300, ge=1)
    batch_rows: int = Field(default=20_000, ge=1)
    key_batch: int = Field(default=500, ge=1, le=500)
    count_scans: bool = True
    """False where the pack's counting queries, which read whole tables, are not welcome."""
    sweep_days: int = Field(default=7, ge=0)
    """So many days after a full pull comes the next, whatever the nights between say; 0: never."""
    trusted: tuple[str, ...] = ()
    """Canonical tables whose ``updated_at`` shows every change of a row; by default none is believed."""
    lookback_days: int = Field(default=31, ge=1)
    """The longest that a trusted time is looked back behind the last pull, however late changes have come."""
    drift_share: float = Field(default=0.5, gt=0, le=1)
    """A table that lost more than this share of its rows, or a column of its values, has drifted."""

    @field_validator("trusted")
    @classmethod
    def _canonical(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if unknown := [name for name in names if name not in TABLES]:
            raise ValueError(f"{', '.join(unknown)}: not a canonical table; they are {', '.join(TABLES)}")
        return names


class _Source(_Model):
    url: str
    zone: str = "Asia/Shanghai"

    @field_validator("zone")
    @classmethod
    def _known(cls, zone: str) -> str:
        try:
            ZoneInfo(zone)
        except (KeyError, ValueError, OSError):
            raise ValueError(f"{zone!r} is not a time zone; write one such as Asia/Shanghai") from None
        return zone


class _SiteFile(_Model):
    format: Literal[1]
    pack: str
    absent: tuple[str, ...] = ()
    source: _Source
    limits: Limits = Limits()
    safety: Safety = Safety()
    encoding: dict[str, Encoding] = {}


class Site(_Model):
    """One hospital. ``url`` may hold a password: it is never printed."""

    pack: Pack
    url: str = Field(repr=False)
    zone: str
    limits: Limits
    safety: Safety = Safety()
    encodings: Encodings = Encodings()
    root: Path
    """The study's folder, against which relative paths in ``url`` are read."""

    @property
    def dialect(self) -> str:
        """SQLAlchemy's name of the database: sqlite, postgresql, duckdb, ..."""
        return dialect_of(self.url)


def dialect_of(url: str) -> str:
    """The dialect of a URL: ``postgresql+psycopg://…`` is postgresql."""
    return urlsplit(url).scheme.partition("+")[0]


def load_site(folder: StudyFolder) -> Site:
    """The site of a study, from its site.toml. Raises SiteInvalid."""
    file = folder.site_file
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise SiteInvalid(
            f"{file.name}: cannot be read: {error.strerror}", "docs/packs.md shows what stands in site.toml."
        ) from None
    except UnicodeDecodeError:
        raise SiteInvalid(f"{file.name}: is not UTF-8", "Save the file as UTF-8.") from None
    read = parse_model(_SiteFile, text, file.name)
    url = _substituted(read.source.url)
    if "://" not in url:
        raise SiteInvalid(
            f"{file.name}: [source] url is not a URL",
            "Write one such as sqlite:///his.db or postgresql+psycopg://reader:${PASSWORD}@host/his.",
        )
    if dialect_of(url) == "sc":
        raise SiteInvalid(
            f"{file.name}: [source] url asks for Spark Connect, which is not spoken",
            "Write the cluster's master, such as spark://master:7077?lake=/data/lake.",
        )
    own = folder.root / "sql"
    pack = read_pack(
        _pack_folder(read.pack, folder.root),
        dialect_of(url),
        own=own if own.is_dir() else None,
        absent=read.absent,
    )
    for table in pack.tables.values():
        check_select(table.sql, dialect_of(url), table.origin)
        check_yield(table, dialect_of(url))
    for count in pack.counts:
        check_select(count.sql, dialect_of(url), f"{pack.name}/{count.file}")
    return Site(
        pack=pack,
        url=url,
        zone=read.source.zone,
        limits=read.limits,
        safety=read.safety,
        encodings=pack.encodings.over(declared_encodings(read.encoding, file.name)),
        root=folder.root,
    )


def _pack_folder(name: str, root: Path) -> Traversable:
    if not any(mark in name for mark in "/\\."):
        shipped = packs() / name
        if shipped.is_dir():
            return shipped
    own = root / name
    if own.is_dir():
        return own
    known = ", ".join(sorted(entry.name for entry in packs().iterdir() if (entry / "pack.toml").is_file()))
    raise SiteInvalid(
        f"site.toml: there is no pack {name!r}",
        f"Shipped packs: {known}. Or write the path of a folder of your own, relative to site.toml.",
    )


def _substituted(url: str) -> str:
    userinfo = range(url.find("://"), url.find("@") + 1)

    def value(match: re.Match[str]) -> str:
        if (found := os.environ.get(match[1])) is None:
            raise SiteInvalid(
                f"site.toml: the environment variable {match[1]} is not set", f"export {match[1]}=…"
            )
        # A password may hold @ or /, which mean something else in a URL.
        return quote(found, safe="") if match.start() in userinfo else found

    return _VARIABLE.sub(value, url)
