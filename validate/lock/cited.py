"""What a verified snapshot gives to the outside: how to cite it, and its anchor."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from extract.errors import AlreadyExists, NotFound, SnapshotBroken
from validate.lock.anchored import Anchor, parse_anchor
from validate.lock.files import storage_faults, write_new
from validate.lock.manifest import MANIFEST
from validate.lock.report import VerifyReport
from validate.lock.verify import verify

__all__ = ["anchor", "citation", "read_anchor", "write_anchor"]


def _sound(path: Path, report: VerifyReport | None) -> tuple[VerifyReport, dict[str, Any]]:
    """The report and manifest of a snapshot that verifies. Raises SnapshotBroken otherwise."""
    report = report or verify(path)
    if not report.ok:
        first = report.problems[0]
        raise SnapshotBroken(f"{path}: {first.message}", "`cohortlock verify` lists every difference.")
    return report, json.loads((path / MANIFEST).read_bytes())


def citation(path: Path, report: VerifyReport | None = None) -> dict[str, str]:
    """How to cite the snapshot, ``{"zh", "en"}``: title, version, day of the lock, both hashes.

    ``report`` is that of a verify just done. Raises SnapshotBroken when the snapshot does not verify.
    """
    found, manifest = _sound(path, report)
    made = {"zh": "（模拟数据）", "en": " (simulated)"} if manifest["simulated"] else {"zh": "", "en": ""}
    title, version, day = manifest["title"], manifest["version"], str(manifest["created_at"])[:10]
    code = f"{manifest['code']['name']} {manifest['code']['version']}"
    return {
        "zh": f"{title['zh']}{made['zh']}[数据集/OL]. {manifest['study']} 第{version}版, {day}锁定, {code}. "
        f"逻辑哈希 sha256:{found.logical_hash}; 清单 sha256:{found.manifest_sha256}.",
        "en": f"{title['en']}{made['en']} [data set]. {manifest['study']} version {version}, locked {day}, {code}. "
        f"Logical hash sha256:{found.logical_hash}; manifest sha256:{found.manifest_sha256}.",
    }


def anchor(path: Path) -> Anchor:
    """What fixes this snapshot for ever. Raises SnapshotBroken when the snapshot does not verify."""
    report, manifest = _sound(path, None)
    return Anchor.of(manifest, str(report.manifest_sha256))


def read_anchor(file: Path) -> Anchor:
    """The anchor in a file, whatever stands around it. Raises NotFound, SnapshotBroken."""
    try:
        return parse_anchor(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        raise NotFound(
            f"{file}: cannot be read as text", "Give the file that `cohortlock anchor --out` wrote."
        ) from None
    except SnapshotBroken as error:
        raise SnapshotBroken(f"{file}: {error.message}", error.next_step) from None


def write_anchor(found: Anchor, file: Path) -> None:
    """Writes the lines to a file that must be new. Raises AlreadyExists, StorageFault."""
    with storage_faults(str(file)):
        try:
            write_new(file, found.text().encode())
        except FileExistsError:
            raise AlreadyExists(f"{file}: is there already", "Name a new file.") from None
