"""A snapshot exists whole or not at all, and the study database knows of every one that counts."""

import contextlib
import json
import os
import random
import signal
import stat
import time
import uuid

import pytest
from sqlalchemy import create_engine, make_url, text

from extract.errors import AlreadyExists, Busy, NotReady, Refused, StorageFault
from extract.study.audit import verify_chain
from extract.study.database import StudyDatabase
from validate.lock import files as lock_files
from validate.lock.files import held
from validate.lock.keys import PseudonymKey, available, create_signer, load_signer
from validate.lock.publish import publish, recorded
from validate.lock.verify import verify

KILLS = int(os.environ.get("LOCK_KILLS", "25"))
"""The soak asks for 200."""


def test_a_lock_writes_a_snapshot_that_verifies_and_closes_the_database(
    folder, database, draft, contents_of, signers
):
    contents = contents_of(database, draft)
    path = publish(folder, database, contents, signers, actor="ann")
    assert path == folder.snapshots / "v1"
    assert verify(path, expected_manifest=recorded(database)[1]).ok
    assert database.locked() == 1
    assert {p.name for p in folder.snapshots.iterdir()} == {"v1", ".lock"}
    assert not any(f.stat().st_mode & stat.S_IWUSR for f in path.rglob("*") if f.is_file())
    with pytest.raises(Refused):
        publish(folder, database, contents, signers, actor="ann")


def test_an_unlock_makes_the_next_lock_version_2_and_leaves_version_1_readable(
    folder, database, draft, contents_of, signers
):
    first = publish(folder, database, contents_of(database, draft), signers, actor="ann")
    digest = verify(first).manifest_sha256
    database.unlock("ann", reason="a value was wrong")
    second = publish(folder, database, contents_of(database, draft), signers, actor="ann")
    assert second.name == "v2"
    assert verify(first, expected_manifest=digest).ok
    manifest = json.loads((second / "manifest.json").read_text())
    assert manifest["previous"] == {"version": 1, "manifest_sha256": digest}
    assert manifest["logical_hash"] == verify(first).logical_hash


def test_a_write_between_reading_and_locking_refuses_the_lock(folder, database, draft, contents_of, signers):
    contents = contents_of(database, draft)
    with database.writing("somebody") as writer:
        writer.note("chart.opened", "candidate/1")
    with pytest.raises(Busy):
        publish(folder, database, contents, signers, actor="ann")
    assert {p.name for p in folder.snapshots.iterdir()} == {".lock"}
    assert database.locked() is None


def test_every_role_of_the_protocol_must_sign(folder, database, draft, contents_of, signers):
    with pytest.raises(NotReady, match="principal investigator"):
        publish(folder, database, contents_of(database, draft), signers[:1], actor="ann")


def test_two_locks_at_once_are_refused(folder, database, draft, contents_of, signers):
    with held(folder.snapshots / ".lock", "a lock"), pytest.raises(Busy):
        publish(folder, database, contents_of(database, draft), signers, actor="ann")


def test_a_full_disk_leaves_nothing_behind(folder, database, draft, contents_of, signers, monkeypatch):
    def full(path, data, mode=0o644):
        if path.name == "long.parquet":
            raise OSError(28, "No space left on device")
        return lock_files.write_new(path, data, mode)

    contents = contents_of(database, draft)
    monkeypatch.setattr("validate.lock.publish.write_new", full)
    with pytest.raises(StorageFault, match="No space left"):
        publish(folder, database, contents, signers, actor="ann")
    assert {p.name for p in folder.snapshots.iterdir()} == {".lock"}
    monkeypatch.undo()
    assert verify(publish(folder, database, contents, signers, actor="ann")).ok


def lock_and_die(folder, protocol, contents, signers, step):
    """Locks in a child that kills itself just before its ``step``-th call to the operating system.

    Returns whether it was killed.
    """
    child = os.fork()
    if child == 0:
        count = 0

        def counting(real):
            def call(*args, **kwargs):
                nonlocal count
                count += 1
                if count == step:
                    os.kill(os.getpid(), signal.SIGKILL)
                return real(*args, **kwargs)

            return call

        for name in ("open", "fsync", "rename", "mkdir"):
            setattr(os, name, counting(getattr(os, name)))
        with contextlib.suppress(BaseException), StudyDatabase.open(folder, protocol) as database:
            publish(folder, database, contents, signers, actor="ann")
            os._exit(0)
        os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)


def test_kill_9_before_any_step_leaves_a_whole_snapshot_or_none_and_a_second_try_succeeds(
    folder, protocol, draft, contents_of, signers
):
    """Every call to the operating system in turn, until a lock runs through unkilled."""
    with StudyDatabase.open(folder, protocol) as database:
        contents = contents_of(database, draft)
    step, killed = 0, True
    while killed:
        step += 1
        killed = lock_and_die(folder, protocol, contents, signers, step)
        whole = folder.snapshots / "v1"
        assert not whole.exists() or verify(whole).ok
        if killed:
            with StudyDatabase.open(folder, protocol) as database:
                assert database.locked() is None or whole.exists()
    assert step > 40
    with StudyDatabase.open(folder, protocol) as database:
        assert database.locked() == 1
        assert verify(whole, expected_manifest=recorded(database)[1]).ok
        with database.reading() as connection:
            assert verify_chain(connection) == []
    assert not list(folder.snapshots.glob(".building*"))


