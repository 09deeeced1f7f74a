"""The dataset of a snapshot in other programs' formats, equal to it cell for cell, with labels in zh or en."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from extract.errors import AlreadyExists, NotFound, Refused
from validate.lock.diff import open_tables
from validate.lock.export.dataset_json import as_dataset_json
from validate.lock.export.delimited import as_csv, as_parquet
from validate.lock.export.excel import as_excel
from validate.lock.export.odm import as_odm
from validate.lock.export.redcap import as_redcap
from validate.lock.export.sas import as_sas
from validate.lock.export.spss import as_spss
from validate.lock.export.stata import as_stata
from validate.lock.export.told import Language, Told, tell
from validate.lock.files import storage_faults, write_new

__all__ = ["FORMATS", "LANGUAGES", "export", "export_all"]

Writer = Callable[[Told], Mapping[str, bytes]]

FORMATS: Final[Mapping[str, Writer]] = {
    "csv": as_csv,
    "parquet": as_parquet,
    "sav": as_spss,
    "dta": as_stata,
    "xpt": as_sas,
    "xlsx": as_excel,
    "redcap": as_redcap,
    "odm": as_odm,
    "dataset-json": as_dataset_json,
}
"""Format -> what writes it: bytes by file ending, the main file first."""
LANGUAGES: Final[tuple[Language, ...]] = ("zh", "en")


def export(
    snapshot: Path,
    format_: str,
    out: Path,
    *,
    table: str = "data",
    bom: bool = False,
    language: Language = "en",
) -> Path:
    """Writes ``table`` (data or long) of a verified snapshot to the new file ``out``.

    What a format has beside its main file (SPSS syntax, a data dictionary) stands beside ``out`` under the
    same name with its own ending. ``bom`` marks CSV as UTF-8 for Excel. Raises SnapshotBroken, NotFound
    for an unknown format, table or language, AlreadyExists, StorageFault; nothing is written then.
    """
    _known(format_, table, language)
    made = FORMATS[format_](_told(snapshot, table, language=language, bom=bom))
    main = next(iter(made))
    stem = out.name.removesuffix(main) if out.name.endswith(main) else out.stem
    files = {out if ending == main else out.with_name(stem + ending): data for ending, data in made.items()}
    _write(files)
    return out


def export_all(
    snapshot: Path, out: Path, formats: Sequence[str], *, language: Language = "en", bom: bool = True
) -> list[Path]:
    """Both tables of a verified snapshot in each of ``formats``, with the codebook, in the folder ``out``.

    REDCap has the data only: its projects have one row a record. Raises as ``export``.
    """
    for format_ in formats:
        _known(format_, "data", language)
    tolds = {name: _told(snapshot, name, language=language, bom=bom) for name in ("data", "long")}
    files: dict[Path, bytes] = {}
    for format_ in dict.fromkeys(formats):
        for name, told in tolds.items():
            if (format_, name) != ("redcap", "long"):
                files |= {out / f"{name}{end}": data for end, data in FORMATS[format_](told).items()}
    codebook = (snapshot / "codebook.csv").read_bytes()
    with storage_faults(str(out)):
        out.mkdir(parents=True, exist_ok=True)
        # An earlier export of the same snapshot may have put it here.
        there = out / "codebook.csv"
        same = there.is_file() and there.read_bytes() == codebook
    if not same:
        files[there] = codebook
    _write(files)
    return [*files, *([there] if same else [])]


def _known(format_: str, table: str, language: str) -> None:
    for what, one, all_ in (
        ("export to", format_, sorted(FORMATS)),
        ("table", table, ["data", "long"]),
        ("label language", language, list(LANGUAGES)),
    ):
        if one not in all_:
            raise NotFound(f"there is no {what} {one!r}", f"Choose one of {', '.join(all_)}.")
    if (format_, table) == ("redcap", "long"):
        raise Refused(
            "a REDCap project has one row a record, the long table several", "Export the table data."
        )


def _told(snapshot: Path, table: str, *, language: Language, bom: bool) -> Told:
    report, tables = open_tables(snapshot)
    codebook: dict[str, Any] = json.loads((snapshot / "codebook.json").read_bytes())
    manifest: dict[str, Any] = json.loads((snapshot / "manifest.json").read_bytes())
    citation = ("Simulated data. " if manifest["simulated"] else "") + (
        f"cohortlock snapshot {manifest['study']} v{manifest['version']}, {manifest['created_at']}, "
        f"logical hash {report.logical_hash}"
    )
    source = {
        "study": str(manifest["study"]),
        "version": str(manifest["version"]),
        "created_at": str(manifest["created_at"]),
        "system": str(manifest["code"]["name"]),
        "system_version": str(manifest["code"]["version"]),
    }
    return tell(table, tables, codebook, language=language, citation=citation, bom=bom, source=source)


def _write(files: Mapping[Path, bytes]) -> None:
    """All of them new, or none: what stands there already is looked for first."""
    for path in files:
        if path.exists():
            raise AlreadyExists(f"{path}: exists already", "Name another file.")
    for path, data in files.items():
        with storage_faults(str(path)):
            try:
                write_new(path, data)
            except FileExistsError:
                raise AlreadyExists(f"{path}: exists already", "Name another file.") from None
