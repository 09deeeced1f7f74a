"""Bad input gets one clear sentence, a code from the list, no traceback, and nothing half-written."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from extract.errors import CohortlockError
from extract.his.approval import approve
from extract.study.folder import StudyFolder

BIN = Path(sys.executable).parent


def mend(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")
    # What can be approved is: the faults of these tests are others.
    with contextlib.suppress(CohortlockError):
        approve(StudyFolder.at(file.parent), by="test", reason="test")


def complaint(said, code: int, slug: str, *words: str) -> None:
    """The stable shape, the same sentence for a person, and nothing else on either stream."""
    assert said.code == code, said.err
    error = said.json["error"]
    assert (error["code"], error["slug"]) == (code, slug)
    assert error["next"]
    assert said.err == f"{error['message']}\n  {error['next']}\n"
    for word in words:
        assert word in error["message"] + error["next"]


def untouched(study: Path) -> None:
    """No record landed, no opinion, no snapshot."""
    assert not list(study.glob("landing/records/**/*.parquet"))
    with sqlite3.connect(study / "study.db") as database:
        assert database.execute("SELECT COUNT(*) FROM candidate").fetchone() == (0,)
    database.close()
    assert not (study / "snapshots").exists()


def test_a_broken_expression_shows_a_caret(study, cohortlock):
    mend(study / "study.toml", ' AND "ESR"', ' AND "ESR')
    said = cohortlock("pull", study, "--json")
    complaint(said, 11, "expression-invalid", "^")
    untouched(study)


def test_an_unknown_variable_names_the_line(study, cohortlock):
    mend(study / "study.toml", 'missing = ["vas", "esr", "crp"]', 'missing = ["vas", "esrr", "crp"]')
    said = cohortlock("pull", study, "--json")
    complaint(said, 10, "protocol-invalid", "line ", "'esrr'")
    untouched(study)


def test_a_missing_column_in_the_hospital_is_named(study, cohortlock):
    with sqlite3.connect(study.parent / "his.db") as his:
        his.execute("ALTER TABLE LAB_RESULT RENAME COLUMN UNITS TO UNIT_OF_RESULT")
    his.close()
    said = cohortlock("pull", study, "--json")
    complaint(said, 15, "schema-drift", "lab_result", "units")
    untouched(study)


def test_a_missing_database_file(study, cohortlock):
    mend(study / "site.toml", "../his.db", "../no-such.db")
    complaint(cohortlock("pull", study, "--json"), 13, "source-unreachable", "no-such.db")
    untouched(study)


def test_an_unreachable_server_and_the_password_stays_unsaid(study, cohortlock, monkeypatch):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setenv("HIS_PASSWORD", "s3cret-Password")
    url = f"postgresql+psycopg://reader:${{HIS_PASSWORD}}@127.0.0.1:{port}/his"
    mend(study / "site.toml", "sqlite:///../his.db", url)
    said = cohortlock("pull", study, "--json")
    complaint(said, 13, "source-unreachable", "127.0.0.1")
    assert "s3cret" not in said.out + said.err
    untouched(study)


def test_a_password_that_is_not_set_is_asked_for_by_name(study, cohortlock, monkeypatch):
    monkeypatch.delenv("HIS_PASSWORD", raising=False)
    mend(
        study / "site.toml",
        "sqlite:///../his.db",
        "postgresql+psycopg://reader:${HIS_PASSWORD}@127.0.0.1/his",
    )
    complaint(cohortlock("pull", study, "--json"), 12, "site-invalid", "HIS_PASSWORD")


def test_a_wrong_password_is_refused_and_stays_unsaid(study, cohortlock, monkeypatch, guarded_postgres):
    """On a server that asks for passwords."""
    monkeypatch.setenv("HIS_PASSWORD", "s3cret-Password")
    mend(
        study / "site.toml",
        "sqlite:///../his.db",
        f"postgresql+psycopg://postgres:${{HIS_PASSWORD}}@127.0.0.1:{guarded_postgres}/postgres",
    )
    said = cohortlock("pull", study, "--json")
    complaint(said, 14, "source-refused")
    assert "s3cret" not in said.out + said.err
    untouched(study)


def test_a_second_pull_while_one_runs(study, cohortlock):
    """...is refused at once, and the first is not disturbed."""
    from extract.his.disk import alone

    with alone(study / "landing"):
        complaint(cohortlock("pull", study, "--json"), 17, "busy", "another pull")
    untouched(study)
    assert cohortlock("pull", study, "--json").code == 0


@pytest.mark.parametrize("size", ["64k", "600k", "1500k"])
def test_a_full_disk(study, size):
    """Wherever the disk fills up: one sentence, and the next pull with room goes through."""
    said = on_small_disk(study, size, "rw")
    assert said.returncode == 18, said.stderr
    assert "Traceback" not in said.stderr
    assert "full" in said.stderr
    assert len(said.stderr.strip().splitlines()) == 2


def test_a_read_only_disk(study):
    said = on_small_disk(study, "64k", "ro")
    assert said.returncode == 18, said.stderr
    assert "Traceback" not in said.stderr
    assert "read-only" in said.stderr or "may not write" in said.stderr


def on_small_disk(study: Path, size: str, mode: str) -> subprocess.CompletedProcess[str]:
    """``cohortlock pull`` with the landing store on a disk of ``size``, in a mount namespace of its own."""
    if shutil.which("unshare") is None or subprocess.run(["unshare", "-rm", "true"], check=False).returncode:
        pytest.skip("no mount namespaces here")
    landing = study / "landing"
    landing.mkdir()
    script = 'mount -t tmpfs -o size="$1","$2" tmpfs "$3" && exec "$4" pull "$5"'
    return subprocess.run(
        ["unshare", "-rm", "sh", "-c", script, "sh", size, mode, landing, BIN / "cohortlock", study],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def test_a_killed_pull_is_gone_on_with(study, cohortlock):
    """A process that dies leaves nothing that the next pull trips over."""
    process = subprocess.Popen(
        [BIN / "cohortlock", "pull", study],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    deadline = time.monotonic() + 60
    while not list(study.glob("landing/records/**/*.parquet")) and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert cohortlock("pull", study, "--json").code == 0


def test_what_is_not_there(tmp_path, study, cohortlock):
    """A folder that is no study, a snapshot that was never locked."""
    complaint(cohortlock("pull", tmp_path / "nowhere", "--json"), 19, "not-found", "cohortlock init")
    complaint(cohortlock("verify", f"{study}@v7", "--json"), 19, "not-found", "v7")
    complaint(cohortlock("funnel", study, "--json"), 22, "not-ready", "cohortlock pull")


def test_nothing_is_overwritten(study, cohortlock):
    before = (study / "study.toml").read_bytes()
    complaint(cohortlock("init", study, "--json"), 20, "already-exists")
    complaint(cohortlock("demo", "--out", study, "--json"), 20, "already-exists")
    assert (study / "study.toml").read_bytes() == before


def test_wrong_usage_is_exit_2(cohortlock):
    """...with the verb's own words, and the same JSON shape."""
    complaint(cohortlock("verify", "--json"), 2, "usage", "snapshot")
    assert cohortlock("no-such-verb").code == 2


def test_our_own_bug_says_where_and_never_what(study, cohortlock, monkeypatch):
    """The text of an unexpected error may quote a row, so it is not said."""
    import extract.his.pull

    def broken(*_: object, **__: object) -> None:
        raise ValueError("patient 张三 VAS 9")

    monkeypatch.setattr(extract.his.pull, "pull", broken)
    said = cohortlock("pull", study, "--json")
    assert said.code == 1
    assert said.json["error"]["slug"] == "bug"
    assert "ValueError at test_bad_input.py" in said.err
    assert "张三" not in said.out + said.err
