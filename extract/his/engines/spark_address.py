"""Where a Spark source is and how much of its cluster is taken: the URL of site.toml, read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from extract.errors import SiteInvalid, SourceUnreachable

__all__ = ["Address", "read_address"]

_KEYS: Final = ("lake", "database", "cores", "memory", "driver")
_MEMORY: Final = re.compile(r"([1-9]\d*)([mg])")
_LEAST_MB: Final = 450
"""Spark refuses a smaller executor."""
_EXAMPLE: Final = "Write one such as spark://master:7077?lake=/data/lake or spark://master:7077?database=his."


@dataclass(frozen=True)
class Address:
    """One source on one cluster."""

    master: str
    """``spark://host:port``; "" where spark-defaults.conf names the master (YARN, ...)."""
    lake: str = ""
    """A folder of files, as a URI that driver and workers read alike."""
    database: str = ""
    """A database of the catalog, ``name`` or ``catalog.name``."""
    cores: int = 2
    memory: str = "1g"
    """Of each executor."""
    driver: str = ""
    """This machine as the workers reach it, where its own name does not say so."""

    @property
    def hosts(self) -> list[tuple[str, int]]:
        """The masters."""
        place = self.master.partition("://")[2].partition("/")[0]
        found = [one.rpartition(":") if ":" in one else (one, "", "") for one in place.split(",") if one]
        return [(host, int(port) if port.isdigit() else 7077) for host, _, port in found]

    @property
    def where(self) -> str:
        """Cluster and data, without a token."""
        place = ",".join(f"{host}:{port}" for host, port in self.hosts) or "the configured cluster"
        what = (
            f"lake {self.lake.rstrip('/').rpartition('/')[2]}" if self.lake else f"database {self.database}"
        )
        return f"Spark at {place}, {what}"

    @property
    def cluster(self) -> tuple[str, int, str, str]:
        """What one driver is started with."""
        return self.master, self.cores, self.memory, self.driver


def read_address(url: str, root: Path) -> Address:
    """``url`` read; a relative lake is relative to ``root``. Raises SiteInvalid, SourceUnreachable."""
    head, _, query = url.partition("?")
    said = dict(part.partition("=")[::2] for part in query.split("&") if part)
    if unknown := sorted(set(said) - set(_KEYS)):
        raise SiteInvalid(
            f"site.toml: [source] url says {', '.join(unknown)}, which Spark's URL does not know",
            f"It knows {', '.join(_KEYS)}.",
        )
    given = {name: unquote(value) for name, value in said.items() if value}
    if ("lake" in given) == ("database" in given):
        raise SiteInvalid("site.toml: [source] url names neither a lake nor a database, or both", _EXAMPLE)
    cores, memory = given.get("cores", "2"), given.get("memory", "1g")
    if not cores.isdigit() or int(cores) < 1:
        raise SiteInvalid("site.toml: [source] url: cores is no number", "Write one such as cores=4.")
    size = _MEMORY.fullmatch(memory)
    if size is None or int(size[1]) * (1024 if size[2] == "g" else 1) < _LEAST_MB:
        raise SiteInvalid(
            f"site.toml: [source] url: memory is no size, or below {_LEAST_MB}m",
            "Write one such as memory=2g.",
        )
    master = head.rstrip("/") if head.partition("://")[2].strip("/") else ""
    return Address(
        master=master,
        lake=_uri(given.get("lake", ""), root),
        database=given.get("database", ""),
        cores=int(cores),
        memory=memory,
        driver=given.get("driver", ""),
    )


def _uri(lake: str, root: Path) -> str:
    if not lake or "://" in lake:
        return lake
    folder = (root / lake).resolve()
    if not folder.is_dir():
        raise SourceUnreachable(f"{folder.name}: there is no such folder", "Check [source] url in site.toml.")
    return f"file://{folder}"
