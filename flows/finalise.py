"""When the reviewers are done: reconcile, check, lock and analyse, in this order or not at all."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from flows import steps
from flows.server import QUIET

os.environ.update(QUIET)

from prefect import flow, task
from prefect.artifacts import create_link_artifact, create_table_artifact
from prefect.cache_policies import NO_CACHE

__all__ = ["analyse_snapshot", "check_values", "finalise", "lock_study", "reconcile_opinions"]


@task(name="reconcile", persist_result=False, cache_policy=NO_CACHE)
def reconcile_opinions(study: str) -> steps.Manifest:
    """Two opinions and an arbitration, to one outcome."""
    return steps.reconcile(Path(study))


@task(name="check", persist_result=False, cache_policy=NO_CACHE)
def check_values(study: str) -> steps.Manifest:
    """The protocol's checks over the reconciled values."""
    return steps.check(Path(study))


@task(name="lock", persist_result=False, cache_policy=NO_CACHE)
def lock_study(study: str) -> steps.Manifest:
    """The snapshot, signed. Passphrases are in the worker's environment: a parameter would be stored."""
    return steps.lock(Path(study))


@task(name="analyse", persist_result=False, cache_policy=NO_CACHE)
def analyse_snapshot(snapshot: str, out: str) -> steps.Manifest:
    """Tables, figures and report of a locked snapshot."""
    return steps.analyse(Path(snapshot), Path(out))


@flow(name="finalise", log_prints=False, persist_result=False, validate_parameters=True)
def finalise(study: str) -> dict[str, Any]:
    """From the reviewers' opinions to the report; ``study`` is its folder. Counts, hashes and paths come back."""
    reconciled = reconcile_opinions(study)
    checked = check_values(study)
    create_table_artifact(
        key="checks",
        table=[{key: check[key] for key in ("id", "kind", "status")} for check in checked["checks"]],
        description="Each check and how it ended; no values.",
    )
    locked = lock_study(study)
    analysed = analyse_snapshot(locked["path"], locked["reports"])
    create_link_artifact(key="report", link=Path(analysed["report"]).resolve().as_uri(), link_text="report")
    return {
        "study": reconciled["study"],
        "reconcile": reconciled,
        "funnel": steps.funnel(Path(study)),
        "check": checked,
        "lock": locked,
        "analyse": analysed,
    }
