"""A demo hospital that stands, opened for changes: its tables as SQLAlchemy knows them, in one transaction."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from extract.errors import NotFound, SourceUnreachable
from extract.synthetic.schema import TABLES

__all__ = ["opened", "tables"]

_SECONDS: Final = sqlite.DATETIME(truncate_microseconds=True)  # type: ignore[no-untyped-call]
"""SQLite's text for a time, as the build writes it."""


@contextmanager
def opened(target: Path | str) -> Iterator[sa.Connection]:
    """A connection whose work is kept when the block ends well. Raises NotFound, SourceUnreachable."""
    url = sa.make_url(target if isinstance(target, str) and "://" in target else f"sqlite:///{target}")
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").is_file():
        raise NotFound(f"{url.database}: there is no such hospital", "`cohortlock demo` builds one.")
    engine = sa.create_engine(url)
    try:
        with engine.begin() as connection:
            yield connection
    except sa.exc.OperationalError:
        raise SourceUnreachable(
            f"{url.render_as_string()}: does not answer", "Check host, port, name and login."
        ) from None
    finally:
        engine.dispose()


def _type(sql: str) -> sa.types.TypeEngine[Any]:
    if sql.startswith("INTEGER"):
        return sa.Integer()
    if sql.startswith("NUMERIC"):
        return sa.Numeric(asdecimal=False)
    if sql.startswith("TIMESTAMP"):
        return sa.DateTime().with_variant(_SECONDS, "sqlite")
    return sa.Text()


def tables() -> dict[str, sa.Table]:
    """Every table by its name in ``schema.TABLES``; columns are spelled in lower case."""
    # Written in lower case: PostgreSQL folds unquoted names so, and SQLite does not mind.
    metadata = sa.MetaData()
    return {
        name: sa.Table(
            name.lower(), metadata, *(sa.Column(c.lower(), _type(kind)) for c, kind in one.columns)
        )
        for name, one in TABLES.items()
    }
