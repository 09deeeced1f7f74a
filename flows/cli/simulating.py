"""The verb that simulates the planned analysis: power, bias, and what is significant where nothing happens."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from extract.errors import AlreadyExists, AssumptionsInvalid
from flows.cli.arguments import Study
from flows.cli.output import AsJson, result, table, tracker
from flows.cli.telling import Tongue, tongue

if TYPE_CHECKING:
    from analysis.simulation import Assumptions, Simulated
    from extract.study.protocol import Protocol

__all__ = ["register"]

_HERE = Path()
_MANY = 100


def register(app: typer.Typer) -> None:
    """Add this module's verb to ``app``."""
    app.command()(simulate)


def simulate(  # noqa: PLR0917 - a verb's options are its arguments
    study: Study = _HERE,
    assumptions: Annotated[
        Path | None, typer.Option(help="What is taken for granted; STUDY/simulation.toml without it.")
    ] = None,
    printed: Annotated[
        Path | None,
        typer.Option(
            "--from", help="Take the assumptions from a paper's numbers, the JSON that audit reads."
        ),
    ] = None,
    draft: Annotated[
        Path | None,
        typer.Option(help="Write the assumptions that would be used to this new file, and simulate nothing."),
    ] = None,
    n: Annotated[
        int | None, typer.Option(min=4, max=20_000, help="Participants; those of the assumptions without it.")
    ] = None,
    replications: Annotated[
        int, typer.Option(min=_MANY, max=100_000, help="Studies simulated at each size and in each scenario.")
    ] = 2000,
    power: Annotated[
        float, typer.Option(min=0.06, max=0.99, help="The power for which the smallest n is sought.")
    ] = 0.8,
    seed: Annotated[
        int,
        typer.Option(
            min=0, help="Of every draw; the same seed gives the same numbers on any number of jobs."
        ),
    ] = 1,
    jobs: Annotated[int, typer.Option(min=1, max=64, help="Processes that share the work.")] = 1,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for simulation.json and the figure, zh and en; made if not there."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Power and bias of the planned analysis under stated assumptions, and what is significant without an effect.

    Needs no data. Without simulation.toml the numbers of [analysis.published] are taken; --draft writes them
    to a file that you can change.
    """
    from analysis.simulation import simulate as simulated
    from extract.study.folder import StudyFolder

    folder = StudyFolder.at(study)
    protocol = folder.protocol()
    text, name = _chosen(folder.root, protocol, assumptions, printed)
    if draft is not None:
        _write_draft(draft, text)
        result({"draft": str(draft)}, as_json, lambda: [str(draft)])
        return
    taken = _read(text, name, protocol)
    with tracker("simulate") as track:
        told = simulated(
            protocol, taken, n=n, replications=replications, power=power, seed=seed, jobs=jobs,
            tell=lambda what: track(what, 0.5),
        )  # fmt: skip
    if told.proof.differ:
        from flows.faults import Bug

        raise Bug(f"a simulated analysis is not the reported one: {told.proof.differ[0]}")
    data = told.to_json() | _written(told, out)
    result(data, as_json, lambda: _lines(told, data, tongue()))


def _chosen(
    root: Path, protocol: Protocol, assumptions: Path | None, printed: Path | None
) -> tuple[str, str]:
    """The text of the assumptions and the name it goes by: a file, printed numbers, or those of the protocol."""
    from analysis.simulation import FILE, from_protocol, from_reported, text_of

    if assumptions is not None and printed is not None:
        raise typer.BadParameter("give --assumptions or --from, not both")
    if printed is not None:
        return from_reported(printed, protocol), printed.name
    if assumptions is not None:
        return text_of(assumptions), assumptions.name
    if (root / FILE).is_file():
        return text_of(root / FILE), FILE
    if not protocol.analysis.published:
        raise AssumptionsInvalid(
            f"{root / FILE}: is not there, and study.toml prints no numbers to assume",
            "Write it as docs/simulate.md shows, or take a paper's numbers: --from REPORTED.json.",
        )
    return from_protocol(protocol), "[analysis.published]"


def _read(text: str, name: str, protocol: Protocol) -> Assumptions:
    from analysis.simulation import parse

    return parse(text, protocol, name)


def _write_draft(path: Path, text: str) -> None:
    from validate.lock.files import storage_faults

    with storage_faults(str(path)):
        try:
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
        except FileExistsError:
            raise AlreadyExists(f"{path}: is there already", "Name a new file.") from None


def _written(told: Simulated, out: Path | None) -> dict[str, Any]:
    """The files below ``out``, none without it."""
    if out is None:
        return {}
    from analysis.simulation import caption, draw
    from validate.lock.files import storage_faults

    with storage_faults(str(out)):
        out.mkdir(parents=True, exist_ok=True)
        figures = [str(file) for figure in draw(told, out) for file in figure.files]
        captions = {"zh": caption(told, "zh"), "en": caption(told, "en")}
        data = told.to_json() | {"captions": captions}
        file = out / "simulation.json"
        file.write_text(json.dumps(data, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return {"captions": captions, "files": [str(file), *figures]}


def _lines(told: Simulated, data: dict[str, Any], language: Tongue) -> Iterator[str]:
    from analysis.simulation import HEAD_EFFECT, HEAD_NOTHING, effect_rows, nothing_rows, sentences

    zh = language == "zh"
    yield "按假设" if zh else "As assumed"
    yield from table(HEAD_EFFECT[language], effect_rows(told, language))
    yield ""
    yield "无效应时" if zh else "Without an effect"
    yield from table(HEAD_NOTHING[language], nothing_rows(told, language))
    yield ""
    yield from sentences(told, language)
    yield from data.get("files", ())
