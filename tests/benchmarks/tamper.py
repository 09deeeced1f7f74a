"""Forge a snapshot in TAMPER_ATTACKS (20000) random ways and copy it honestly TAMPER_COPIES (1000) times.

`make soak` runs it whole, the tests a part.  Every forgery must be found and put down to the right file and
kind; no honest copy may raise an alarm.  TAMPER_SEED (1) fixes the dice.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import stat
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from extract.study.audit import canonical, event_hash
from extract.study.database import StudyDatabase
from extract.study.folder import StudyFolder
from validate.checks.results import CheckReport, CheckResult
from validate.checks.rules import compile_rules
from validate.lock.assemble import Cell, assemble_cells
from validate.lock.canonical import canonical_json, sha256
from validate.lock.contents import build_contents
from validate.lock.keys import PseudonymKey, Signer
from validate.lock.manifest import sign
from validate.lock.pseudonyms import Pseudonyms
from validate.lock.publish import publish
from validate.lock.verify import verify

STUDY = Path(__file__).parents[1] / "validate" / "leaf-growth.toml"
MANIFEST = "manifest.json"
LISTED = {"hash", "size"}
"""Kinds for a file whose bytes the manifest vouches for."""
SIGNED = {"signature", "unreadable", "signer"}


@dataclass(frozen=True)
class Attack:
    """What was done: files with their forged bytes (None: removed), and what verify must say of which file."""

    name: str
    files: dict[str, bytes | None]
    expected: dict[str, set[str]]
    anchored: bool = False
    """Whether only the anchored hash of the manifest can tell: a forger signed all of it anew."""


class Forger:
    """Knows a sound snapshot by heart, and one person's signature under another manifest."""

    def __init__(self, snapshot: Path, signers: list[Signer], dice: random.Random) -> None:
        self.sound = {f.relative_to(snapshot).as_posix(): f.read_bytes() for f in _files(snapshot)}
        self.signers, self.dice = signers, dice
        self.manifest = json.loads(self.sound[MANIFEST])
        self.signatures = {signer["file"] for signer in self.manifest["signers"]}
        self.kinds: tuple[Callable[[], Attack], ...] = (
            self.one_byte,
            self.truncated,
            self.swapped,
            self.removed,
            self.added,
            self.manifest_recomputed,
            self.replayed_signature,
            self.chain_rewritten,
            self.signed_anew,
        )

    def _any(self, *, listed: bool = False) -> str:
        return self.dice.choice(sorted(self.manifest["files"] if listed else self.sound))

    def _kinds_of(self, name: str) -> set[str]:
        if name == MANIFEST:
            return {"manifest", "signature", "logical_hash"}
        return SIGNED if name in self.signatures else LISTED

    def one_byte(self) -> Attack:
        """A byte becomes any other byte."""
        name = self._any()
        data = bytearray(self.sound[name])
        data[self.dice.randrange(len(data))] ^= self.dice.randrange(1, 256)
        return Attack("one byte", {name: bytes(data)}, {name: self._kinds_of(name)})

    def truncated(self) -> Attack:
        """The end is cut off."""
        name = self._any()
        data = self.sound[name][: self.dice.randrange(len(self.sound[name]))]
        return Attack("truncated", {name: data}, {name: self._kinds_of(name)})

    def swapped(self) -> Attack:
        """Two files change their content."""
        first, second = self.dice.sample(sorted(self.sound), 2)
        files = {first: self.sound[second], second: self.sound[first]}
        # Without its manifest nothing can be said of the other files.
        to_blame = [MANIFEST] if MANIFEST in files else [first, second]
        return Attack("swapped", dict(files), {name: self._kinds_of(name) for name in to_blame})

    def removed(self) -> Attack:
        """A file is gone."""
        name = self._any()
        return Attack("removed", {name: None}, {name: {"missing"}})

    def added(self) -> Attack:
        """A file more, anywhere, hidden or not."""
        folder = self.dice.choice(["", "", "sql/", "signatures/", "new/", ".hidden/"])
        name = f"{folder}{self.dice.choice(['', '.'])}{self.dice.randbytes(4).hex()}.json"
        return Attack("added", {name: self.dice.randbytes(9)}, {name: {"extra"}})

    def _rewritten(
        self, changes: dict[str, bytes], head: dict[str, object] | None = None
    ) -> dict[str, object]:
        manifest = json.loads(self.sound[MANIFEST])
        for name, data in changes.items():
            manifest["files"][name] = {"sha256": sha256(data), "size": len(data)}
        return manifest | ({"audit": head} if head else {})

    def _edited(self) -> dict[str, bytes]:
        name = self._any(listed=True)
        return {name: self.sound[name] + b"\n"}

    def manifest_recomputed(self) -> Attack:
        """A file and its hash in the manifest; the signatures stay."""
        changes = self._edited()
        files = {**changes, MANIFEST: canonical_json(self._rewritten(changes))}
        return Attack("manifest recomputed", dict(files), {MANIFEST: {"signature"}})

    def replayed_signature(self) -> Attack:
        """A true signature of the right person, under another manifest or in another's place."""
        signer, entry = self.dice.choice(list(zip(self.signers, self.manifest["signers"], strict=True)))
        if self.dice.random() < 0.5:
            other = sign(canonical_json({"another": self.dice.random()}), signer)
            return Attack("replayed signature", {entry["file"]: other}, {MANIFEST: {"signature"}})
        file = next(f for f in sorted(self.signatures) if f != entry["file"])
        return Attack("replayed signature", {file: self.sound[entry["file"]]}, {file: {"signer"}})

    def chain_rewritten(self) -> Attack:
        """An event in the middle changes and every hash after it is made to fit; the head too, or not."""
        events = [json.loads(line) for line in self.sound["audit.jsonl"].splitlines()]
        start = self.dice.randrange(len(events))
        events[start]["actor"] = f"x{self.dice.randrange(10**6)}"
        for event, before in zip(events[start:], [None, *events[start:]], strict=False):
            event["previous"] = before["hash"] if before else event["previous"]
            event["hash"] = event_hash(event)
        data = "".join(f"{canonical(event)}\n" for event in events).encode()
        if self.dice.random() < 0.5:
            files = self._signed(self._rewritten({"audit.jsonl": data}), {"audit.jsonl": data})
            return Attack("chain rewritten", files, {"audit.jsonl": {"audit_chain"}})
        head = {"events": len(events), "head": events[-1]["hash"]}
        changes = {"audit.jsonl": data}
        files = {**changes, MANIFEST: canonical_json(self._rewritten(changes, head))}
        return Attack("chain rewritten", dict(files), {MANIFEST: {"signature"}})

    def _signed(self, manifest: dict[str, object], changes: dict[str, bytes]) -> dict[str, bytes | None]:
        """The forger's own keys in the names of the others."""
        fresh = [Signer(s.name, s.role, s.meaning, Ed25519PrivateKey.generate()) for s in self.signers]
        entries = [
            {**entry, "public_key": signer.public_key}
            for entry, signer in zip(self.manifest["signers"], fresh, strict=True)
        ]
        data = canonical_json({**manifest, "signers": entries})
        return {**changes, MANIFEST: data} | {
            entry["file"]: sign(data, signer) for entry, signer in zip(entries, fresh, strict=True)
        }

    def signed_anew(self) -> Attack:
        """Everything fits: only the anchored hash says that it is another snapshot."""
        name = self.dice.choice(["flow.json", "agreement.json", "codebook.csv", "checks.json", "study.toml"])
        changes = {name: self.sound[name] + b"\n"}
        files = self._signed(self._rewritten(changes), changes)
        return Attack("signed anew", files, {MANIFEST: {"anchor"}}, anchored=True)


