"""Register a study's nightly flow with a Prefect server; a worker of the pool then runs it.

The flow is named by its module, so the worker needs cohortlock installed and no copy of any file.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from extract.errors import NotReady
from extract.study.folder import StudyFolder
from flows.server import QUIET

__all__ = ["register_nightly"]


def register_nightly(study: Path, *, cron: str, pool: str) -> dict[str, Any]:
    """Register the nightly flow of ``study`` at ``cron``, in the study's time zone; again is harmless.

    Raises NotReady without a Prefect server, or when ``cron`` is not five cron fields.
    """
    if not os.environ.get("PREFECT_API_URL"):
        raise NotReady(
            "no Prefect server is set",
            "Start one with `prefect server start`, then `export PREFECT_API_URL=http://127.0.0.1:4200/api`.",
        )
    os.environ.update(QUIET)
    folder = StudyFolder.at(study)
    protocol = folder.protocol()
    zone = ZoneInfo(protocol.study.time_zone).key

    import httpx
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import DeploymentScheduleCreate, WorkPoolCreate
    from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
    from prefect.client.schemas.schedules import CronSchedule
    from prefect.deployments.runner import RunnerDeployment
    from prefect.exceptions import ObjectAlreadyExists
    from prefect.types.entrypoint import EntrypointType
    from pydantic import ValidationError

    from flows.nightly import ensure_his_limit, nightly

    try:
        schedule = CronSchedule(cron=cron, timezone=zone)
    except ValidationError:
        raise NotReady(
            f"{cron!r} is not a time: five cron fields are", "For half past one every night: '30 1 * * *'."
        ) from None
    try:
        with get_client(sync_client=True) as client, contextlib.suppress(ObjectAlreadyExists):
            client.create_work_pool(WorkPoolCreate(name=pool, type="process"))
        ensure_his_limit()
        deployment = RunnerDeployment.from_flow(
            nightly,
            name=protocol.study.id,
            schedules=[DeploymentScheduleCreate(schedule=schedule)],
            parameters={"study": str(folder.root.resolve())},
            concurrency_limit=ConcurrencyLimitConfig(
                limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW
            ),
            tags=["cohortlock"],
            work_pool_name=pool,
            entrypoint_type=EntrypointType.MODULE_PATH,
        )
        identity = deployment.apply()
    except httpx.HTTPError:
        raise NotReady(
            "the Prefect server does not answer", "Check PREFECT_API_URL and that the server runs."
        ) from None
    return {
        "deployment": f"nightly/{protocol.study.id}",
        "id": str(identity),
        "cron": cron,
        "timezone": zone,
        "pool": pool,
    }
