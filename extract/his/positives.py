"""The SQL that looks for visits by code and by laboratory item, where no word of the search has to stand.

As the search's own, it may return too much: codes are asked for by category, names of items by the shortest
of their spellings; the exact rules are those of the criteria (extract/chart/recall_frame.py).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import pyarrow as pa

from extract.his.compile import Day, Statement, selected
from extract.his.encodings import encoded_field
from extract.his.encodings_sql import as_hex, leaf_in_bytes
from extract.his.engines.dialects import searched, with_days
from extract.his.packs import LabConcept
from extract.his.records import DATED_BY, KEY, SCHEMAS
from extract.his.sites import Site
from extract.study.folding import fold
from extract.study.protocol import Protocol
from extract.study.superset import leaf_sql, pattern
from sql import study_query

__all__ = ["positive_schema", "positives"]

_FILL: Final = re.compile(r"\{(\w+)\}")
_CATEGORY: Final = 3
_NEVER: Final = "1 = 0"


def positive_schema(site: Site, table: str) -> pa.Schema:
    """The columns of a statement of ``positives`` about ``table``."""
    name = encoded_field(SCHEMAS[table].field("name"), site.encodings.of(table, "name"))
    code = encoded_field(SCHEMAS[table].field("code"), site.encodings.of(table, "code"))
    visit = SCHEMAS["visit"]
    return pa.schema(
        [
            *(visit.field(column) for column in ("visit_id", "patient_id", "started_at", "ended_at")),
            pa.field("record_key", pa.string()),
            code,
            name,
            pa.field("happened_at", pa.timestamp("s")),
        ]
    )


def positives(
    site: Site, protocol: Protocol, codes: Sequence[str], labs: Sequence[LabConcept], day: Day
) -> list[tuple[str, bool, Statement]]:
    """(table, named, statement): by the visit that a record names and, where the pack lets a record find one, by its patient.

    A table that the site declares absent has none.
    """
    found: list[tuple[str, bool, Statement]] = []
    for table in ("diagnosis", "lab"):
        if table not in site.pack.tables or not (codes if table == "diagnosis" else labs):
            continue
        any_, params = _by_code(site, codes) if table == "diagnosis" else _by_item(site, labs)
        joins = {"named": "p.visit_id = v.visit_id"}
        if table in site.pack.link:
            joins["loose"] = "p.visit_id IS NULL AND p.patient_id = v.patient_id"
        for how, joined in joins.items():
            sql = _filled(
                "positive",
                visit=selected(site, "visit"),
                select=selected(site, table),
                key=KEY[table],
                code=_delivered(site, table, "code"),
                item=_delivered(site, table, "name"),
                at=str(DATED_BY[table]),
                joined=joined,
                any=any_,
            )
            days: dict[str, object] = {
                "from_date": day(protocol.search.from_.isoformat()),
                "to_date": day((protocol.search.to + timedelta(days=1)).isoformat()),
            }
            binds = {**days, **params}
            statement = Statement(f"positive {table} {how}", with_days(sql, site.dialect), binds)
            found.append((table, how == "named", statement))
    return found


def _by_code(site: Site, codes: Sequence[str]) -> tuple[str, dict[str, str]]:
    """Any of the categories; case and point are the exact rule's business, so both cases are asked for."""
    asked = sorted({part for code in codes for part in _categories(code)})
    spelled = sorted({form for part in asked for form in (part.upper(), part.lower())})
    leaf, params = leaf_sql(0, ("diagnosis",), spelled, folded=False)
    if site.encodings.of("diagnosis", "code") is None:
        return leaf.condition(searched("t.code", site.dialect)), params
    any_, more = leaf_in_bytes(leaf, params, "t.code", site.dialect, site.encodings, ("diagnosis", "code"))
    return any_, more


def _categories(code: str) -> list[str]:
    ends = [re.sub(r"[.\s]", "", end) for end in re.split(r"[-~]", code)]
    if len(ends) == 1:
        return [ends[0][:_CATEGORY]]
    # A range is asked for by what its ends have in common, at least the letter.
    low, high = ends[0].upper(), ends[1].upper()
    same = next(
        (i for i, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), min(len(low), len(high))
    )
    return [low[: min(max(same, 1), _CATEGORY)]]


def _by_item(site: Site, labs: Sequence[LabConcept]) -> tuple[str, dict[str, str]]:
    names = {fold(name).text for lab in labs for name in lab.names}
    shortest = sorted(name for name in names if not any(o in name for o in names if o != name))
    leaf, params = leaf_sql(0, ("lab",), shortest, folded=True)
    if site.encodings.of("lab", "name") is None:
        any_ = leaf.condition(searched("t.name", site.dialect))
    else:
        any_, params = leaf_in_bytes(leaf, params, "t.name", site.dialect, site.encodings, ("lab", "name"))
    asked = [any_] if shortest else []
    for number, code in enumerate(sorted({code for lab in labs for code in lab.codes})):
        params[f"code_{number}"] = pattern(code)
        asked.append(f"{searched('t.code', site.dialect)} LIKE :code_{number} ESCAPE '!'")
    return " OR ".join(asked) or _NEVER, params


def _delivered(site: Site, table: str, name: str) -> str:
    """A column of a declared encoding travels as its stored bytes."""
    if (encoding := site.encodings.of(table, name)) is None:
        return f"t.{name}"
    return as_hex(f"t.{name}", site.dialect, encoding)


def _filled(name: str, **fills: str) -> str:
    text = study_query(name)
    body = "\n".join(line for line in text.splitlines() if not line.startswith("--"))
    # In one pass: a pack's own text may hold braces.
    return _FILL.sub(lambda match: fills[match[1]], body).strip("\n")
