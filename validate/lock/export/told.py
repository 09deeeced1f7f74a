"""What another program is told of a table: each column's label, codes, digits and why a cell is missing."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final, Literal

import pyarrow as pa

from validate.lock.assemble import NOT_ENTERED

__all__ = ["MISSING", "Field", "Language", "Told", "cut", "legal_names", "tell"]

Language = Literal["zh", "en"]
Cell = str | int | Decimal | None

MISSING: Final[Mapping[str, Mapping[Language, str]]] = {
    "not_documented": {"zh": "未记录", "en": "not documented"},
    "not_done": {"zh": "未做", "en": "not done"},
    "not_applicable": {"zh": "不适用", "en": "not applicable"},
    "illegible": {"zh": "无法辨认", "en": "illegible"},
    NOT_ENTERED: {"zh": "未录入", "en": "not entered"},
}
"""Missing code -> what a reader sees. The order fixes the codes of other programs; append only."""

_LONG: Final[Mapping[str, Mapping[Language, str]]] = {
    "participant": {"zh": "参与者编号", "en": "Participant"},
    "variable": {"zh": "变量", "en": "Variable"},
    "timepoint": {"zh": "时间点", "en": "Timepoint"},
    "value": {"zh": "记录值", "en": "Value as recorded"},
    "scaled": {"zh": "以最小单位计的数值", "en": "Value in whole steps"},
    "comparator": {"zh": "比较符", "en": "Comparator"},
    "missing": {"zh": "缺失原因", "en": "Why it is missing"},
    "method": {"zh": "取值方法", "en": "How it was found"},
    "day": {"zh": "研究日", "en": "Study day"},
}


@dataclass(frozen=True)
class Field:
    """One column. ``codes`` are legal codes with labels; ``missing`` has, per row, why the cell is empty."""

    name: str
    label: str
    kind: Literal["text", "integer", "decimal"]
    decimals: int
    cells: Sequence[Cell]
    codes: Mapping[int, str] = field(default_factory=dict)
    missing: Sequence[str | None] = ()
    """Missing code per row, None where the cell has a value or nobody says why; empty for no reasons at all."""
    derived: bool = False
    many: bool = False
    required: bool = False
    bounds: tuple[str, str] = ("", "")
    unit: str = ""

    @property
    def why(self) -> tuple[str, ...]:
        """The missing codes that occur, in the order of ``MISSING``."""
        found = set(self.missing) - {None}
        return tuple(code for code in MISSING if code in found)

    def labelled(self) -> Mapping[int, str]:
        """Codes with labels where a cell holds one code; a text of several codes has none."""
        return {} if self.kind == "text" else self.codes


@dataclass(frozen=True)
class Told:
    """A table of a snapshot as other programs receive it, in one language."""

    name: str
    fields: tuple[Field, ...]
    rows: int
    language: Language
    title: str
    citation: str
    table: pa.Table
    bom: bool = False
    source: Mapping[str, str] = field(default_factory=dict)
    """``study``, ``version``, ``created_at`` of the snapshot; ``system`` and ``system_version`` that made it."""


def tell(
    name: str,
    tables: Mapping[str, pa.Table],
    codebook: Mapping[str, Any],
    *,
    language: Language,
    citation: str,
    bom: bool = False,
    source: Mapping[str, str] | None = None,
) -> Told:
    """Table ``name`` of a snapshot (``data`` or ``long``) with what its codebook says, in ``language``."""
    table = tables[name]
    if name == "data":
        why = _reasons(tables["long"])
        fields = tuple(_wide(one, table, why, language) for one in codebook["fields"])
    else:
        fields = tuple(_long(column, table, language) for column in table.column_names)
    title = str(codebook["title_zh" if language == "zh" else "title"])
    return Told(name, fields, table.num_rows, language, title, citation, table, bom, source or {})


def _reasons(long: pa.Table) -> Mapping[tuple[str, str, str], str]:
    columns = (long.column(name).to_pylist() for name in ("participant", "variable", "timepoint", "missing"))
    return {
        (who, variable, timepoint or ""): code
        for who, variable, timepoint, code in zip(*columns, strict=True)
        if code is not None
    }


def _wide(
    one: Mapping[str, Any], table: pa.Table, why: Mapping[tuple[str, str, str], str], language: Language
) -> Field:
    cells = table.column(one["name"]).to_pylist()
    place = (str(one.get("variable", "")), str(one.get("timepoint", "")))
    value = one["kind"] == "value"
    people = table.column("participant").to_pylist()
    rules: Mapping[str, Any] = one.get("constraints", {})
    return Field(
        one["name"],
        one["label"][language],
        "text" if one["type"] == "string" else "decimal" if one["decimals"] else "integer",
        int(one["decimals"]),
        cells,
        codes={
            int(c["value"]): c["label_zh" if language == "zh" else "label"] for c in one.get("categories", ())
        },
        missing=[
            why.get((who, *place)) if cell is None else None for who, cell in zip(people, cells, strict=True)
        ]
        if value
        else (),
        derived=one["kind"] not in {"value", "participant"},
        many=value and one["type"] == "string",
        required=bool(rules.get("required")),
        bounds=(str(rules.get("minimum", "")), str(rules.get("maximum", ""))),
        unit=one.get("unit", {}).get(language, ""),
    )


def _long(name: str, table: pa.Table, language: Language) -> Field:
    column = table.column(name)
    kind: Literal["text", "integer"] = "integer" if pa.types.is_integer(column.type) else "text"
    return Field(name, _LONG[name][language], kind, 0, column.to_pylist())


def cut(text: str, limit: int, size: Callable[[str], int] = lambda text: len(text.encode())) -> str:
    """``text`` in at most ``limit`` bytes of UTF-8 (or of ``size``), never cut inside a character.

    The middle gives way: the end of a label names its timepoint.
    """
    if size(text) <= limit:
        return text
    tail = text[-1:]
    while size(text[-len(tail) - 1 :]) <= limit // 4:
        tail = text[-len(tail) - 1 :]
    head = text[: limit - 1]
    while head and size(head + "…" + tail) > limit:
        head = head[:-1]
    return f"{head}…{tail}" if head else "…"


def legal_names(names: Iterable[str], limit: int, reserved: Collection[str] = ()) -> dict[str, str]:
    """Our column names as a program takes them: short enough, no word of its language, each once.

    A name that must change keeps its beginning and gets a number; in the order of ``names``, so the same
    study always gives the same names.
    """
    given: dict[str, str] = {}
    asked = list(names)
    fit = {
        n for n in asked if len(n) <= limit and n not in reserved and re.fullmatch(r"[a-z]\w*", n, re.ASCII)
    }
    taken = set(fit)
    for name in asked:
        number, found = 1, name
        while name not in fit and (found == name or found in taken or found in reserved):
            tail = f"_{number}"
            found = (re.sub(r"\W", "_", name, flags=re.ASCII)[: limit - len(tail)] or "v") + tail
            number += 1
        given[name] = found
        taken.add(found)
    return given
