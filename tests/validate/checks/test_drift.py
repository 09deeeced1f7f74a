"""Drift against the last snapshot: seen where it is, not where it is not, a warning in keys without values."""

import random
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy.stats import ks_2samp

from validate.checks import CheckReport
from validate.checks.drift import Earlier, _distance, drift, last_snapshot
from validate.checks.page import KINDS
from validate.lock.columns import columns


@pytest.fixture
def table(protocol):
    """A dataset of n participants by a seed: heights about a mean, kinds by their share."""

    def make(n, seed, mean=60, first=0.5, spots=("1", "2", "1;10")):
        draw = random.Random(seed)
        made = {
            "participant": [f"P{i:03d}" for i in range(n)],
            "age": [draw.randint(20, 70) for _ in range(n)],
            "kind": [1 if draw.random() < first else 2 for _ in range(n)],
            "spots": [draw.choice(spots) for _ in range(n)],
            "height_t0": [Decimal(round(draw.gauss(mean, 8))).scaleb(-1) for _ in range(n)],
        }
        names = [(c.name, c.type) for c in columns(protocol)]
        return pa.table({c: pa.array(made.get(c, [None] * n), kind) for c, kind in names})

    return make


def told(results):
    return {r.id: (r.status, r.keys) for r in results if r.status != "pass"}


@pytest.mark.parametrize("seed", range(5))
def test_two_draws_of_one_hospital_have_not_drifted(protocol, table, seed):
    results = drift(protocol, table(200, seed), Earlier(1, table(180, seed + 100)))
    assert {r.id for r in results if r.status == "pass"} == {
        "snapshot.sound", "age.shift", "kind.shift", "kind.codes", "spots.shift", "spots.codes", "height_t0.shift",
    }  # fmt: skip
    assert {r.status for r in results} == {"pass", "not_evaluated"}


@pytest.mark.parametrize(
    ("changed", "check", "key"),
    [
        ({"mean": 75}, "height_t0.shift", "height_t0"),
        ({"first": 0.9}, "kind.shift", "kind"),
        ({"spots": ("1", "2")}, "spots.codes", "spots"),
    ],
)
def test_a_shift_is_found_and_warns(protocol, table, changed, check, key):
    results = {r.id: r for r in drift(protocol, table(200, 1, **changed), Earlier(1, table(180, 2)))}
    assert (results[check].status, results[check].keys) == ("fail", (key,))
    assert {r.severity for r in results.values()} == {"warning"}
    assert CheckReport(tuple(results.values())).ok
    assert {r.kind for r in results.values()} == {"drift"} <= set(KINDS)


def test_a_new_code_names_who_has_it(protocol, table):
    now = table(200, 1)
    results = {r.id: r for r in drift(protocol, now, Earlier(1, table(180, 2, spots=("1", "2"))))}
    having = [
        p
        for p, s in zip(*(now.column(c).to_pylist() for c in ("participant", "spots")), strict=True)
        if "10" in s
    ]
    assert results["spots.codes"].keys == tuple(having)


def test_without_a_snapshot_and_with_few_values_nothing_is_evaluated(protocol, table):
    for before in (None, table(0, 1), table(200, 1).drop_columns(["age", "kind", "spots", "height_t0"])):
        earlier = None if before is None else Earlier(1, before)
        results = [r for r in drift(protocol, table(200, 1), earlier) if r.id != "snapshot.sound"]
        assert {(r.status, r.rows, r.keys) for r in results} == {("not_evaluated", 0, ())}
    few = drift(protocol, table(9, 1), Earlier(1, table(200, 1)))
    assert {r.status for r in few if r.id.endswith(".shift")} == {"not_evaluated"}


def test_the_newest_recorded_snapshot_is_the_one_compared_with(tmp_path):
    assert last_snapshot(tmp_path, {}) is None
    assert last_snapshot(tmp_path, {1: "0" * 64}) is None
    for version in (2, 10, 11):
        (tmp_path / f"v{version}").mkdir()
    assert last_snapshot(tmp_path, {2: "0" * 64, 10: "0" * 64, 12: "0" * 64}).version == 10


def test_a_last_snapshot_that_is_not_what_was_signed_is_an_error_and_is_not_compared_with(
    protocol, table, tmp_path
):
    (tmp_path / "v1").mkdir()
    pq.write_table(table(200, 1), tmp_path / "v1" / "data.parquet")
    earlier = last_snapshot(tmp_path, {1: "0" * 64})
    assert earlier.table is None
    results = drift(protocol, table(200, 1, mean=99), earlier)
    assert [(r.id, r.status) for r in results if r.status != "not_evaluated"] == [("snapshot.sound", "error")]
    assert "manifest.json" in results[0].detail
    assert not CheckReport(results).ok


@pytest.mark.parametrize("seed", range(20))
def test_the_distance_is_scipys(seed):
    draw = np.random.default_rng(seed)
    old, new = (np.sort(draw.integers(0, 9, draw.integers(1, 40)).astype(float)) for _ in range(2))
    assert _distance(old, new) == pytest.approx(ks_2samp(old, new).statistic, abs=1e-12)