def _files(folder: Path) -> list[Path]:
    return sorted(f for f in folder.rglob("*") if f.is_file())


def writable(folder: Path) -> Path:
    """``folder`` with files that may be overwritten."""
    for file in _files(folder):
        file.chmod(file.stat().st_mode | stat.S_IWUSR)
    return folder


def forge(
    snapshot: Path, signers: list[Signer], attacks: int, dice: random.Random
) -> tuple[Counter[str], list[str]]:
    """How many attacks of each kind were made, and what was not found or put down to the wrong file.

    ``snapshot`` is writable and sound again when this returns.
    """
    forger = Forger(snapshot, signers, dice)
    anchor = sha256(forger.sound[MANIFEST])
    made: Counter[str] = Counter()
    missed: list[str] = []
    for number in range(attacks):
        attack = forger.kinds[number % len(forger.kinds)]()
        # Two files of equal content can be swapped without a trace; that is no forgery.
        while all(forger.sound.get(name) == data for name, data in attack.files.items()):
            attack = forger.kinds[number % len(forger.kinds)]()
        made[attack.name] += 1
        with _done(snapshot, forger.sound, attack.files):
            report = verify(snapshot, expected_manifest=anchor if attack.anchored else None)
        said = {(p.file, p.kind) for p in report.problems}
        missed += [
            f"{attack.name}: {name} should be {sorted(kinds)}, verify said {sorted(said)}"
            for name, kinds in attack.expected.items()
            if not any((name, kind) in said for kind in kinds)
        ]
    return made, missed


