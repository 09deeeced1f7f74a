"""Verify finds every difference and blames the right file."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from extract.errors import AlreadyExists, NotFound, SnapshotBroken
from validate.lock.cited import anchor, citation, read_anchor, write_anchor
from validate.lock.keys import Signer, create_signer
from validate.lock.publish import parquet, publish
from validate.lock.signing import sign
from validate.lock.spelling import canonical_json, sha256
from validate.lock.verify import verify


def files_of(path):
    return sorted(file for file in path.rglob("*") if file.is_file())


def test_a_fresh_snapshot_verifies(snapshot):
    report = verify(snapshot)
    assert report.problems == ()
    assert report.ok
    assert report.to_json()["files"] == len(files_of(snapshot))
    assert report.logical_hash == json.loads((snapshot / "manifest.json").read_text())["logical_hash"]


def test_one_changed_byte_in_any_file_is_found_and_named(snapshot):
    """At the start, in the middle, at the end and in between, of every file, manifest and signatures too."""
    for file in files_of(snapshot):
        sound = file.read_bytes()
        name = file.relative_to(snapshot).as_posix()
        places = {0, len(sound) - 1, *range(0, len(sound), max(1, len(sound) // 12))}
        for place in sorted(places):
            for bit in (0x01, 0x20):
                broken = bytearray(sound)
                broken[place] ^= bit
                file.write_bytes(bytes(broken))
                found = verify(snapshot, rows=bit == 0x20)
                assert name in {p.file for p in found.problems}, (name, place, bit)
                assert found.logical_hash is None
        file.write_bytes(sound)
    assert verify(snapshot).ok


def test_the_report_says_whether_the_rows_were_read(snapshot):
    """...and gives the same hash either way: the signed one."""
    by_bytes, by_rows = verify(snapshot), verify(snapshot, rows=True)
    assert (by_bytes.ok, by_bytes.recomputed) == (True, False)
    assert (by_rows.ok, by_rows.recomputed) == (True, True)
    assert by_bytes.logical_hash == by_rows.logical_hash
    assert by_bytes.size == sum(file.stat().st_size for file in files_of(snapshot))
    assert [signer["name"] for signer in by_bytes.to_json()["signers"]] == ["Ann", "Bo"]


@given(st.data())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_bytes_cut_added_or_replaced_anywhere_are_found_without_a_crash(snapshot, data):
    file = data.draw(st.sampled_from(files_of(snapshot)))
    sound = file.read_bytes()
    start = data.draw(st.integers(0, len(sound)))
    end = data.draw(st.integers(start, min(len(sound), start + 40)))
    broken = sound[:start] + data.draw(st.binary(max_size=40)) + sound[end:]
    try:
        file.write_bytes(broken)
        assert verify(snapshot).ok == (broken == sound)
        assert verify(snapshot, rows=True).ok == (broken == sound)
    finally:
        file.write_bytes(sound)


def test_copies_elsewhere_at_another_time_verify(snapshot, tmp_path):
    """...because neither path nor times nor rights are part of it."""
    archive = shutil.make_archive(str(tmp_path / "packed"), "zip", snapshot)
    shutil.unpack_archive(archive, tmp_path / "somewhere else 疼")
    for file in files_of(tmp_path / "somewhere else 疼"):
        os.utime(file, (1, 1))
    assert verify(tmp_path / "somewhere else 疼").ok


def test_missing_extra_and_strange_files_are_named(snapshot):
    (snapshot / "flow.json").unlink()
    (snapshot / "notes.txt").write_text("x")
    (snapshot / "empty").mkdir()
    (snapshot / "codebook.csv").unlink()
    (snapshot / "codebook.csv").symlink_to(snapshot / "codebook.json")
    assert {(p.file, p.kind) for p in verify(snapshot).problems} == {
        ("flow.json", "missing"),
        ("notes.txt", "extra"),
        ("empty", "extra"),
        ("codebook.csv", "type"),
    }


@pytest.mark.parametrize("name", ["manifest.json", "signatures/data-manager.json", "audit.jsonl"])
def test_a_missing_main_file_is_named(snapshot, name):
    (snapshot / name).unlink()
    assert (name, "missing") in {(p.file, p.kind) for p in verify(snapshot).problems}


def test_a_folder_that_is_no_snapshot_is_a_problem_not_a_crash(tmp_path):
    (tmp_path / "file").write_text("x")
    for path in (tmp_path, tmp_path / "nowhere", tmp_path / "file"):
        assert "manifest.json" in {p.file for p in verify(path).problems}


def rewrite(snapshot, name, data, **instead):
    """As a careful forger does it: the file, its hash wherever it is told, ``instead`` in the manifest; no signature."""
    manifest = json.loads((snapshot / "manifest.json").read_text()) | instead
    package = json.loads((snapshot / "datapackage.json").read_text())
    crate = json.loads((snapshot / "ro-crate-metadata.json").read_text())
    package["logical_hash"] = manifest["logical_hash"]
    changes = {name: data}
    for one in package["resources"]:
        if one["path"] == name:
            one |= {"bytes": len(data), "hash": f"sha256:{sha256(data)}"}
    for one in crate["@graph"]:
        if one["@id"] == name:
            one |= {"contentSize": str(len(data)), "sha256": sha256(data)}
        if one["@id"] == "./":
            one["identifier"] = f"sha256:{manifest['logical_hash']}"
    changes["datapackage.json"] = canonical_json(package)
    for one in crate["@graph"]:
        if one["@id"] == "datapackage.json" and "sha256" in one:
            one |= {"sha256": sha256(changes["datapackage.json"])}
    changes["ro-crate-metadata.json"] = canonical_json(crate)
    for file, content in changes.items():
        (snapshot / file).write_bytes(content)
        manifest["files"][file] = {"sha256": sha256(content), "size": len(content)}
    (snapshot / "manifest.json").write_bytes(canonical_json(manifest))


def test_a_manifest_with_recomputed_hashes_fails_by_its_signatures(snapshot):
    rewrite(snapshot, "flow.json", b"{}\n")
    problems = verify(snapshot).problems
    assert [(p.file, p.kind) for p in problems] == [("manifest.json", "signature")] * 2


def resign(snapshot, folder):
    """A forger with keys of their own signs the rewritten manifest."""
    manifest = json.loads((snapshot / "manifest.json").read_text())
    signers = [
        create_signer(folder, name=s["name"], role=s["role"], passphrase="x", meaning=s["meaning"])
        for s in manifest["signers"]
    ]
    for entry, signer in zip(manifest["signers"], signers, strict=True):
        entry["public_key"] = signer.public_key
    data = canonical_json(manifest)
    (snapshot / "manifest.json").write_bytes(data)
    for entry, signer in zip(manifest["signers"], signers, strict=True):
        (snapshot / entry["file"]).write_bytes(sign(data, signer))


def test_a_snapshot_rewritten_and_signed_anew_fails_against_its_anchor(snapshot, folder):
    digest = verify(snapshot).manifest_sha256
    assert verify(snapshot, expected_manifest=digest).ok
    rewrite(snapshot, "flow.json", b"{}\n")
    resign(snapshot, folder)
    assert verify(snapshot).ok
    assert [p.kind for p in verify(snapshot, expected_manifest=digest).problems] == ["anchor"]


def test_a_chain_rewritten_from_the_middle_is_found_though_everything_is_signed(snapshot, folder):
    lines = (snapshot / "audit.jsonl").read_bytes().splitlines(keepends=True)
    event = json.loads(lines[0])
    event["actor"] = "somebody else"
    data = json.dumps(event, sort_keys=True, separators=(",", ":")).encode() + b"\n" + b"".join(lines[1:])
    rewrite(snapshot, "audit.jsonl", data)
    resign(snapshot, folder)
    assert {(p.file, p.kind) for p in verify(snapshot).problems} == {("audit.jsonl", "audit_chain")}


@pytest.mark.parametrize("junk", [b"", b"{}", b"\xff\xfe", b"PAR1" * 9, b"[[[[" * 4000])
@pytest.mark.parametrize("name", ["data.parquet", "audit.jsonl", "manifest.json"])
def test_signed_junk_is_a_problem_not_a_crash(snapshot, folder, name, junk):
    if name == "manifest.json":
        (snapshot / name).write_bytes(junk)
    else:
        rewrite(snapshot, name, junk)
        resign(snapshot, folder)
    assert name in {p.file for p in verify(snapshot, rows=True).problems}
    verify(snapshot)  # the bytes alone may be as signed; there is no crash either way


def with_another_cell(snapshot):
    """data.parquet with one age a year higher."""
    table = pq.read_table(snapshot / "data.parquet")
    ages = table.column("age").to_pylist()
    ages[0] += 1
    changed = table.set_column(table.schema.get_field_index("age"), "age", pa.array(ages, pa.int64()))
    return parquet(changed)


def test_rows_that_the_signers_signed_under_a_wrong_logical_hash_are_found_by_reading_them(snapshot, folder):
    """Every byte is then as signed, by whomever: only --rows can tell, and the anchor that it is another manifest."""
    digest = verify(snapshot).manifest_sha256
    rewrite(snapshot, "data.parquet", with_another_cell(snapshot))
    resign(snapshot, folder)
    assert verify(snapshot).ok
    assert [p.kind for p in verify(snapshot, rows=True).problems] == ["logical_hash"]
    assert [p.kind for p in verify(snapshot, expected_manifest=digest).problems] == ["anchor"]


def test_a_logical_hash_that_the_other_files_do_not_name_is_found_by_the_bytes(snapshot, folder):
    """A hasty forger signs another logical hash and leaves the data package and the RO-Crate as they were."""
    manifest = json.loads((snapshot / "manifest.json").read_text())
    (snapshot / "manifest.json").write_bytes(canonical_json({**manifest, "logical_hash": "0" * 64}))
    resign(snapshot, folder)
    assert {(p.file, p.kind) for p in verify(snapshot).problems} == {
        ("datapackage.json", "consistency"),
        ("ro-crate-metadata.json", "consistency"),
    }


def test_a_signer_who_was_left_out_is_missed(snapshot, folder):
    """One of two signers drops the other's signature and signs alone: the protocol asks for both."""
    manifest = json.loads((snapshot / "manifest.json").read_text())
    gone = manifest["signers"].pop()
    (snapshot / gone["file"]).unlink()
    (snapshot / "manifest.json").write_bytes(canonical_json(manifest))
    resign(snapshot, folder)
    said = verify(snapshot).problems
    assert [(p.file, p.kind) for p in said] == [("study.toml", "consistency")]
    assert gone["role"] in said[0].message


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("study.toml", b'[study]\nid = "another"\n'),
        ("study.toml", b"\xff"),
        ("datapackage.json", b"[]\n"),
        ("ro-crate-metadata.json", b'{"@graph": [{"@id": "./", "identifier": 1}]}'),
    ],
)
def test_files_that_contradict_the_manifest_are_found_though_signed(snapshot, folder, name, data):
    manifest = json.loads((snapshot / "manifest.json").read_text())
    (snapshot / name).write_bytes(data)
    manifest["files"][name] = {"sha256": sha256(data), "size": len(data)}
    (snapshot / "manifest.json").write_bytes(canonical_json(manifest))
    resign(snapshot, folder)
    assert (name, "consistency") in {(p.file, p.kind) for p in verify(snapshot).problems}


