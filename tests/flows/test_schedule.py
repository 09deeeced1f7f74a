"""The flows on a Prefect server that stays: scheduled, carried out by a worker, and used by an interactive verb."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from flows.demo import write_study
from flows.server import QUIET, PrefectServer

BIN = Path(sys.executable).parent

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def night(tmp_path_factory, small_hospital) -> Path:
    """A study on the small hospital that nobody has pulled yet."""
    root = tmp_path_factory.mktemp("night")
    shutil.copy(small_hospital, root / "his.db")
    write_study(root / "study", his="sqlite:///../his.db")
    return root / "study"


@pytest.fixture(scope="module")
def server():
    with PrefectServer() as running:
        yield running.url


def test_schedule_registers_the_nightly_flow_once(night, server):
    """Twice is harmless; the worker finds the flow by its module."""
    environment = os.environ | QUIET | {"PREFECT_API_URL": server}
    for cron in ("0 2 * * *", "30 1 * * *"):
        said = subprocess.run(
            [BIN / "cohortlock", "schedule", night, "--cron", cron, "--json"],
            capture_output=True, text=True, check=True, env=environment,
        )  # fmt: skip
    assert json.loads(said.stdout)["deployment"] == "nightly/esr-pain"
    listed = subprocess.run(
        [BIN / "prefect", "--no-prompt", "deployment", "inspect", "nightly/esr-pain", "--output", "json"],
        capture_output=True, text=True, check=True, env=environment,
    )  # fmt: skip
    deployment = json.loads(listed.stdout)
    assert deployment["entrypoint"] == "flows.nightly.nightly"
    assert deployment["parameters"] == {"study": str(night.resolve())}
    assert [s["schedule"]["cron"] for s in deployment["schedules"]] == ["30 1 * * *"]
    assert [s["schedule"]["timezone"] for s in deployment["schedules"]] == ["Asia/Shanghai"]
    assert deployment["work_pool_name"] == "cohortlock"


def test_a_scheduled_run_is_carried_out_by_a_worker(night, server):
    """Pull, screen and queue by `prefect worker`, as it would happen at night; nobody is watching."""
    environment = os.environ | QUIET | {"PREFECT_API_URL": server}

    def prefect(*arguments: str) -> str:
        return subprocess.run(
            [BIN / "prefect", "--no-prompt", *arguments],
            capture_output=True, text=True, check=True, env=environment,
        ).stdout  # fmt: skip

    prefect("deployment", "run", "nightly/esr-pain")
    prefect("worker", "start", "--pool", "cohortlock", "--run-once")
    runs = httpx.post(f"{server}/flow_runs/filter", json={}).json()
    states = [run["state_type"] for run in runs if run["deployment_id"]]
    assert states.count("COMPLETED") == 1
    assert "FAILED" not in states


def test_an_interactive_pull_uses_the_server_when_there_is_one(night, server):
    said = subprocess.run(
        [BIN / "cohortlock", "pull", night, "--json"],
        capture_output=True, text=True, check=True, env=os.environ | {"PREFECT_API_URL": server},
    )  # fmt: skip
    told = json.loads(said.stdout)
    assert set(told) >= {"run", "windows", "records", "candidates", "rejected", "seconds", "notice"}
    artifacts = httpx.post(f"{server}/artifacts/latest/filter", json={}).json()
    (notice,) = [json.loads(one["data"]) for one in artifacts if one["key"] == "notice"]
    counts = [told["notice"][what] for what in ("new", "changed", "vanished", "reopened")]
    assert [row["count"] for row in notice] == counts
    assert said.stderr == ""
