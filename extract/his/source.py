"""Opening a site's database: which engine its URL asks for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from extract.his.engines.base import Engine
from extract.his.sites import Site

__all__ = ["is_odbc", "opened", "source"]


@contextmanager
def source(site: Site) -> Iterator[Engine]:
    """A read-only session with the site's database.

    Raises DriverMissing, SourceUnreachable, SourceRefused, SiteInvalid.
    """
    engine = opened(site)
    try:
        yield engine
    finally:
        engine.close()


def is_odbc(url: str) -> bool:
    """Whether a URL asks for ODBC: ``odbc://…``, or ``<dialect>+odbc://…`` where the SQL is not the common one."""
    scheme = url.partition("://")[0]
    return scheme == "odbc" or scheme.endswith("+odbc")


def opened(site: Site) -> Engine:
    """A session that its caller closes. Raises as ``source``."""
    if site.dialect == "duckdb":
        from extract.his.engines.lake import LakeEngine
        from extract.his.engines.lake_files import Reading

        path = site.root / site.url.partition("://")[2].removeprefix("/")
        return LakeEngine(
            path,
            zone=site.zone,
            seconds=site.limits.statement_seconds,
            reading=Reading(**dict(site.pack.lake)),
        )
    if site.dialect == "spark":
        from extract.his.engines.spark import SparkEngine

        return SparkEngine(
            site.url,
            root=site.root,
            zone=site.zone,
            seconds=site.limits.statement_seconds,
            all_text=site.pack.lake.all_text,
            empty=site.pack.lake.empty,
        )
    if is_odbc(site.url):
        from extract.his.engines.odbc import OdbcEngine

        return OdbcEngine(
            site.url, dialect=site.dialect, zone=site.zone, seconds=site.limits.statement_seconds
        )
    from extract.his.engines.relational import RelationalEngine

    return RelationalEngine(site.url, root=site.root, zone=site.zone, seconds=site.limits.statement_seconds)
