"""One question on every engine: ``spec(records, expression, expected)``, and the plain-Python answer to it."""

from __future__ import annotations

import contextlib
import importlib.util
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from extract.his.records import HIT_COLUMNS, SCHEMAS
from extract.study.keywords import Matcher
from extract.study.protocol import Search


def _beside(name: str) -> Any:
    """A module of this folder, which is no package."""
    found = importlib.util.spec_from_file_location(f"spec_{name}", Path(__file__).with_name(f"{name}.py"))
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    sys.modules[f"spec_{name}"] = module
    found.loader.exec_module(module)
    return module


plain = _beside("reference")
places = _beside("places")
cases = _beside("cases")
shrinking = _beside("shrinking")
Place = Records = Any


@pytest.fixture(scope="module", params=places.PLACES)
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Each engine, and each driver, in turn."""
    with contextlib.ExitStack() as stack:
        made = places.PLACES[request.param](request.getfixturevalue, tmp_path_factory.mktemp("spec"), stack)
        stack.callback(made.close)
        yield made


def decided(found: set[str], chart: dict[str, list[dict[str, Any]]], search: Search) -> set[str]:
    """What remains of the SQL's candidates when the exact matcher has read the plain.delivered charts."""
    matcher = Matcher.of(search)
    into = {r["patient_id"]: r["merged_into"] for r in chart["patient"]}
    known = {r["visit_id"]: r["patient_id"] for r in chart["visit"]}

    def one(person: str) -> str:
        first = into.get(person)
        return person if first is None else into.get(first) or first

    by_visit: dict[str, set[int]] = {}
    by_person: dict[str, set[int]] = {}
    for scope in plain.FIELDS:
        for row in chart[scope]:
            hits = {h.leaf for h in matcher.find(row[HIT_COLUMNS[scope][1]] or "", scope)}
            if row["visit_id"] in known and one(known[row["visit_id"]]) == one(row["patient_id"]):
                by_visit.setdefault(row["visit_id"], set()).update(hits)
            else:
                by_person.setdefault(one(row["patient_id"]), set()).update(hits)
    return {
        visit for visit in found
        if matcher.decide(by_visit.get(visit, set()) | by_person.get(one(known[visit]), set()))
    }  # fmt: skip


@pytest.fixture
def spec(place: Place) -> Callable[..., None]:
    """``spec(records, expression, expected)``: the visits that the expression lets in, on this engine."""

    def check(table: str, expression: str, expected: str, **search: Any) -> None:
        records = plain.read_records(table)
        place.load(records)
        agree(place, records, expression, search=search, expected={f"V|{v}" for v in expected.split()})

    return check


def agree(
    place: Place,
    records: Records,
    expression: str,
    *,
    expected: set[str],
    search: dict[str, Any] | None = None,
) -> None:
    """One question: candidates no fewer than the answer, and exactly the answer after the matcher."""
    asked = Search.model_validate(
        {"expression": expression, "from": "2022-01-01", "to": "2022-12-31", **(search or {})}
    )
    found = place.candidates(asked)
    chart = place.chart(asked, records.keys())
    assert expected <= found
    assert decided(found, chart, asked) == expected
    rows_agree(chart, plain.delivered(records))


def rows_agree(chart: dict[str, list[dict[str, Any]]], wanted: dict[str, list[dict[str, Any]]]) -> None:
    """Each canonical row as it should be delivered, and no other."""
    for table, rows in chart.items():
        names = [*SCHEMAS[table].names, *(["raw_number"] if table == "lab" else [])]
        full = [{name: row.get(name) for name in names} for row in wanted[table]]
        key = names[0]
        assert sorted(rows, key=lambda r: r[key]) == sorted(full, key=lambda r: r[key]), table


class Asking:
    """The pieces of the question, for tests that make their own."""

    decided = staticmethod(decided)
    delivered = staticmethod(plain.delivered)
    rows_agree = staticmethod(rows_agree)
    cases = cases
    shrinking = shrinking


@pytest.fixture(scope="session")
def asking() -> Asking:
    """The pieces of the question."""
    return Asking()
