"""Snapshots in S3-compatible storage, on a real server over HTTP (moto's, on loopback)."""

import json
import threading

import pytest
from typer.testing import CliRunner

from extract.errors import AlreadyExists, NotFound, Refused, SnapshotBroken, StorageFault
from flows.cli.app import app
from validate.lock.remote import copy, fetched
from validate.lock.verify import verify


@pytest.fixture(scope="module")
def server():
    from moto.server import ThreadedMotoServer

    started = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    started.start()
    yield "http://{}:{}".format(*started.get_host_and_port())
    started.stop()


@pytest.fixture
def bucket(server, monkeypatch):
    """An empty bucket, and the store to look into it as a stranger would."""
    import s3fs

    for name, value in {
        "AWS_ENDPOINT_URL": server,
        "AWS_ACCESS_KEY_ID": "key-7c1d",
        "AWS_SECRET_ACCESS_KEY": "secret-9e2f",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    store = s3fs.S3FileSystem(use_listings_cache=False, skip_instance_cache=True)
    name = f"snapshots-{threading.get_ident()}"
    if store.exists(name):
        store.rm(name, recursive=True)
    store.mkdir(name)
    store.bucket = name
    return store


def test_a_copy_is_the_snapshot_and_verifies_where_it_stands(snapshot, bucket):
    url = f"s3://{bucket.bucket}/small/v1"
    report = copy(snapshot, url)
    assert report.ok
    assert report.logical_hash == verify(snapshot).logical_hash
    with fetched(url) as path:
        ours, theirs = (
            {f.relative_to(root).as_posix(): f.read_bytes() for f in root.rglob("*") if f.is_file()}
            for root in (snapshot, path)
        )
    assert ours == theirs
    assert not path.exists()
    with pytest.raises(AlreadyExists):
        copy(snapshot, url)


@pytest.mark.parametrize("harm", ["changed", "removed", "added"])
def test_what_was_done_to_an_object_is_named(snapshot, bucket, harm):
    url = f"s3://{bucket.bucket}/{harm}"
    copy(snapshot, url)
    place = f"{bucket.bucket}/{harm}"
    if harm == "changed":
        data = bytearray(bucket.cat_file(f"{place}/data.parquet"))
        data[len(data) // 2] ^= 1
        bucket.pipe_file(f"{place}/data.parquet", bytes(data))
    elif harm == "removed":
        bucket.rm_file(f"{place}/sql/candidates.sql")
    else:
        bucket.pipe_file(f"{place}/notes/more.txt", b"x")
    with fetched(url) as path:
        found = {(p.file, p.kind) for p in verify(path).problems}
    assert (
        found
        == {
            "changed": {("data.parquet", "hash")},
            "removed": {("sql/candidates.sql", "missing")},
            "added": {("notes/more.txt", "extra")},
        }[harm]
    )


def test_a_copy_that_dies_anywhere_is_no_snapshot_and_the_next_completes_it(snapshot, bucket, monkeypatch):
    """The manifest comes last: whatever stands there before is not yet anything."""
    import s3fs

    url = f"s3://{bucket.bucket}/half"
    files = sum(f.is_file() for f in snapshot.rglob("*"))
    real = s3fs.S3FileSystem.put_file
    for allowed in (0, 5, files - 2):
        left = [allowed]

        def dying(self, *args, _left=left, **more):
            if _left[0] == 0:
                raise OSError("the network is gone")
            _left[0] -= 1
            return real(self, *args, **more)

        monkeypatch.setattr(s3fs.S3FileSystem, "put_file", dying)
        with pytest.raises(StorageFault):
            copy(snapshot, url)
        assert not bucket.exists(f"{bucket.bucket}/half/manifest.json")
    monkeypatch.setattr(s3fs.S3FileSystem, "put_file", real)
    assert copy(snapshot, url).ok


def test_two_copies_to_one_place_leave_the_first(snapshot, bucket, monkeypatch):
    """...even when the second looked before the first had finished."""
    url = f"s3://{bucket.bucket}/twice"
    copy(snapshot, url)
    monkeypatch.setattr("validate.lock.remote._names", lambda *_: set())
    with pytest.raises(AlreadyExists, match="first"):
        copy(snapshot, url)


def test_what_cannot_be_copied_or_fetched_is_said_without_a_key(snapshot, bucket, monkeypatch):
    bucket.pipe_file(f"{bucket.bucket}/full/else.txt", b"x")
    with pytest.raises(Refused, match="1 objects"):
        copy(snapshot, f"s3://{bucket.bucket}/full")
    for url in (f"s3://{bucket.bucket}/nothing", "s3://no-such-bucket-here/v1", "gopher://x/y"):
        with pytest.raises(NotFound), fetched(url):
            pass
    (snapshot / "flow.json").write_text("{}")
    with pytest.raises(SnapshotBroken):
        copy(snapshot, f"s3://{bucket.bucket}/broken")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(StorageFault) as refused, fetched(f"s3://{bucket.bucket}/small"):
        pass
    assert "7c1d" not in str(refused.value)
    assert "9e2f" not in str(refused.value)


def test_the_command_line_copies_and_verifies(snapshot, bucket):
    url = f"s3://{bucket.bucket}/line"
    told = CliRunner().invoke(app, ["copy", str(snapshot), url, "--json"])
    assert told.exit_code == 0, told.output
    assert json.loads(told.stdout)["url"] == url
    found = CliRunner().invoke(app, ["verify", url, "--json"])
    assert found.exit_code == 0
    assert json.loads(found.stdout)["logical_hash"] == verify(snapshot).logical_hash
    bucket.pipe_file(f"{bucket.bucket}/line/flow.json", b"{}")
    broken = CliRunner().invoke(app, ["verify", url, "--json"])
    assert broken.exit_code == SnapshotBroken.code
    assert [p["file"] for p in json.loads(broken.stdout)["problems"]] == ["flow.json"]