class _done:  # noqa: N801 - reads as what it is for
    """The forged files in place of the sound ones, while inside."""

    def __init__(self, snapshot: Path, sound: dict[str, bytes], files: dict[str, bytes | None]) -> None:
        self.snapshot, self.sound, self.files = snapshot, sound, files

    def __enter__(self) -> None:
        for name, data in self.files.items():
            path = self.snapshot / name
            if data is None:
                path.unlink()
            else:
                path.parent.mkdir(exist_ok=True)
                path.write_bytes(data)

    def __exit__(self, *_: object) -> None:
        for name in self.files:
            path = self.snapshot / name
            if name in self.sound:
                path.write_bytes(self.sound[name])
            else:
                path.unlink()
                if path.parent != self.snapshot and not any(path.parent.iterdir()):
                    path.parent.rmdir()


def honest_copies(snapshot: Path, room: Path, count: int, dice: random.Random) -> Iterator[Path]:
    """Copies by other ways, at other places and times, with other rights; each removed after its turn."""
    for number in range(count):
        place = room / f"copy {number} {dice.choice(['', '研究', 'a b'])}"
        way = number % 4
        if way == 0:
            shutil.copytree(snapshot, place)
        else:
            kind = ("zip", "tar", "gztar")[way - 1]
            archive = shutil.make_archive(str(room / "packed"), kind, snapshot)
            shutil.unpack_archive(archive, place, **({"filter": "data"} if kind != "zip" else {}))
        for file in _files(place):
            moment = dice.randrange(1, 4_000_000_000)
            os.utime(file, (moment, moment))
            file.chmod(dice.choice([0o444, 0o600, 0o644, 0o755]))
        yield place
        shutil.rmtree(place)


def lock_a_study(root: Path) -> tuple[Path, list[Signer]]:
    """A small study with two versions, so that its audit has a middle; the second snapshot and who signed."""
    (root / "study.toml").write_bytes(STUDY.read_bytes())
    folder = StudyFolder.at(root)
    folder.snapshots.mkdir()
    protocol = folder.protocol()
    people = [f"patient {number}" for number in range(40)]
    cells = [
        Cell(who, v.id, at, str(number % 2 + 1) if v.categorical else f"{number % 7}.0", method="m", day=0)
        for number, who in enumerate(people)
        for v in protocol.variable
        for at in v.at or ("",)
    ]
    draft = assemble_cells(protocol, people, cells, Pseudonyms.assign(PseudonymKey(b"k" * 32), people))
    report = CheckReport(
        tuple(CheckResult(r.id, r.kind, "pass", r.severity, r.label, 1) for r in compile_rules(protocol))
    )
    signers = [Signer(r, r, "lock", Ed25519PrivateKey.generate()) for r in protocol.lock.signatures]
    with StudyDatabase.open(folder, protocol) as database:
        for _ in range(2):
            if database.locked():
                database.unlock("soak", reason="again")
            contents = build_contents(
                protocol,
                draft,
                study_toml=STUDY.read_bytes(),
                report=report,
                reviewed=[],
                agreement={},
                flow={},
                sql={"candidates.sql": "SELECT 1\n"},
                audit=database.audit(),
                head=database.head(),
            )
            path = publish(folder, database, contents, signers, actor="soak")
    return path, signers


def main() -> None:
    """All attacks, then all copies; the first failure of either ends with a message and code 1."""
    attacks = int(os.environ.get("TAMPER_ATTACKS", "20000"))
    copies = int(os.environ.get("TAMPER_COPIES", "1000"))
    dice = random.Random(os.environ.get("TAMPER_SEED", "1"))
    with tempfile.TemporaryDirectory() as name:
        began = time.monotonic()
        snapshot, signers = lock_a_study(Path(name))
        made, missed = forge(writable(snapshot), signers, attacks, dice)
        if missed:
            sys.exit("\n".join([f"{len(missed)} forgeries were not found for what they are", *missed[:20]]))
        told = ", ".join(f"{kind} {count}" for kind, count in sorted(made.items()))
        sys.stdout.write(f"{made.total()} forgeries, each found with its reason ({told})\n")
        alarms = 0
        for copy in honest_copies(snapshot, Path(name) / "copies", copies, dice):
            alarms += not verify(copy).ok
        if alarms:
            sys.exit(f"{alarms} of {copies} honest copies raised an alarm")
        sys.stdout.write(f"{copies} honest copies, no alarm; {time.monotonic() - began:.0f} s in all\n")


if __name__ == "__main__":
    main()
