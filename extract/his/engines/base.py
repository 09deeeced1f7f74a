"""What every engine does: run one SELECT and yield Arrow batches of a wanted schema, the same on all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Final, NamedTuple, Protocol, runtime_checkable

import pyarrow as pa

__all__ = ["NUMBER", "Ended", "EndsItself", "Engine", "number", "unwatched"]

NUMBER: Final = {b"form": b"number"}
"""Metadata of a text field that holds a number in its shortest decimal form."""


def number(name: str) -> pa.Field:
    """A field for a number of any source type, delivered as text: ``6.50`` and 6.5 are both ``6.5``."""
    return pa.field(name, pa.string(), metadata=NUMBER)


def unwatched() -> None:
    """Nobody watches over what an abandoned statement does on the server."""


class Engine(Protocol):
    """A read-only session with one database."""

    dialect: str
    """The SQL that is spoken, by SQLAlchemy's name."""
    where: str
    """Host and database, without a password."""
    abandoned: Callable[[], object]
    """Called when a stream is left before its end, before the driver cleans up; set by the guard."""

    @property
    def product(self) -> str:
        """What answers: postgresql, mariadb, mysql, oracle, mssql, sqlite, duckdb; "" for another."""
        ...

    def stream(
        self,
        sql: str,
        params: Mapping[str, object],
        schema: pa.Schema,
        *,
        batch_rows: int,
        unreadable: Counter[str] | None = None,
    ) -> Iterator[pa.RecordBatch]:
        """Rows of ``sql``, whose columns stand in the order of ``schema``.

        Binds are ``:name``.  Values are brought to one form (``forms``); ``unreadable`` counts, by
        column, values that could not be and became NULL.  Memory is bounded by ``batch_rows``.
        Raises SourceUnreachable, SourceRefused, SchemaDrift; no message holds a value or a password.
        """
        ...

    def ask(self, sql: str, params: Mapping[str, object] | None = None) -> list[tuple[object, ...]]:
        """Rows of a small statement about the session, its rights or a plan; what it sets is kept.

        Raises SourceUnreachable, SourceRefused, SchemaDrift.
        """
        ...

    def day(self, iso: str) -> object:
        """A bind that compares with the source's times: the start of the day ``YYYY-MM-DD``."""
        ...

    def columns(self, table: str) -> frozenset[str] | None:
        """Lower-case column names of a table or view (``schema.table`` or ``table``); None: no such table."""
        ...

    def close(self) -> None:
        """End the session."""
        ...


class Ended(NamedTuple):
    """How a statement that was left ended where it ran."""

    session: str
    state: str
    """dead, running, or unknown where nobody answers."""
    how: str
    """by itself, cancelled."""
    seconds: float


@runtime_checkable
class EndsItself(Protocol):
    """An engine that stops what was left, and has seen it end, by no second session."""

    def ended(self) -> Ended | None:
        """The last statement that was left before its end."""
        ...
