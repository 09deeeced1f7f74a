"""What a database can hold at all: a term that it cannot hold stands in none of its columns.

PostgreSQL refuses a whole statement for one bind that has no place in the database's encoding (a Traditional
character in EUC_CN, any Chinese one in LATIN1); NULL asks the same question and is answered: nowhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

__all__ = ["holdable", "repertoire"]

_CODECS: Final = {
    "EUC_CN": "gb2312",
    "EUC_JP": "euc_jp",
    "EUC_KR": "euc_kr",
    "LATIN1": "latin-1",
    "WIN1252": "cp1252",
}


def repertoire(product: str, ask: Callable[[str], list[tuple[object, ...]]]) -> str | None:
    """Python's name of the database's encoding where it holds less than Unicode, else None."""
    if product != "postgresql":
        return None
    return _CODECS.get(str(ask("SHOW server_encoding")[0][0]).upper())


def holdable(binds: Mapping[str, object], codec: str | None) -> dict[str, object]:
    """``binds`` with None for each text that ``codec`` cannot hold."""
    return {
        name: None if codec is not None and isinstance(value, str) and not _held(value, codec) else value
        for name, value in binds.items()
    }


def _held(text: str, codec: str) -> bool:
    try:
        text.encode(codec)
    except UnicodeEncodeError:
        return False
    return True
