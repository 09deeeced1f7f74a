"""Lock and verify at sizes that no chart review has.

LOCK_ROWS (1,000,000) participants of 40 columns are locked; a signed snapshot of VERIFY_GB (2) is verified.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from process import Process

ROWS = int(os.environ.get("LOCK_ROWS", "1000000"))
GIGABYTES = float(os.environ.get("VERIFY_GB", "2"))
LETTERS = 200_000
"""Random hex digits of one text in the snapshot that is verified; no program makes them smaller than half."""
NUMBERS = 11
"""Variables measured twice, in tenths: 22 values and 11 changes."""

HEAD = """
format = 1
[study]
id = "large"
title = { zh = "大", en = "Large" }
ethics = { approval = "EC-1" }
[search]
expression = '"a"'
from = 2022-01-01
to = 2022-12-31
[timepoints]
T0 = { anchor = "first_match" }
T1 = { after = "T0", day = 28, window = [21, 35] }
[[variable]]
id = "age"
label = { zh = "年龄", en = "Age" }
source = { derived = "age_at(T0)" }
[[variable]]
id = "sex"
label = { zh = "性别", en = "Sex" }
source = { patient = "sex" }
values = [ { code = 1, zh = "男", en = "male" }, { code = 2, zh = "女", en = "female" } ]
[[variable]]
id = "course"
label = { zh = "病程", en = "Course" }
source = { text = "course" }
[extractor.course]
kind = "number"
labels = ["course"]
"""
NUMBER = """
[[variable]]
id = "lab_{n}"
label = {{ zh = "检验{n}", en = "Test {n}" }}
unit = {{ zh = "mg/L", en = "mg/L" }}
step = 0.1
at = ["T0", "T1"]
source = {{ lab = "L{n}" }}
"""
TAIL = """
[[include]]
id = "I1"
label = { zh = "成人", en = "adult" }
rule = { variable = "age", between = [18, 80] }
auto = true
[outcome]
responder = { any = [ { relief = "lab_1", at_least = 0.5 }, { relief = "lab_2", at_least = 0.5 } ] }
[lock]
signatures = ["data manager"]
"""


def study_text() -> str:
    """40 columns: participant, 3 + 22 values, 11 changes, 2 reliefs, responder."""
    body = "".join(NUMBER.format(n=n) for n in range(1, NUMBERS + 1))
    # Tables of TOML may not follow the tables inside arrays of tables that they are not part of.
    head, _, extractor = HEAD.partition("[extractor")
    return head + body + "[extractor" + extractor + TAIL


def cells_of(protocol: object) -> Callable[[Sequence[str]], object]:
    """Cells of any patients, 25 each with its own record, from their numbers alone."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    from validate.lock.blocks import CELLS

    places = [(v, at) for v in protocol.variable for at in v.at or ("",)]  # type: ignore[attr-defined]

    def of(patients: Sequence[str]) -> object:
        people = pa.array(patients, pa.string())
        seeds = np.array([int(one) for one in patients], dtype=np.int64)
        parts = []
        for number, (variable, at) in enumerate(places):
            drawn = (seeds * 2_654_435_761 + number * 40_503) % 4_294_967_296 // 7
            if variable.step == 1:
                drawn = 1 + drawn % (2 if variable.values else 70)
                text = pa.array(drawn).cast(pa.string())
            else:
                drawn %= 999
                text = pc.binary_join_element_wise(
                    pa.array(drawn // 10).cast(pa.string()), pa.array(drawn % 10).cast(pa.string()), "."
                )
            keys = pc.binary_join_element_wise(f"lab:{number}", people, "|")
            known = {
                "patient_id": people,
                "variable": pa.repeat(variable.id, len(people)),
                "timepoint": pa.repeat(at, len(people)),
                "value": text,
                "method": pa.repeat("lab", len(people)),
                "day": pa.array(np.where(drawn % 2, 28, 0)),
                "record_id": keys,
                "version": pc.binary_join_element_wise("v", keys, ""),
            }
            empty = {f.name: pa.nulls(len(people), f.type) for f in CELLS}
            parts.append(pa.table({**empty, **known}, schema=CELLS))
        return pa.concat_tables(parts)

    return of


def lock(root: Path, rows: int) -> Path:
    """A study of ``rows`` participants from its cells to a signed and verified snapshot; checks are not run."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from extract.study.database import StudyDatabase
    from extract.study.folder import StudyFolder
    from validate.checks.results import CheckReport
    from validate.lock.assemble import assemble_table
    from validate.lock.contents import build_contents
    from validate.lock.keys import PseudonymKey, Signer
    from validate.lock.pseudonyms import Pseudonyms, write_linking
    from validate.lock.publish import publish

    root.mkdir(parents=True)
    (root / "study.toml").write_text(study_text(), encoding="utf-8")
    folder = StudyFolder.at(root)
    folder.snapshots.mkdir()
    folder.landing.mkdir()
    protocol = folder.protocol()
    patients = [str(number) for number in range(rows)]
    pseudonyms = Pseudonyms.assign(PseudonymKey(b"k" * 32), patients)
    draft = assemble_table(protocol, patients, cells_of(protocol), pseudonyms, folder=folder.landing)
    write_linking(folder, pseudonyms, draft.records)
    signers = [Signer(role, role, "lock", Ed25519PrivateKey.generate()) for role in protocol.lock.signatures]
    with StudyDatabase.open(folder, protocol) as database:
        contents = build_contents(
            protocol,
            draft,
            study_toml=study_text().encode(),
            report=CheckReport(()),
            reviewed=[],
            agreement={},
            flow={},
            sql={},
            audit=database.audit(),
            head=database.head(),
        )
        return publish(folder, database, contents, signers, actor="bench")


def large(root: Path, gigabytes: float) -> Path:
    """A signed snapshot of ``gigabytes``, mostly two tables of long texts that cannot be packed; seconds to make."""
    import random

    import pyarrow as pa
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from extract.study.database import StudyDatabase
    from extract.study.folder import StudyFolder
    from validate.lock.canonical import hash_of_tables
    from validate.lock.described import describe
    from validate.lock.keys import Signer
    from validate.lock.publish import Contents, about, parquet, publish
    from validate.lock.rows import Rows

    root.mkdir(parents=True)
    (root / "study.toml").write_text(study_text(), encoding="utf-8")
    folder = StudyFolder.at(root)
    folder.snapshots.mkdir()
    protocol, dice = folder.protocol(), random.Random(1)
    schema = pa.schema([("participant", pa.string()), ("text", pa.string())])
    # Half of the digits' length is what is left of them on disk.
    pieces = max(1, int(gigabytes * 1e9 / 2 / (LETTERS / 2) / 50))

    def made(name: str) -> Iterator[list[pa.Table]]:
        for piece in range(pieces):
            people = [f"{name}{piece:05d}{number:02d}" for number in range(50)]
            yield [pa.table([people, [dice.randbytes(LETTERS // 2).hex() for _ in people]], schema=schema)]

    data, long = (Rows.together([schema], made(name), root)[0] for name in ("a", "b"))
    signers = [Signer(role, role, "lock", Ed25519PrivateKey.generate()) for role in protocol.lock.signatures]
    with StudyDatabase.open(folder, protocol) as database:
        from validate.lock.audit import audit_lines

        tables = {"data": data, "long": long}
        logical = hash_of_tables(tables)
        files = {
            "data.parquet": parquet(data),
            "long.parquet": parquet(long),
            "codebook.json": b"{}\n",
            "study.toml": study_text().encode(),
            "audit.jsonl": audit_lines(database.audit()),
        }
        told = describe(protocol, {name: about(content) for name, content in files.items()}, logical, "")
        contents = Contents({**files, **told}, tables, logical, database.head())
        return publish(folder, database, contents, signers, actor="bench")


def hashed(root: Path) -> str:
    """A bare hashlib loop over every byte of a folder."""
    total = 0
    for path in sorted(root.rglob("*")):
        if path.is_file():
            with path.open("rb") as file:
                hashlib.file_digest(file, "sha256").hexdigest()
            total += path.stat().st_size
    return f"{total / 1e9:.2f} GB"


DO = {
    "lock": lambda path: str(lock(path, ROWS).is_dir()),
    "large": lambda path: str(large(path, GIGABYTES).is_dir()),
    "hashed": hashed,
}


def _process(what: str, path: Path, **more: object) -> Process:
    return Process([sys.executable, __file__, what, str(path)], **more)  # type: ignore[arg-type]


def bench_lock() -> Iterator[tuple[str, Process]]:
    """Lock: cells to a signed snapshot of three tables, linked, hashed by row and by file, verified after writing."""
    folder = Path(tempfile.mkdtemp(prefix="bench-lock-"))
    study = folder / "study"
    yield (
        f"cohortlock, {ROWS:,} participants x 40 columns",
        _process("lock", study, before=lambda: shutil.rmtree(study, ignore_errors=True)),
    )


def bench_verify() -> Iterator[tuple[str, Process]]:
    """Verify of a large snapshot at a terminal (VERIFY_GB), against a bare hashlib loop over its bytes and sha256sum."""
    folder = Path(tempfile.mkdtemp(prefix="bench-verify-"))
    _process("large", folder / "study")()
    root = folder / "study" / "snapshots" / "v1"
    verify = [sys.executable, "-c", "from flows.cli import main; main()", "verify", str(root), "--json"]
    yield "hashlib, a bare loop over every byte", _process("hashed", root)
    yield "cohortlock verify: every byte, signatures, audit chain, one story", Process(_ok(verify))
    yield "cohortlock verify --rows: the logical hash anew", Process(_ok([*verify, "--rows"]))
    yield "sha256sum", Process(["sh", "-c", f"find {root} -type f -exec sha256sum {{}} + | wc -l"])


def _ok(command: list[str]) -> list[str]:
    """The command with a yes or no instead of its whole answer."""
    return ["sh", "-c", f"{shlex.join(command)} | cut -c1-11"]


if __name__ == "__main__":
    sys.stdout.write(DO[sys.argv[1]](Path(sys.argv[2])) + "\n")
