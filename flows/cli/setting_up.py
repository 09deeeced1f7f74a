"""Verbs for a study that is being set up: demo, init, lint, doctor, sql."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from itertools import count
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from extract.errors import AlreadyExists, NotFound, ProtocolInvalid
from flows.cli.arguments import Study
from flows.cli.output import AsJson, result, table, talk, tracker

__all__ = ["register"]

_HERE = Path()


def register(app: typer.Typer) -> None:
    """Add this module's verbs to ``app``, in the order of a study's life."""
    for verb in (demo, init, lint, doctor, sql):
        app.command()(verb)


def demo(
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the demo; made, must not exist. [default: cohortlock-demo, or -2, -3 …]"
        ),
    ] = None,
    patients: Annotated[int, typer.Option(min=2000, help="Patients in the simulated hospital.")] = 20_000,
    seed: Annotated[int, typer.Option(help="Seed of the hospital.")] = 20220101,
    people: Annotated[int, typer.Option(help="Seed of the simulated people's errors.")] = 20220104,
    as_json: AsJson = False,
) -> None:
    """Build a simulated hospital, run the whole road on it, print where the report is."""
    from flows.demo import run

    with tracker("demo") as progress:
        told = run(
            out or _free(Path("cohortlock-demo")),
            patients=patients,
            seed=seed,
            people=people,
            progress=progress,
        )
    result(told, as_json, lambda: _demo_lines(told))


def _free(folder: Path) -> Path:
    """The folder, or the first of ``folder-2``, ``folder-3`` … that is not there: no demo is ever overwritten."""
    names = (folder.with_name(f"{folder.name}-{number}") for number in count(2))
    return folder if not folder.exists() else next(name for name in names if not name.exists())


def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The new study's folder.")],
    template: Annotated[str, typer.Option(help="The shipped study to start from.")] = "esr-pain",
    as_json: AsJson = False,
) -> None:
    """Make a new study folder: study.toml and site.toml, with comments."""
    files = write_templates(folder, template)
    talk(f"Next: edit both, then `cohortlock lint {folder}` and `cohortlock doctor {folder}`.")
    result({"folder": str(folder), "files": files}, as_json, lambda: (str(folder / name) for name in files))


def lint(study: Study = _HERE, as_json: AsJson = False) -> None:
    """Contradictions, unused terms and empty windows of study.toml, with line numbers."""
    from extract.study.lint import lint as problems_of
    from extract.study.protocol import load
    from validate.checks.own import own_faults

    path = study / "study.toml" if study.is_dir() else study
    if not path.is_file():
        raise NotFound(f"{path}: there is no such file", "`cohortlock init DIR` makes a new study folder.")
    problems = [asdict(problem) for problem in problems_of(path)]
    with suppress(ProtocolInvalid):  # its columns are not known before it can be read
        problems += [fault.to_json() for fault in own_faults(path.parent, load(path))]
    bad = any(problem.get("severity") != "warning" for problem in problems)
    result(
        {"ok": not bad, "problems": problems},
        as_json,
        lambda: (
            [line for problem in problems for line in _problem_lines(problem.get("file", path.name), problem)]
            or [f"{path.name}: nothing to mend"]
        ),
    )
    if bad:
        raise typer.Exit(ProtocolInvalid.code)


def doctor(study: Study = _HERE, as_json: AsJson = False) -> None:
    """Drivers, rights, drift of the HIS's tables, encodings: what would stop a pull."""
    from extract.his.doctor import doctor as examine
    from extract.study.folder import StudyFolder

    checks = examine(StudyFolder.at(study))
    ok = all(check["ok"] for check in checks)
    result(
        {"ok": ok, "checks": checks},
        as_json,
        lambda: (f"{'ok  ' if c['ok'] else 'BAD '} {c['id']}: {c['message']}" for c in checks),
    )
    if not ok:
        raise typer.Exit(_code_of(next(check["id"] for check in checks if not check["ok"])))