@pytest.mark.parametrize(
    "part", ["tables", "title", "code", "simulated", "protocol_hash", "study", "version"]
)
def test_a_manifest_without_one_of_its_parts_is_a_problem_not_a_crash(snapshot, folder, part):
    manifest = json.loads((snapshot / "manifest.json").read_text())
    del manifest[part]
    (snapshot / "manifest.json").write_bytes(canonical_json(manifest))
    resign(snapshot, folder)
    assert [p.kind for p in verify(snapshot).problems] == ["manifest"]


def test_a_replayed_signature_of_another_snapshot_is_found(snapshot, signers):
    manifest = (snapshot / "manifest.json").read_bytes()
    own = snapshot / "signatures" / "data-manager.json"
    # Another's key, over this manifest; then a right name with another manifest's signature.
    own.write_bytes(sign(manifest, signers[0]))
    assert [(p.file, p.kind) for p in verify(snapshot).problems] == [
        ("signatures/data-manager.json", "signer")
    ]
    own.write_bytes(sign(b"another manifest", signers[0]))
    assert not verify(snapshot).ok


def test_a_signature_in_another_role_is_found(snapshot, signers):
    forged = Signer(signers[0].name, "principal investigator", "approve", signers[0].key)
    (snapshot / "signatures" / "principal-investigator.json").write_bytes(
        sign((snapshot / "manifest.json").read_bytes(), forged)
    )
    assert "signatures/principal-investigator.json" in {p.file for p in verify(snapshot).problems}


