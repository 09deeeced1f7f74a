"""Forge a snapshot in TAMPER_ATTACKS (20000) random ways and copy it honestly TAMPER_COPIES (1000) times.

`make soak` runs it whole, the tests a part.  Every forgery must be found and put down to the right file and
kind; no honest copy may raise an alarm.  What the bytes alone cannot tell says so: a snapshot signed anew is
held against its anchor, rows that the true signers signed under a wrong logical hash are read
(``verify --rows``).  TAMPER_SEED (1) fixes the dice, TAMPER_PROCESSES (one a core) the hands.
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
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from extract.study.chain import canonical, event_hash
from extract.study.database import StudyDatabase
from extract.study.folder import StudyFolder
from validate.checks.results import CheckReport, CheckResult
from validate.checks.rules import compile_rules
from validate.lock.assemble import Cell, assemble_cells
from validate.lock.contents import build_contents
from validate.lock.keys import PseudonymKey, Signer
from validate.lock.pseudonyms import Pseudonyms
from validate.lock.publish import publish
from validate.lock.signing import sign
from validate.lock.spelling import canonical_json, sha256
from validate.lock.verify import verify

STUDY = Path(__file__).parents[1] / "validate" / "leaf-growth.toml"
MANIFEST, PACKAGE, CRATE = "manifest.json", "datapackage.json", "ro-crate-metadata.json"
PART = 250
"""Attacks or copies that one process makes before it tells of them."""
Changes = dict[str, bytes]
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
    rows: bool = False
    """Whether only the rows can tell: those who sign signed a logical hash that is not theirs."""


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
            self.wrong_hash_signed,
            self.hasty_hash_signed,
            self.signer_left_out,
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

    def _rewritten(self, changes: Changes, **instead: object) -> tuple[Changes, dict[str, Any]]:
        """``changes`` with all that the other files say of them, and the manifest that then fits."""
        manifest = {**json.loads(self.sound[MANIFEST]), **instead}
        package, crate = json.loads(self.sound[PACKAGE]), json.loads(self.sound[CRATE])
        package["logical_hash"] = manifest["logical_hash"]
        for one in package["resources"]:
            if one["path"] in changes:
                data = changes[one["path"]]
                one |= {"bytes": len(data), "hash": f"sha256:{sha256(data)}"}
        for one in crate["@graph"]:
            if one["@id"] in changes:
                data = changes[one["@id"]]
                one |= {"contentSize": str(len(data)), "sha256": sha256(data)}
            if one["@id"] == "./":
                one["identifier"] = f"sha256:{manifest['logical_hash']}"
        told = {**changes, PACKAGE: canonical_json(package), CRATE: canonical_json(crate)}
        return told, self._listing(manifest, told)

    def _listing(self, manifest: dict[str, Any], changes: Changes) -> dict[str, Any]:
        listed = {name: {"sha256": sha256(data), "size": len(data)} for name, data in changes.items()}
        return {**manifest, "files": {**manifest["files"], **listed}}

    def _edited(self) -> Changes:
        name = self.dice.choice(
            sorted(self.manifest["files"].keys() - {PACKAGE, CRATE, "audit.jsonl", "study.toml"})
        )
        return {name: self.sound[name] + b"\n"}

    def manifest_recomputed(self) -> Attack:
        """A file and its hash wherever it stands; the signatures stay."""
        told, manifest = self._rewritten(self._edited())
        files = {**told, MANIFEST: canonical_json(manifest)}
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
        changes = {"audit.jsonl": "".join(f"{canonical(event)}\n" for event in events).encode()}
        if self.dice.random() < 0.5:
            told, manifest = self._rewritten(changes)
            return Attack("chain rewritten", self._signed(manifest, told), {"audit.jsonl": {"audit_chain"}})
        head = {"events": len(events), "head": events[-1]["hash"]}
        told, manifest = self._rewritten(changes, audit=head)
        files = {**told, MANIFEST: canonical_json(manifest)}
        return Attack("chain rewritten", dict(files), {MANIFEST: {"signature"}})

    def _signed(
        self, manifest: dict[str, Any], changes: Changes, signers: list[Signer] | None = None
    ) -> dict[str, bytes | None]:
        """Signed by ``signers``, or with the forger's own keys in the names of the others."""
        those = signers or [
            Signer(s.name, s.role, s.meaning, Ed25519PrivateKey.generate()) for s in self.signers
        ]
        entries = [
            {**entry, "public_key": signer.public_key}
            for entry, signer in zip(manifest["signers"], those, strict=True)
        ]
        data = canonical_json({**manifest, "signers": entries})
        return {**changes, MANIFEST: data} | {
            entry["file"]: sign(data, signer) for entry, signer in zip(entries, those, strict=True)
        }

    def signed_anew(self) -> Attack:
        """Everything fits: only the anchored hash says that it is another snapshot."""
        told, manifest = self._rewritten(self._edited())
        return Attack("signed anew", self._signed(manifest, told), {MANIFEST: {"anchor"}}, anchored=True)

    def wrong_hash_signed(self) -> Attack:
        """The true signers sign a logical hash that is not that of the rows, and every file names it."""
        told, manifest = self._rewritten({}, logical_hash=self.dice.randbytes(32).hex())
        files = self._signed(manifest, told, self.signers)
        return Attack("wrong hash signed", files, {MANIFEST: {"logical_hash"}}, rows=True)

    def hasty_hash_signed(self) -> Attack:
        """The same in the manifest alone: the files contradict each other."""
        manifest = {**self.manifest, "logical_hash": self.dice.randbytes(32).hex()}
        files = self._signed(manifest, {}, self.signers)
        return Attack("hasty hash signed", files, {name: {"consistency"} for name in (PACKAGE, CRATE)})

    def signer_left_out(self) -> Attack:
        """One true signer drops the other, changes a file and signs alone."""
        stays = self.dice.randrange(len(self.signers))
        told, manifest = self._rewritten(self._edited(), signers=[self.manifest["signers"][stays]])
        files = self._signed(manifest, told, [self.signers[stays]])
        gone = {entry["file"]: None for n, entry in enumerate(self.manifest["signers"]) if n != stays}
        return Attack("signer left out", {**files, **gone}, {"study.toml": {"consistency"}})


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
            report = verify(snapshot, rows=attack.rows, expected_manifest=anchor if attack.anchored else None)
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


