"""Verbs of the way from the hospital to the reviewers: pull, funnel, why, history, schedule."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from flows.cli.arguments import Study, snapshot_path
from flows.cli.output import AsJson, result, table, talk, tracker
from flows.cli.telling import funnel_lines, path_lines, tongue, why_lines

__all__ = ["register"]

_HERE = Path()


def register(app: typer.Typer) -> None:
    """Add this module's verbs to ``app``."""
    for verb in (pull, funnel, why, history, schedule):
        app.command()(verb)


def pull(
    study: Study = _HERE,
    limit: Annotated[
        int, typer.Option(help="A first try: so many patients of the last window, into trial/; 0 pulls all.")
    ] = 0,
    full: Annotated[
        bool, typer.Option("--full", help="Ask everybody for everything, whatever earlier pulls know.")
    ] = False,
    wait: Annotated[
        float, typer.Option(help="Seconds to wait for another pull of this study; 0 leaves at once.")
    ] = 0,
    accept: Annotated[
        list[str] | None,
        typer.Option(help="A table of the hospital that has drifted and is meant to be as it is."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Pull new and changed records, read them, and queue what has to be judged.

    After the first pull only charts that may have changed are asked for (docs/nights.md).

    Refused (exit code 30) until `cohortlock approve` has recorded an approval of exactly this study on this
    site. Goes through Prefect when PREFECT_API_URL is set, otherwise runs the same steps here.
    """
    if limit:
        from flows.steps import trial

        tried = trial(study, limit)
        result(tried, as_json, lambda: _trial_lines(tried))
        return
    if os.environ.get("PREFECT_API_URL"):
        from flows.server import hush

        hush()
        from flows.nightly import nightly

        told = nightly(str(study), full=full, wait=wait, accept=accept or [])["pull"]
    else:
        from flows import steps
        from flows.notice import notice

        with tracker("pull") as progress:
            told = steps.pull(study, progress, full=full, wait=wait, accept=accept or ())
        talk("Reading the charts ...")
        steps.screen(study)
        told["notice"] = notice(steps.queue(study, told["run"]))
    result(told, as_json, lambda: _pull_lines(told))


def funnel(study: Study = _HERE, as_json: AsJson = False) -> None:
    """How many patients and visits remain after each step, and what each criterion costs."""
    from flows import steps

    told = steps.funnel(study)
    result(told, as_json, lambda: funnel_lines(told, tongue()))


def why(
    study: Annotated[
        str, typer.Argument(help="The study's folder; for a cell its snapshot, as vN or STUDY@vN.")
    ],
    name: Annotated[
        str, typer.Argument(metavar="WHO", help="A patient's or a visit's id; for a cell the participant.")
    ],
    column: Annotated[
        str | None,
        typer.Argument(metavar="[COLUMN]", help="A column of the snapshot: where this cell comes from."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Why a patient or a visit is in or out, with the evidence; or the path of a cell back to its record.

    Shows patient data.
    """
    from flows import steps

    if column is not None:
        from validate.lock.path_of import path_of

        path = path_of(snapshot_path(study), name, column)
        result(path, as_json, lambda: path_lines(path, tongue()))
        return
    told = steps.why(Path(study), name)
    result(told, as_json, lambda: why_lines(told, tongue()))


def history(
    study: Study,
    record: Annotated[str, typer.Argument(metavar="RECORD", help="A record's id, like lab:KEY.")],
    values: Annotated[
        bool, typer.Option("--values", help="Show what each version says: prints patient data.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Every version of a record that a pull has seen: when, in which run, and which columns changed."""
    from extract.his.history import history as seen
    from extract.study.folder import StudyFolder

    told = {
        "record": record,
        "versions": [one.to_json(values=values) for one in seen(StudyFolder.at(study).landing, record)],
    }
    result(told, as_json, lambda: _history_lines(told))


def schedule(
    study: Study = _HERE,
    cron: Annotated[str, typer.Option(help="When, as five cron fields.")] = "30 1 * * *",
    pool: Annotated[str, typer.Option(help="Prefect work pool; made if it is not there.")] = "cohortlock",
    as_json: AsJson = False,
) -> None:
    """Register the nightly flow of this study with the Prefect server at PREFECT_API_URL."""
    from flows.schedule import register_nightly

    told = register_nightly(study, cron=cron, pool=pool)
    result(told, as_json, lambda: [f"{told['deployment']} at {told['cron']} ({told['timezone']})"])
    talk(f"A worker must run: `prefect worker start --pool {pool}`.")


def _trial_lines(told: dict[str, Any]) -> Iterator[str]:
    yield from table(("table", "rows"), ([name, one["rows"]] for name, one in told["records"].items()))
    for name, one in told["records"].items():
        yield from (f"{name}: {n} {what}" for what, n in one.items() if what != "rows")
    yield (
        f"{told['patients']} of {told['candidate_patients']} patients with {told['candidates']} candidate visits "
        f"in {told['window']}, {told['seconds']:.1f} s; into {told['folder']}, not into the study"
    )


def _pull_lines(told: dict[str, Any]) -> Iterator[str]:
    kinds = ("new", "changed", "unchanged", "gone")
    yield from table(
        ("table", *kinds), ([name, *(counts[k] for k in kinds)] for name, counts in told["records"].items())
    )
    how = "everybody was asked" if told["mode"] == "full" else f"{told['asked']} charts were asked for"
    yield f"{told['candidates']} visits may satisfy the search, {how}, {told['seconds']:.1f} s"
    yield f"load report for the DBA: {told['load_report']}"
    for rejected in told["rejected"]:
        yield f"not taken: {rejected['count']} of {rejected['table']}: {rejected['reason']}"
    yield told["notice"]["text"][tongue()]


def _history_lines(told: dict[str, Any]) -> Iterator[str]:
    for one in told["versions"]:
        yield f"{one['version'][:12]}  {one['first_seen']} to {one['last_seen']} UTC, from run {one['run']}"
        if one["changed"]:
            yield f"  changed: {', '.join(one['changed'])}"
        yield from (f"  {name} = {value}" for name, value in one.get("values", {}).items())
        if one["gone"]:
            yield f"  gone since run {one['gone']}"