def test_the_anchor_names_the_hashes_the_audit_head_and_the_signers(snapshot):
    text, manifest = anchor(snapshot).text(), json.loads((snapshot / "manifest.json").read_text())
    report = verify(snapshot)
    assert report.manifest_sha256 in text
    assert report.logical_hash in text
    assert f"audit head      {manifest['audit']['events']} {manifest['audit']['head']}" in text
    assert "leaf-growth v1" in text
    assert f"Ann (data manager: lock), key {manifest['signers'][0]['public_key']}" in text
    (snapshot / "flow.json").write_text("{}")
    with pytest.raises(SnapshotBroken):
        anchor(snapshot)


def test_an_anchor_comes_back_from_the_mail_it_was_sent_in(snapshot, tmp_path):
    found = anchor(snapshot)
    write_anchor(found, tmp_path / "v1.txt")
    (tmp_path / "mail.txt").write_text(f"Dear all,\r\n> {found.text()}\nyours", encoding="utf-8")
    assert read_anchor(tmp_path / "mail.txt") == read_anchor(tmp_path / "v1.txt")
    assert verify(snapshot, anchor=read_anchor(tmp_path / "v1.txt")).ok
    with pytest.raises(AlreadyExists):
        write_anchor(found, tmp_path / "v1.txt")
    (tmp_path / "none.txt").write_text("nothing here")
    (tmp_path / "two.txt").write_text(found.text() * 2)
    for name in ("none.txt", "two.txt"):
        with pytest.raises(SnapshotBroken):
            read_anchor(tmp_path / name)
    with pytest.raises(NotFound):
        read_anchor(tmp_path / "nowhere.txt")


