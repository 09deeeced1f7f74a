"""The arguments that several verbs share, and what they mean: a study's folder, a snapshot by path or name."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from extract.errors import NotFound

__all__ = ["Snapshot", "Study", "snapshot_path"]

Study = Annotated[Path, typer.Argument(help="The study's folder, or its study.toml.", show_default=True)]
Snapshot = Annotated[str, typer.Argument(help="A snapshot's folder, or STUDY@vN.")]

_BARE = re.compile(r"v\d+")
_NAMED = re.compile(r"^(?P<study>.*)@(?P<version>v\d+)$")


def snapshot_path(text: str) -> Path:
    """The folder of a snapshot given as a path or as ``STUDY@vN``. Raises NotFound."""
    path = Path(text)
    text = f"@{text}" if _BARE.fullmatch(text) and not path.exists() else text
    if (named := _NAMED.match(text)) and not path.exists():
        # Only here: a snapshot given by its folder is verified without the study's own machinery.
        from extract.study.folder import StudyFolder

        study = StudyFolder.at(Path(named["study"] or "."))
        path = _find(study.snapshots, study.protocol().study.id, named["version"])
    if not path.is_dir():
        raise NotFound(
            f"{text}: there is no such snapshot",
            "Give a snapshot's folder or STUDY@vN; `cohortlock lock STUDY` makes one.",
        )
    return path


def _find(snapshots: Path, study: str, version: str) -> Path:
    """The snapshot ``vN``, in ``snapshots/`` or in the study's own folder there. Raises NotFound."""
    for path in (snapshots / version, snapshots / study / version):
        if path.is_dir():
            return path
    there = sorted(p.name for p in snapshots.rglob("v*") if (p / "manifest.json").is_file())
    raise NotFound(
        f"{snapshots}: there is no snapshot {version}",
        f"It has: {', '.join(there)}." if there else "`cohortlock lock STUDY` makes the first.",
    )