class _Hand:
    """One process's own copy of the snapshot, and what it is asked to do with it."""

    here: _Hand

    def __init__(self, snapshot: Path, signers: list[Signer], room: Path, seed: str) -> None:
        self.room, self.signers, self.seed = Path(tempfile.mkdtemp(dir=room)), signers, seed
        self.snapshot = writable(Path(shutil.copytree(snapshot, self.room / "snapshot")))

    @classmethod
    def begin(cls, *told: Any) -> None:
        """Where a process of the pool starts."""
        cls.here = cls(*told)

    @classmethod
    def forged(cls, part: int, attacks: int) -> tuple[Counter[str], list[str]]:
        """What ``forge`` says of the attacks of one part."""
        here = cls.here
        return forge(here.snapshot, here.signers, attacks, random.Random(f"{here.seed}/{part}"))

    @classmethod
    def copied(cls, part: int, copies: int) -> tuple[Counter[str], list[str]]:
        """The alarms that honest copies raised."""
        here, dice = cls.here, random.Random(f"{cls.here.seed}/copies/{part}")
        alarms: list[str] = []
        for copy in honest_copies(here.snapshot, here.room / "copies", copies, dice):
            alarms += [problem.message for problem in verify(copy).problems]
        return Counter({"honest copy": copies}), alarms


def _in_parts(
    pool: ProcessPoolExecutor, work: Callable[[int, int], tuple[Counter[str], list[str]]], whole: int
) -> tuple[Counter[str], list[str]]:
    """``whole`` of ``work`` in parts, side by side, told on stderr as it goes."""
    sizes = [min(PART, whole - start) for start in range(0, whole, PART)]
    made: Counter[str] = Counter()
    faults: list[str] = []
    began = time.monotonic()
    for one in as_completed([pool.submit(work, part, size) for part, size in enumerate(sizes)]):
        some, wrong = one.result()
        made += some
        faults += wrong
        sys.stderr.write(
            f"{made.total():,} of {whole:,}, {len(faults)} wrong, {time.monotonic() - began:.0f} s\n"
        )
    return made, faults


def main() -> None:
    """All attacks, then all copies; what was missed and every alarm end it with a message and code 1."""
    attacks = int(os.environ.get("TAMPER_ATTACKS", "20000"))
    copies = int(os.environ.get("TAMPER_COPIES", "1000"))
    hands = int(os.environ.get("TAMPER_PROCESSES", str(os.cpu_count() or 1)))
    seed = os.environ.get("TAMPER_SEED", "1")
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        room = Path(name)
        (room / "study").mkdir()
        snapshot, signers = lock_a_study(room / "study")
        told = (snapshot, signers, room, seed)
        # Keys cannot be sent to another process, but one that is forked has them.
        with ProcessPoolExecutor(hands, get_context("fork"), _Hand.begin, told) as pool:
            made, missed = _in_parts(pool, _Hand.forged, attacks)
            if missed:
                sys.exit(
                    "\n".join([f"{len(missed)} forgeries were not found for what they are", *missed[:20]])
                )
            said = ", ".join(f"{kind} {count}" for kind, count in sorted(made.items()))
            sys.stdout.write(f"{made.total()} forgeries, each found with its reason ({said})\n")
            done, alarms = _in_parts(pool, _Hand.copied, copies)
    if alarms:
        sys.exit(f"honest copies raised {len(alarms)} alarms: {alarms[:5]}")
    sys.stdout.write(f"{done.total()} honest copies, no alarm; {time.monotonic() - began:.0f} s in all\n")


if __name__ == "__main__":
    main()