def test_a_snapshot_rewritten_whole_fails_against_its_anchor(snapshot, folder):
    held = anchor(snapshot)
    rewrite(snapshot, "flow.json", b"{}\n")
    resign(snapshot, folder)
    assert verify(snapshot).ok
    assert {p.kind for p in verify(snapshot, anchor=held).problems} == {"anchor"}


def test_a_later_version_is_held_against_the_anchor_of_an_earlier_one(
    snapshot, folder, database, draft, contents_of, signers
):
    """...by the version it says it follows, and by the audit event that was anchored."""
    first = publish(folder, database, contents_of(database, draft), signers, actor="ann")
    held, elsewhere = anchor(first), anchor(snapshot)
    database.unlock("ann", reason="again")
    second = publish(folder, database, contents_of(database, draft), signers, actor="ann")
    assert verify(second, anchor=held).ok
    assert [p.kind for p in verify(first, anchor=anchor(second)).problems] == ["anchor"]
    assert {(p.file, p.kind) for p in verify(second, anchor=elsewhere).problems} == {
        ("manifest.json", "anchor"),
        ("audit.jsonl", "anchor"),
    }
    stranger = replace(held, study="another")
    assert [p.kind for p in verify(first, anchor=stranger).problems] == ["anchor"]


def test_the_citation_names_title_version_day_and_both_hashes(snapshot):
    report, manifest = verify(snapshot), json.loads((snapshot / "manifest.json").read_text())
    for language, text in citation(snapshot).items():
        assert manifest["title"][language] in text
        assert f"sha256:{report.logical_hash}" in text
        assert f"sha256:{report.manifest_sha256}" in text
        assert manifest["created_at"][:10] in text
        assert "simulated" not in text
        assert "模拟" not in text
    (snapshot / "flow.json").write_text("{}")
    with pytest.raises(SnapshotBroken):
        citation(snapshot)


def test_verify_loads_neither_the_checks_engine_nor_a_server():
    code = (
        "import sys, validate.lock.verify;"
        "print([m for m in ('great_expectations', 'pandas', 'prefect', 'fastapi', 'pyarrow', 'numpy', 'sqlalchemy', 'pydantic') if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_importing_the_lock_does_not_load_great_expectations():
    code = "import sys, validate.lock.publish, validate.lock.contents, validate.checks;print('great_expectations' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"