def sql(
    study: Study = _HERE,
    explain: Annotated[
        bool,
        typer.Option(
            "--explain", help="Ask the server what each step of the search would cost; nothing is run."
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """The SQL as it would run at this site, with its bind values; or the order of its steps, and their cost."""
    from flows.steps import explained, statements

    if explain:
        plan = explained(study)
        result({"plan": plan}, as_json, lambda: _plan_lines(plan))
        return
    told = statements(study)
    result({"statements": told}, as_json, lambda: _sql_lines(told))


def write_templates(folder: Path, template: str) -> list[str]:
    """Write study.toml and site.toml into the new ``folder``. Raises AlreadyExists, NotFound."""
    from importlib.resources import files

    templates = files("extract.study") / "templates"
    protocol = templates / template / "study.toml"
    if not protocol.is_file():
        known = ", ".join(sorted(t.name for t in templates.iterdir() if (t / "study.toml").is_file()))
        raise NotFound(f"there is no template {template!r}", f"Shipped: {known}.")
    site = templates / template / "site.toml"
    if not site.is_file():
        site = templates / "site.toml"
    for name in ("study.toml", "site.toml"):
        if (folder / name).exists():
            raise AlreadyExists(f"{folder / name} is already there", "Choose another folder.")
    folder.mkdir(parents=True, exist_ok=True)
    for name, source in (("study.toml", protocol), ("site.toml", site)):
        (folder / name).write_bytes(source.read_bytes())
    return ["study.toml", "site.toml"]


def _code_of(check: str) -> int:
    """The exit code of a check that failed: of the error it is named after, or of what it looks at."""
    from extract import errors

    kinds = [getattr(errors, name) for name in errors.__all__]
    named = {kind.slug: kind.code for kind in kinds} | {
        "schema": errors.SchemaDrift.code,
        "rights": errors.SourceRefused.code,
    }
    return int(named.get(check, errors.SiteInvalid.code))


def _problem_lines(file: str, problem: dict[str, Any]) -> Iterator[str]:
    yield f"{file}, line {problem['line']}: {problem['severity']}: {problem['message']}"
    if problem["next_step"]:
        yield f"  {problem['next_step']}"


_STEPS: Final = {"dates": "日期 dates", "names": "项目名 names", "texts": "文本 texts"}
_ORDERS: Final = {
    "names first": "先项目名，后文本 names first, then texts",
    "at once": "一次读取 all at once",
}
_ESTIMATES: Final = {"visits": "就诊 visits", "hits in names": "项目名命中 hits in names"}
_DECIDED: Final = {
    "estimates": "由数据库估算决定 by the server's estimates",
    "rule": "按固定规则（数据库未给估算，或只有一种顺序） by the stated rule: no estimates, or one order only",
}


def _plan_lines(plan: list[dict[str, Any]]) -> Iterator[str]:
    yield from table(
        ["抽取时段 window", "步骤 step", "读取 reads", "估计行数 rows", "累计代价 cost so far"],
        [
            [
                window["window"],
                _STEPS[step["step"]],
                " ".join(step["tables"]),
                _number(step["rows"]),
                _number(step["cost"]),
            ]
            for window in plan
            for step in window["steps"]
        ],
    )
    for said in dict.fromkeys((window["order"], window["decided_by"]) for window in plan):
        yield f"{_ORDERS[said[0]]}；{_DECIDED[said[1]]}"
    for told in dict.fromkeys(tuple(window["estimates"].items()) for window in plan):
        if told:
            yield "；".join(f"{_ESTIMATES.get(name, name)}: {_number(value)}" for name, value in told)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f}"


def _demo_lines(told: dict[str, Any]) -> Iterator[str]:
    truth = told["truth"]
    yield f"{told['participants']} participants in {told['snapshot']}"
    yield f"against the planted truth: precision {truth['precision']:.3f}, recall {truth['recall']:.3f}"
    yield f"report: {told['report']}"
    yield f"{told['seconds']:.0f} s; hospital, patients and reviewers are simulated"


def _sql_lines(told: list[dict[str, Any]]) -> Iterator[str]:
    for statement in told:
        yield f"-- {statement['name']}: {statement['times']['zh']} / {statement['times']['en']}"
        for key, value in sorted(statement["params"].items()):
            yield f"--   :{key} = {value!r}"
        yield statement["sql"].rstrip() + "\n"