def test_kill_9_inside_the_database_commit_sets_the_snapshot_aside_and_deletes_nothing(
    folder, protocol, draft, contents_of, signers
):
    """The narrowest moment: the folder has its name, the database does not know."""
    with StudyDatabase.open(folder, protocol) as database:
        contents = contents_of(database, draft)
    child = os.fork()
    if child == 0:
        import extract.study.database as module

        module.Writer.append = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
        with contextlib.suppress(BaseException), StudyDatabase.open(folder, protocol) as database:
            publish(folder, database, contents, signers, actor="ann")
        os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status)
    orphan = folder.snapshots / "v1"
    assert verify(orphan).ok
    with StudyDatabase.open(folder, protocol) as database:
        assert database.locked() is None
        path = publish(folder, database, contents, signers, actor="ann")
        assert verify(path, expected_manifest=recorded(database)[1]).ok
    assert [verify(p).ok for p in (folder.snapshots / "unrecorded").iterdir()] == [True]


def test_the_canary_is_in_no_file_of_a_snapshot(snapshot, canary):
    """Patient ids, record ids and record versions of the fixture all carry it."""
    import pyarrow.parquet as pq

    for file in snapshot.rglob("*"):
        assert canary not in file.name
        if file.is_file():
            assert canary.encode() not in file.read_bytes()
        if file.suffix == ".parquet":
            assert canary not in str(pq.read_table(file).to_pydict())


def test_keys_open_with_their_passphrase_only_and_are_private(folder):
    made = create_signer(folder, name="Ann", role="data manager", passphrase="right")
    assert load_signer(folder, "data manager", "right").public_key == made.public_key
    with pytest.raises(Refused):
        load_signer(folder, "data manager", "wrong")
    with pytest.raises(Refused):
        load_signer(folder, "data manager", "")
    with pytest.raises(Refused):
        create_signer(folder, name="Bo", role="principal investigator", passphrase="")
    with pytest.raises(AlreadyExists):
        create_signer(folder, name="Ann", role="data manager", passphrase="right")
    PseudonymKey.of_study(folder)
    assert {stat.S_IMODE(f.stat().st_mode) for f in folder.keys.iterdir()} == {0o600}
    assert stat.S_IMODE(folder.keys.stat().st_mode) == 0o700
    assert b"right" not in b"".join(f.read_bytes() for f in folder.keys.iterdir())
    assert available(folder, ["data manager", "nobody"]) == {"data manager": True, "nobody": False}


def test_the_pseudonym_key_is_made_once_and_a_broken_one_is_refused(folder):
    assert PseudonymKey.of_study(folder) == PseudonymKey.of_study(folder)
    (folder.keys / "pseudonym.key").write_bytes(b"short")
    with pytest.raises(StorageFault):
        PseudonymKey.of_study(folder)


def test_kill_9_at_any_moment_of_the_clock(folder, protocol, draft, contents_of, signers):
    """...so that SQLite and the file system are hit inside their own calls, too."""
    chance = random.Random(7)
    with StudyDatabase.open(folder, protocol) as database:
        contents = contents_of(database, draft)
    killed, longest = 0, float(os.environ.get("LOCK_SECONDS", "0.06"))
    for _ in range(KILLS):
        with StudyDatabase.open(folder, protocol) as database:
            if database.locked() is not None:
                database.unlock("ann", reason="again")
                contents = contents_of(database, draft)
            # Killed between rename and commit, a whole snapshot stands that was never in force; it may
            # be set aside by any later lock, so only what is recorded must stay.
            before = recorded(database).items()
        child = os.fork()
        if child == 0:
            with contextlib.suppress(BaseException), StudyDatabase.open(folder, protocol) as database:
                publish(folder, database, contents, signers, actor="ann")
            os._exit(0)
        time.sleep(chance.uniform(0, longest))
        os.kill(child, signal.SIGKILL)
        killed += os.WIFSIGNALED(os.waitpid(child, 0)[1])
        for path in folder.snapshots.glob("v*"):
            assert verify(path).ok
        with StudyDatabase.open(folder, protocol) as database:
            known = recorded(database)
            assert before <= known.items()
            assert {f"v{n}" for n in known} <= {p.name for p in folder.snapshots.glob("v*")}
    assert killed > KILLS // 5
    with StudyDatabase.open(folder, protocol) as database:
        if database.locked() is not None:
            database.unlock("ann", reason="again")
        path = publish(folder, database, contents_of(database, draft), signers, actor="ann")
        assert verify(path, expected_manifest=recorded(database)[max(recorded(database))]).ok


@pytest.mark.postgres
def test_a_study_on_postgresql_is_locked_alike(folder, protocol, draft, contents_of, signers, postgres_url):
    name = f"lock_{uuid.uuid4().hex[:12]}"
    admin = create_engine(postgres_url, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    try:
        with StudyDatabase.open(make_url(postgres_url).set(database=name), protocol) as database:
            contents = contents_of(database, draft)
            path = publish(folder, database, contents, signers, actor="ann")
            assert verify(path, expected_manifest=recorded(database)[1]).ok
            assert database.locked() == 1
            with pytest.raises(Refused):
                publish(folder, database, contents, signers, actor="ann")
    finally:
        with admin.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
        admin.dispose()
