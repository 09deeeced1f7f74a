"""Every night: pull what is new, read it, and put what must be judged before the reviewers.

Prefect keeps parameters, log lines, results and exception texts in clear.  So a task takes a path,
returns counts and hashes, persists nothing and logs nothing; its errors are value-free (flows/steps.py).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from extract.errors import SourceUnreachable
from flows import steps
from flows.notice import notice, notice_table
from flows.server import QUIET

os.environ.update(QUIET)

from prefect import flow, task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import GlobalConcurrencyLimitCreate
from prefect.client.schemas.objects import State, TaskRun
from prefect.concurrency.sync import concurrency
from prefect.exceptions import ObjectAlreadyExists

__all__ = ["HIS_LIMIT", "nightly", "pull_records", "queue_reviews", "screen_charts"]

HIS_LIMIT = "cohortlock-his"
"""The global concurrency limit that all pulls of all studies share: one at a time presses on the HIS."""


def _unreachable(_task: Any, _run: TaskRun, state: State[Any]) -> bool:
    """Only a hospital that does not answer is worth another try; a refusal stays a refusal."""
    try:
        state.result()
    except SourceUnreachable:
        return True
    except Exception:  # noqa: BLE001 - any other failure is final
        return False
    return False


@task(
    name="pull",
    retries=3,
    retry_delay_seconds=[30, 120, 600],
    retry_condition_fn=_unreachable,
    persist_result=False,
    cache_policy=NO_CACHE,
)
def pull_records(
    study: str, *, full: bool = False, wait: float = 0, accept: Sequence[str] = ()
) -> steps.Manifest:
    """New and changed records of the hospital, one pull at a time."""
    with concurrency(HIS_LIMIT, occupy=1, strict=True):
        return steps.pull(Path(study), full=full, wait=wait, accept=accept)


@task(name="screen", persist_result=False, cache_policy=NO_CACHE)
def screen_charts(study: str) -> steps.Manifest:
    """The charts read against the protocol."""
    return steps.screen(Path(study))


@task(name="queue", persist_result=False, cache_policy=NO_CACHE)
def queue_reviews(study: str, run: str) -> steps.Manifest:
    """What has to be judged, before the reviewers."""
    return steps.queue(Path(study), run)


@flow(name="nightly", log_prints=False, persist_result=False, validate_parameters=True)
def nightly(
    study: str, full: bool = False, wait: float = 0, accept: list[str] | None = None
) -> dict[str, Any]:
    """Pull, screen and queue one study; ``study`` is its folder. Counts and hashes come back.

    ``full``, ``wait`` and ``accept`` are those of `cohortlock pull`; a scheduled night gives none.
    """
    ensure_his_limit()
    pulled = pull_records(study, full=full, wait=wait, accept=accept or [])
    screened = screen_charts(study)
    queued = queue_reviews(study, pulled["run"])
    told = notice(queued)
    create_table_artifact(key="notice", table=notice_table(told), description=told["text"]["en"])
    funnel = steps.funnel(Path(study))
    create_table_artifact(
        key="funnel",
        table=[{k: v for k, v in step.items() if k != "gain"} for step in funnel["steps"]],
        description="Patients and visits after each step; counts only.",
    )
    return {"pull": pulled | {"notice": told}, "screen": screened, "queue": queued, "funnel": funnel}


def ensure_his_limit() -> None:
    """The limit exists on this server; a limit that an operator has set otherwise stays as it is."""
    with get_client(sync_client=True) as client:
        try:
            client.create_global_concurrency_limit(GlobalConcurrencyLimitCreate(name=HIS_LIMIT, limit=1))
        except ObjectAlreadyExists:
            return
