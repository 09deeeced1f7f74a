"""Stored bytes in SQL: a column as hexadecimal digits, a term looked for byte by byte, a literal as bytes.

Looking byte by byte may hit between two characters, which is more and never less; the exact matcher decides.
"""

from __future__ import annotations

from typing import Final

from extract.errors import SiteInvalid
from extract.his.encodings import Encoding, Encodings, spelled
from extract.study.superset import LeafSql, unpattern

__all__ = ["as_hex", "byte_literals", "leaf_in_bytes"]

_HEX: Final = {
    "sqlite": "hex(CAST({x} AS BLOB))",
    "mariadb": "HEX(CAST({x} AS BINARY))",
    "mysql": "HEX(CAST({x} AS BINARY))",
    "postgresql": "upper(encode(convert_to(CAST({x} AS TEXT), getdatabaseencoding()), 'hex'))",
    "duckdb": "hex({x})",
    "spark": "hex({x})",
    "mssql": "CONVERT(VARCHAR(MAX), CAST({x} AS VARBINARY(MAX)), 2)",
    # Up to 2,000 bytes; a CLOB cannot be cast to RAW in one piece.
    "oracle": "RAWTOHEX(UTL_RAW.CAST_TO_RAW({x}))",
}
_CONTAINS: Final = {
    "mariadb": "LOCATE(UNHEX(:{bind}), CAST({x} AS BINARY)) > 0",
    "mysql": "LOCATE(UNHEX(:{bind}), CAST({x} AS BINARY)) > 0",
    "postgresql": "strpos({hex}, :{bind}) > 0",
    "mssql": "CHARINDEX(:{bind}, {hex}) > 0",
}
_LITERAL: Final = {
    "sqlite": "CAST(X'{hex}' AS TEXT)",
    "mariadb": "CONVERT(X'{hex}' USING latin1)",
    "mysql": "CONVERT(X'{hex}' USING latin1)",
    "postgresql": "convert_from(decode('{hex}', 'hex'), getdatabaseencoding())",
    "mssql": "CONVERT(VARCHAR(MAX), 0x{hex})",
    "oracle": "UTL_RAW.CAST_TO_VARCHAR2(HEXTORAW('{hex}'))",
}


def as_hex(column: str, dialect: str, encoding: Encoding | None = None) -> str:
    """The bytes of a text column as hexadecimal digits, undone what joining texts did to a declared one.

    Raises SiteInvalid for a dialect without.
    """
    if dialect not in _HEX:
        raise SiteInvalid(
            f"[encoding] needs the SQL of a known database, and {dialect} is none",
            "Write [source] url with the product whose SQL it speaks, such as postgresql+odbc:// or oracle+odbc://.",
        )
    return _HEX[dialect].format(x=_stored(column, dialect, encoding))


def _stored(column: str, dialect: str, encoding: Encoding | None) -> str:
    """MariaDB turns a latin-1 text that meets another into Unicode; back again, the bytes are the stored ones."""
    if dialect in {"mariadb", "mysql"} and encoding in {"gb18030", "mixed"}:
        return f"CONVERT({column} USING latin1)"
    return column


def leaf_in_bytes(
    leaf: LeafSql,
    params: dict[str, str],
    column: str,
    dialect: str,
    encodings: Encodings,
    field: tuple[str, str],
) -> tuple[str, dict[str, str]]:
    """One leaf's condition over the bytes of ``column`` (the canonical ``field``), and its binds."""
    encoding = encodings.of(*field) or "utf-8"
    more: dict[str, str] = {}

    def asks(bind: str) -> str:
        forms = spelled(unpattern(params[bind]), encoding)
        names = [f"{bind}_{encoding.replace('-', '')}_{i}" for i in range(len(forms))]
        more.update(zip(names, forms, strict=True))
        text = _CONTAINS.get(dialect, "INSTR({hex}, :{bind}) > 0")
        x, digits = _stored(column, dialect, encoding), as_hex(column, dialect, encoding)
        each = [text.format(bind=name, x=x, hex=digits) for name in names]
        return f"({' OR '.join(each)})"

    return leaf.by(asks), more


def byte_literals(sql: str, table: str, columns: list[str], dialect: str, encodings: Encodings) -> str:
    """A pack's SELECT whose Chinese literals are said in the bytes of the columns that they go into.

    ``columns`` are what it yields, in order.  Outside the list of columns a literal is said in bytes only
    where the whole database is declared.
    """
    wanted = [encodings.of(table, column) for column in columns]
    if sql.isascii() or dialect not in _LITERAL or not (any(wanted) or encodings.whole):
        return sql
    out, last = [], 0
    for start, end, text, place in _literals(sql, dialect):
        encoding = encodings.whole if place is None or place >= len(wanted) else wanted[place]
        if encoding is not None and not text.isascii():
            stored = spelled(text, "gb18030" if encoding == "mixed" else encoding)[-1]
            out += [sql[last:start], _LITERAL[dialect].format(hex=stored)]
            last = end
    return "".join([*out, sql[last:]])


def _literals(sql: str, dialect: str) -> list[tuple[int, int, str, int | None]]:
    """Text literals: where each stands, what it says, and the number of the column whose expression it is in."""
    import sqlglot
    from sqlglot import TokenType

    from extract.his.guard.statements import sqlglot_name

    found: list[tuple[int, int, str, int | None]] = []
    depth, place = 0, None
    for token in sqlglot.tokenize(sql, read=sqlglot_name(dialect)):
        kind = token.token_type
        depth += (kind == TokenType.L_PAREN) - (kind == TokenType.R_PAREN)
        if depth == 0 and kind == TokenType.SELECT:
            place = 0
        elif depth == 0 and kind == TokenType.FROM:
            place = None
        elif depth == 0 and kind == TokenType.COMMA and place is not None:
            place += 1
        elif kind in {TokenType.STRING, TokenType.NATIONAL_STRING}:
            found.append((token.start, token.end + 1, token.text, place))
    return found
