"""A study's folder: where each thing of a study stands on the disk, and nothing else.

STUDY/
  study.toml  site.toml        what is asked, and where
  sql/<table>.sql              a site's own version of a pack file (optional)
  landing/                     landed records and what was read in them (patient data)
  study.db                     decisions, entries, audit chain (SQLite default)
  snapshots/v1/ v2/ ...        locked datasets
  reports/v1/ ...              the analysis of each
  keys/                        signing keys and the pseudonym key
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from extract.errors import NotFound
from extract.study.protocol import Protocol, load

__all__ = ["StudyFolder"]


@dataclass(frozen=True)
class StudyFolder:
    """Paths of one study; makes nothing."""

    root: Path

    @classmethod
    def at(cls, path: Path) -> StudyFolder:
        """The study in ``path`` (a folder, or its study.toml). Raises NotFound."""
        root = path.parent if path.name == "study.toml" else path
        if not (root / "study.toml").is_file():
            raise NotFound(
                f"{path}: there is no study.toml here", "`cohortlock init DIR` makes a new study folder."
            )
        return cls(root)

    @property
    def protocol_file(self) -> Path:
        """The protocol, study.toml."""
        return self.root / "study.toml"

    @property
    def site_file(self) -> Path:
        """Where the hospital's data is, site.toml."""
        return self.root / "site.toml"

    @property
    def landing(self) -> Path:
        """Landed records: patient data."""
        return self.root / "landing"

    @property
    def screen(self) -> Path:
        """What was read in the landed records: patient data."""
        return self.landing / "screen"

    @property
    def database(self) -> Path:
        """The study database (SQLite default)."""
        return self.root / "study.db"

    @property
    def snapshots(self) -> Path:
        """Locked datasets, one folder a version."""
        return self.root / "snapshots"

    @property
    def reports(self) -> Path:
        """Reports, one folder a version."""
        return self.root / "reports"

    @property
    def keys(self) -> Path:
        """Signing keys and the pseudonym key."""
        return self.root / "keys"

    def protocol(self) -> Protocol:
        """The study's protocol. Raises ProtocolInvalid."""
        return load(self.protocol_file)
