"""A locked dataset in memory, made from the 90 synthetic patients of the paper's group numbers."""

from __future__ import annotations

import csv
import random
from decimal import Decimal
from importlib.resources import files
from pathlib import Path

import pyarrow as pa
import pytest

from analysis.dataset import Locked
from extract.study.protocol import Protocol, column, parse
from validate.lock.columns import columns

HERE = Path(__file__).parent
STEPS = (
    ("window", 20000, 41210),
    ("search", 612, 1530),
    ("match", 540, 1204),
    ("I1", 511, 1120),
    ("I2", 402, 860),
    ("I3", 265, 540),
    ("I4", 190, 391),
    ("E1", 141, 280),
    ("E2", 122, 241),
    ("E3", 117, 230),
    ("E4", 90, 180),
    ("included", 90, 180),
)


def template() -> Protocol:
    text = (files("extract.study") / "templates" / "esr-pain" / "study.toml").read_text(encoding="utf-8")
    return parse(text)


def flow() -> dict:
    steps, before = [], (STEPS[0][1], STEPS[0][2])
    for id_, patients, visits in STEPS:
        steps.append(
            {
                "id": id_,
                "label": id_,
                "patients": patients,
                "visits": visits,
                "removed_patients": before[0] - patients,
                "removed_visits": before[1] - visits,
            }
        )
        before = (patients, visits)
    return {"steps": steps, "closes": True}


def wide() -> pa.Table:
    """The wide table as the lock writes it: decimals of one place, codes as integers, sites as text."""
    with (HERE / "data" / "cohort_g.csv").open() as file:
        rows = list(csv.DictReader(file))
    found: dict[str, list] = {"participant": [f"P{i:03d}" for i, _ in enumerate(rows, start=1)]}
    found["age"] = [int(r["age"]) for r in rows]
    found["sex"] = [1 if r["male"] == "1" else 2 for r in rows]
    found["course_months"] = [Decimal(r["duration"]) for r in rows]
    found["bmi"] = [Decimal(r["bmi"]) for r in rows]
    found["pain_site"] = [
        None if i % 29 == 28 else ("3", "3;4", "1;2", "1")[i % 4] for i, _ in enumerate(rows)
    ]
    found["adverse_event"] = [("0", "0", "0", "3", None, "0", "0")[i % 7] for i, _ in enumerate(rows)]
    for name in ("vas", "esr", "crp"):
        first = [Decimal(r[f"{name}_t0"]) for r in rows]
        last = [Decimal(r[f"{name}_t1"]) for r in rows]
        found[column(name, "T0")], found[column(name, "T1")] = first, last
        found[column(name, kind="delta")] = [b - a for a, b in zip(first, last, strict=True)]
    drops = [-d for d in found["vas_delta"]]
    found["vas_relief"] = [float(d / a) for d, a in zip(drops, found["vas_t0"], strict=True)]
    found["responder"] = [int(d >= 3 or r >= 0.5) for d, r in zip(drops, found["vas_relief"], strict=True)]
    types = {"participant": pa.string(), "pain_site": pa.string(), "adverse_event": pa.string()}
    types |= dict.fromkeys(("age", "sex", "responder"), pa.int64()) | {"vas_relief": pa.float64()}
    return pa.table({k: pa.array(v, types.get(k, pa.decimal128(8, 1))) for k, v in found.items()})


def locked_from(table: pa.Table, protocol: Protocol | None = None, **more) -> Locked:
    days = {
        (name, "T1"): [21 + (7 * i) % 15 for i in range(table.num_rows)] for name in ("vas", "esr", "crp")
    }
    more = {"flow": flow(), "version": "v1", "manifest": {}, "codebook": {}, "days": days} | more
    return Locked(protocol or template(), table, "ab12" * 16, **more)


@pytest.fixture(scope="session")
def locked() -> Locked:
    return locked_from(wide())


@pytest.fixture(scope="session")
def results(locked):
    from analysis.plan import analyse

    return analyse(locked)


@pytest.fixture(scope="session")
def protocol() -> Protocol:
    return template()


@pytest.fixture(scope="session")
def make_locked():
    return locked_from


@pytest.fixture(scope="session")
def funnel() -> dict:
    return flow()


@pytest.fixture(scope="session")
def simulated(protocol) -> Locked:
    study = protocol.study.model_copy(update={"simulated": True})
    return locked_from(wide(), protocol.model_copy(update={"study": study}))


def invented(protocol: Protocol, n: int, seed: int = 7) -> pa.Table:
    """A wide table of ``n`` invented participants for any protocol, changes and groups as the protocol says."""
    chance = random.Random(seed)
    found: dict[str, pa.Array] = {}
    rows: dict[str, list] = {}
    for one in columns(protocol):
        variable = one.variable
        if one.kind == "participant":
            rows[one.name] = [f"P{i:03d}" for i in range(1, n + 1)]
        elif one.kind == "value" and variable.categorical:
            codes = [v.code for v in variable.values]
            rows[one.name] = [
                str(chance.choice(codes)) if variable.many else chance.choice(codes) for _ in range(n)
            ]
        elif one.kind == "value":
            low, high = (float(v) for v in variable.range or (0, 100))
            drawn = [chance.triangular(low, high, low + (high - low) / 4) for _ in range(n)]
            rows[one.name] = [Decimal(f"{v:.{one.decimals}f}") if one.decimals else int(v) for v in drawn]
        elif one.kind == "delta":
            first, last = (rows[column(variable.id, at)] for at in (variable.at[0], variable.at[-1]))
            sign = 1 if protocol.outcome.delta == "T1 - T0" else -1
            rows[one.name] = [sign * (b - a) for a, b in zip(first, last, strict=True)]
        elif one.kind == "relief":
            rows[one.name] = [Decimal(f"{chance.uniform(0, 1):.6f}") for _ in range(n)]
        else:
            rows[one.name] = [chance.randint(0, 1) for _ in range(n)]
        found[one.name] = pa.array(rows[one.name], one.type)
    return pa.table(found)


@pytest.fixture(scope="session")
def make_invented():
    return invented
