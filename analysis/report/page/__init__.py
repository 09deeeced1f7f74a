"""The HTML page: one file that needs nothing else; the template, its style and its script stand beside this."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from analysis.dataset import Locked
from analysis.report.cells import Piece, Sheet
from analysis.report.wording import Language, method_name, say
from analysis.results import Result, Results

__all__ = ["Drawing", "Part", "render"]

_HERE: Final = Path(__file__).parent


@dataclass(frozen=True)
class Drawing:
    """A figure of the report: its number, caption in both languages, SVG, the picture's file and width in inches."""

    number: int
    place: str
    caption: Mapping[Language, str]
    svg: Markup
    png: Path
    inches: float


@dataclass(frozen=True)
class Part:
    """The page in one language."""

    language: Language
    summary: Sequence[tuple[Piece, ...]]
    tables: tuple[Sheet, Sheet, Sheet]
    figures: Sequence[Drawing]
    safety: Sheet | None
    missing: Sheet | None
    reading: Sequence[tuple[Piece, ...]]
    methods: tuple[Piece, ...]
    around: Sequence[Sheet]
    routing: Sheet | None
    printed: Sheet | None
    quality: Sequence[Sheet]
    audit: Sheet


def _tip(row: Result, language: Language) -> str:
    return f"{method_name(row.method, language)}; n = {row.n}"


def _embedded(results: Results) -> str:
    """The frame as JSON for the card; sets of participants are stored once."""
    sets: dict[tuple[int, ...], int] = {}
    rows = []
    for r in results.rows:
        key = ".".join((r.table, r.variable, r.group, r.timepoint, r.statistic, *([r.of] if r.of else ())))
        line: dict[str, Any] = {
            "k": key,
            "v": r.value,
            "m": [method_name(r.method, "zh"), r.method],
            "n": r.n,
            "s": sets.setdefault(r.rows, len(sets)),
        }
        if r.note:
            line["note"] = r.note
        rows.append(line)
    whole = {"people": results.participants, "sets": list(sets), "rows": rows}
    # "</" must not close the script element that holds it.
    return json.dumps(whole, ensure_ascii=False, separators=(",", ":")).replace("</", "<\\/")


def render(locked: Locked, results: Results, parts: Sequence[Part], program: str) -> str:
    """The whole page as text."""
    around = Environment(
        loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined, keep_trailing_newline=True
    )
    around.globals.update(say=say, tip=_tip)
    script = (_HERE / "card.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    study = locked.protocol.study
    # Markup is safe here: style and script are ours, the JSON has its "</" escaped, SVG is matplotlib's.
    return around.get_template("report.html.j2").render(
        title=study.title.model_dump(),
        study=study.id,
        version=locked.version,
        simulated=study.simulated,
        logical_hash=locked.logical_hash,
        protocol_hash=locked.protocol.hash,
        program=program,
        parts=parts,
        rows=results.rows,
        style=Markup((_HERE / "style.css").read_text(encoding="utf-8")),  # noqa: S704
        script=Markup(script),  # noqa: S704
        script_hash=digest,
        frame=Markup(_embedded(results)),  # noqa: S704
    )
