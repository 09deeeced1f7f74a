"""Verbs of the lock and after: check, waive, lock, unlock, verify, anchor, copy, diff, export, analyse, audit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from extract.errors import ChecksFailed, SnapshotBroken
from flows.cli.arguments import Snapshot, Study, snapshot_path
from flows.cli.output import AsJson, result, table, talk

__all__ = ["register"]

_HERE = Path()


class Language(StrEnum):
    """The two languages that every label has."""

    ZH = "zh"
    EN = "en"


def register(app: typer.Typer) -> None:
    """Add this module's verbs to ``app``."""
    for verb in (check, waive, lock, unlock, verify, anchor, copy, diff, export, analyse, audit):
        app.command()(verb)


def check(
    study: Study = _HERE,
    page: Annotated[
        Path | None, typer.Option(help="Also write an HTML page, zh and en, to this file.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run the protocol's checks over the reconciled values; failing rows are named, their values are not."""
    from flows import steps

    told = steps.check(study, page)
    result(told, as_json, lambda: _check_lines(told))
    if not told["ok"]:
        raise typer.Exit(ChecksFailed.code)


def lock(study: Study = _HERE, as_json: AsJson = False) -> None:
    """Lock: reconcile, check and write a signed snapshot; shows every precondition that is open.

    Each role of [lock] signatures signs with its key (`cohortlock key`). A passphrase is asked for, or
    taken from COHORTLOCK_PASSPHRASE_<ROLE>.
    """
    from extract.study.folder import StudyFolder
    from flows import steps
    from flows.cli.people import passphrase

    folder = StudyFolder.at(study)
    told = steps.lock(study, {role: passphrase(role) for role in steps.keys_at_hand(folder)})
    result(told, as_json, lambda: [f"{told['path']}", f"logical hash {told['logical_hash']}"])
    talk(f"Next: `cohortlock analyse {told['path']} --out {told['reports']}`.")


def unlock(
    study: Study = _HERE,
    reason: Annotated[str, typer.Option(help="Why the data must change; it stands in the audit.")] = "",
    as_json: AsJson = False,
) -> None:
    """Open a locked study for a new version, with a reason. The locked snapshot stays as it is."""
    from flows import steps

    told = steps.unlock(study, reason=reason)
    result(told, as_json, lambda: [f"open again; version {told['version']} stays as it was"])


def verify(
    snapshot: Annotated[str, typer.Argument(help="A snapshot's folder, STUDY@vN, or s3://BUCKET/PREFIX.")],
    rows: Annotated[
        bool,
        typer.Option(
            "--rows", help="Also read the tables and compute the logical hash anew from their rows."
        ),
    ] = False,
    anchor: Annotated[
        Path | None,
        typer.Option(
            help="A file with what `cohortlock anchor` printed, for this version or an earlier one."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Whether a snapshot is, byte for byte, what was signed, and how to cite it. Needs no server and no study."""
    from validate.lock.cited import citation, read_anchor
    from validate.lock.remote import fetched, is_remote
    from validate.lock.verify import verify as examine

    held_to = None if anchor is None else read_anchor(anchor)
    with fetched(snapshot) if is_remote(snapshot) else nullcontext(snapshot_path(snapshot)) as path:
        report = examine(path, rows=rows, anchor=held_to)
        told = report.to_json()
        if report.ok:
            told["citation"] = citation(path, report)
    if held_to is not None:
        told["anchored"] = held_to.version
    result(told, as_json, lambda: _verified_lines(told))
    if not report.ok:
        raise typer.Exit(SnapshotBroken.code)


def anchor(
    snapshot: Snapshot,
    out: Annotated[Path | None, typer.Option(help="Write the lines to this file, which must be new.")] = None,
    as_json: AsJson = False,
) -> None:
    """What fixes a snapshot for ever, to print, post or deposit: its hashes, its audit head, who signed it.

    `cohortlock verify --anchor FILE` holds this version, and every later one, against it.
    """
    from validate.lock.cited import anchor as anchor_of
    from validate.lock.cited import write_anchor

    found = anchor_of(snapshot_path(snapshot))
    if out is not None:
        write_anchor(found, out)
    told = found.to_json() | ({} if out is None else {"file": str(out)})
    result(told, as_json, found.text().splitlines)


def copy(
    snapshot: Snapshot,
    url: Annotated[str, typer.Argument(help="Where to, as s3://BUCKET/PREFIX; nothing may stand there yet.")],
    as_json: AsJson = False,
) -> None:
    """Copy a verified snapshot to S3-compatible storage, whole or not at all, and verify it there."""
    from validate.lock.remote import copy as copy_to

    report = copy_to(snapshot_path(snapshot), url)
    told = {
        "url": url,
        "files": report.files,
        "sha256": report.manifest_sha256,
        "logical_hash": report.logical_hash,
    }
    result(told, as_json, lambda: [f"{url}: {report.files} files, logical hash {report.logical_hash}"])


def waive(
    check: Annotated[
        str, typer.Argument(metavar="CHECK", help="A check's id, as `cohortlock check` lists it.")
    ],
    study: Study = _HERE,
    reason: Annotated[
        str, typer.Option(help="Why the data are right as they are; it stands in the audit.")
    ] = "",
    keys: Annotated[
        list[str] | None,
        typer.Option("--key", help="Only this failing row; may be repeated. All without it."),
    ] = None,
    as_: Annotated[
        str, typer.Option("--as", help="The data manager's account; the study's only one without it.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Let a failing check pass, with a reason; a data manager does, and the waiver is part of the snapshot."""
    from extract.study.folder import StudyFolder
    from validate.lock.snapshot import waive as waive_in

    waiver = waive_in(StudyFolder.at(study), check, reason=reason, keys=keys or (), actor=as_)
    told = {"check": waiver.check_id, "keys": sorted(waiver.keys), "who": waiver.who, "when": waiver.when}
    result(told, as_json, lambda: [f"{waiver.check_id} is waived by {waiver.who}"])


def diff(
    before: Annotated[str, typer.Argument(help="A snapshot's folder, or STUDY@vN.")],
    after: Annotated[str, typer.Argument(help="Another snapshot of the same study.")],
    as_json: AsJson = False,
) -> None:
    """Which cells differ between two snapshots of a study, and why; in the study's folder also by whom."""
    from flows import steps

    told = steps.diff(snapshot_path(before), snapshot_path(after))
    result(told, as_json, lambda: _diff_lines(told))


def export(
    snapshot: Snapshot,
    out: Annotated[Path, typer.Option(help="Folder for the files; made if it is not there.")],
    formats: Annotated[
        list[str] | None,
        typer.Option(
            "--format",
            help="csv (default), parquet, sav (SPSS), dta (Stata), xpt (SAS), xlsx, redcap, odm, dataset-json (CDISC); may be repeated.",
        ),
    ] = None,
    language: Annotated[Language, typer.Option(help="Language of the labels.")] = Language.EN,
    as_json: AsJson = False,
) -> None:
    """Write a verified snapshot with its codebook for other programs, with labels in zh or en."""
    from flows import steps

    told = steps.export(snapshot_path(snapshot), out, formats or ["csv"], language=language.value)
    result(told, as_json, lambda: told["files"])


def analyse(
    snapshot: Snapshot,
    out: Annotated[Path, typer.Option(help="Folder for the report; made if it is not there.")],
    as_json: AsJson = False,
) -> None:
    """Tables, figures and report (zh and en) of a locked snapshot."""
    from flows import steps

    told = steps.analyse(snapshot_path(snapshot), out)
    result(told, as_json, lambda: [told["report"]])


def audit(
    file: Annotated[Path, typer.Argument(help="Printed numbers as JSON; docs/audit.md shows the shape.")],
    rules: Annotated[
        list[str] | None,
        typer.Option("--rule", help="What defines a group, as 'group: variable >= 3'; may be repeated."),
    ] = None,
    steps: Annotated[
        list[str] | None,
        typer.Option("--step", help="The step a variable is recorded in, as 'variable=1'; may be repeated."),
    ] = None,
    ranges: Annotated[
        list[str] | None,
        typer.Option(
            "--range", help="A variable's range for --witness, as 'variable=0:10'; may be repeated."
        ),
    ] = None,
    witness: Annotated[
        Path | None,
        typer.Option(
            help="Find data that have the numbers and write them to this CSV, or prove that none can."
        ),
    ] = None,
    page: Annotated[
        Path | None, typer.Option(help="Also write an HTML page, zh and en, to this file.")
    ] = None,
    language: Annotated[str, typer.Option(help="en or zh, for people; --json stays as it is.")] = "en",
    as_json: AsJson = False,
) -> None:
    """What a paper's own printed numbers imply, each carried through its rounding. Needs no data."""
    from analysis.published import audit_file, decide_file
    from analysis.published_words import decision_lines, lines
    from analysis.witness import write_witness
    from validate.lock.files import storage_faults

    spoken: Literal["en", "zh"] = "zh" if language == "zh" else "en"
    named = dict(step.partition("=")[::2] for step in steps or ())
    signals = audit_file(file, rules or (), named)
    open_ = [signal for signal in signals if signal.open]
    told: dict[str, Any] = {"ok": not open_, "signals": [signal.to_json() for signal in signals]}
    decision = None
    if witness is not None:
        ends = {name: text.split(":") for name, _, text in (r.partition("=") for r in ranges or ())}
        decision = decide_file(file, named, ends)
        with storage_faults(str(witness)):
            write_witness(decision, witness)
        told["witness"] = decision.to_json() | {"file": str(witness)}
    if page is not None:
        from analysis.published_page import audit_page

        with storage_faults(str(page)):
            page.write_text(audit_page(file.name, signals, decision), encoding="utf-8")
        told["page"] = str(page)
    result(
        told,
        as_json,
        lambda: [*table(*lines(signals, spoken)), *(decision_lines(decision, spoken) if decision else ())],
    )
    talk(f"{len(signals)} checks, {len(open_)} to ask the authors about")


def _check_lines(told: dict[str, Any]) -> Iterator[str]:
    rows = ([c["status"], c["id"], c["label"]["en"], ", ".join(c["keys"][:5])] for c in told["checks"])
    yield from table(("status", "check", "label", "rows that fail"), rows)
    yield ", ".join(f"{count} {name}" for name, count in told["counts"].items() if count)


def _verified_lines(told: dict[str, Any]) -> Iterator[str]:
    """What was looked at and what was not; or each problem."""
    if not told["ok"]:
        yield from (problem["message"] for problem in told["problems"])
        return
    yield f"ok: {told['files']} files, {told['bytes']:,} bytes, each as signed; the audit chain is whole"
    for one in told["signers"]:
        yield f"signed by {one['name']} ({one['role']}: {one['meaning']}), key {one['public_key']}"
    if "anchored" in told:
        yield f"it fits the anchor of version {told['anchored']}"
    else:
        yield "not held against an anchor: that these keys are those people's, only an anchor can tell"
    how = (
        "computed anew from the rows"
        if told["recomputed"]
        else "as signed; not computed anew, --rows does that"
    )
    yield f"logical hash {told['logical_hash']}, {how}"
    yield from told["citation"].values()


def _diff_lines(told: dict[str, Any]) -> Iterator[str]:
    for unlock in told["unlocks"]:
        yield f"v{unlock['version']} was opened by {unlock['who']}, {unlock['when']}: {unlock['reason']}"
    for what in ("added", "removed", "columns"):
        for one in told[what]:
            yield f"{what}: {one['table']} {one.get('key') or one.get('column')}"
    rows = (
        [*(_shown(c[name]) for name in ("table", "key", "column", "before", "after")), _why(c)]
        for c in told["cells"]
    )
    if told["cells"]:
        yield from table(("table", "row", "column", "before", "after", "why"), rows)
    yield f"{len(told['cells'])} cells differ" if not told["same"] else "the same data"


def _shown(value: str | None) -> str:
    return "(missing)" if value is None else value


def _why(cell: dict[str, Any]) -> str:
    acts = (
        f"{act['act']} by {act['who']}{': ' if act['reason'] else ''}{act['reason']}" for act in cell["acts"]
    )
    return "; ".join([cell["said"]["en"], *acts])
