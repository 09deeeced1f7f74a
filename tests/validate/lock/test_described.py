"""What other people's machines read of a snapshot: Frictionless and RO-Crate, each by its own rules."""

import json
from pathlib import Path

import frictionless
import pytest

from validate.lock.described import DATA_PACKAGE, RO_CRATE
from validate.lock.export import export
from validate.lock.spelling import sha256
from validate.lock.verify import verify


@pytest.fixture(scope="module")
def package(locked_once):
    return json.loads((locked_once / DATA_PACKAGE).read_bytes())


@pytest.fixture(scope="module")
def crate(locked_once):
    return json.loads((locked_once / RO_CRATE).read_bytes())


def test_frictionless_finds_no_fault_in_the_data_package(locked_once, package):
    found = frictionless.Package.from_descriptor(str(locked_once / DATA_PACKAGE))
    assert [resource.path for resource in found.resources] == [one["path"] for one in package["resources"]]
    report = frictionless.Package.validate_descriptor(package)
    assert report.valid, report.flatten(["type", "note"])
    broken = package | {"resources": [{"name": "Not A Name", "path": 3}]}
    assert not frictionless.Package.validate_descriptor(broken).valid


@pytest.mark.parametrize("name", ["data.parquet", "long.parquet"])
def test_the_tables_obey_their_schemas_when_frictionless_reads_them_as_csv(snapshot, package, tmp_path, name):
    """Types, legal codes, ranges, required cells and primary keys, by Frictionless and the codebook alone."""
    path = export(snapshot, "csv", tmp_path / "t.csv", table=name.removesuffix(".parquet"))
    schema = next(one["schema"] for one in package["resources"] if one["path"] == name)
    resource = frictionless.Resource(
        path="t.csv",
        basepath=str(tmp_path),
        schema=frictionless.Schema.from_descriptor(schema),
        encoding="utf-8",
    )
    assert resource.validate().flatten(["rowNumber", "fieldName", "type"]) == []
    text = path.read_text(encoding="utf-8").replace("P001,", "P001,x", 1)
    path.write_text(text, encoding="utf-8")
    if name == "data.parquet":
        broken = resource.validate().flatten(["fieldName", "type"])
        assert ["age", "type-error"] in broken


def test_each_resource_is_a_file_with_its_size_and_hash(locked_once, package):
    others = {DATA_PACKAGE, RO_CRATE, "manifest.json"}
    expected = {f.relative_to(locked_once).as_posix() for f in locked_once.rglob("*") if f.is_file()}
    assert {one["path"] for one in package["resources"]} == {
        name for name in expected if name not in others and not name.startswith("signatures/")
    }
    assert len({one["name"] for one in package["resources"]}) == len(package["resources"])
    for one in package["resources"]:
        data = (locked_once / one["path"]).read_bytes()
        assert one["bytes"] == len(data)
        assert one["hash"] == f"sha256:{sha256(data)}"
    assert package["logical_hash"] == verify(locked_once).logical_hash


def test_the_crate_keeps_the_rules_of_ro_crate_1_1(locked_once, crate):
    """The MUSTs of the specification's sections on the root, the descriptor and data entities."""
    assert crate["@context"] == "https://w3id.org/ro/crate/1.1/context"
    entities = {one["@id"]: one for one in crate["@graph"]}
    assert len(entities) == len(crate["@graph"])
    assert all("@type" in one for one in entities.values())
    descriptor = entities[RO_CRATE]
    assert descriptor["@type"] == "CreativeWork"
    assert descriptor["conformsTo"] == {"@id": "https://w3id.org/ro/crate/1.1"}
    root = entities[descriptor["about"]["@id"]]
    assert root["@type"] == "Dataset"
    assert root["@id"] == "./"
    assert root["name"]
    assert root["description"]
    assert root["datePublished"][:2] == "20"
    assert root["license"]["@id"] in entities
    assert {part["@id"] for part in root["hasPart"]} <= set(entities)
    for name, one in entities.items():
        if one["@type"] != "File":
            continue
        data = (locked_once / name).read_bytes()
        if "sha256" in one:
            assert (one["sha256"], one["contentSize"]) == (sha256(data), str(len(data)))
    on_disk = {f.relative_to(locked_once).as_posix() for f in locked_once.rglob("*") if f.is_file()}
    told = {name for name, one in entities.items() if one["@type"] == "File"} | {RO_CRATE}
    assert {name for name in on_disk if not name.startswith("signatures/")} == told
    assert (locked_once / "signatures/").is_dir()


def test_the_manifest_vouches_for_both(snapshot):
    for name in (DATA_PACKAGE, RO_CRATE):
        data = bytearray((snapshot / name).read_bytes())
        data[-10] ^= 1
        (snapshot / name).write_bytes(bytes(data))
        assert name in {p.file for p in verify(snapshot).problems}


def test_the_same_study_is_described_in_the_same_bytes(database, draft, contents_of):
    first, second = contents_of(database, draft), contents_of(database, draft)
    assert first.files == second.files
    assert {DATA_PACKAGE, RO_CRATE} <= set(first.files)


def test_no_machine_and_no_path_stands_in_them(package, crate):
    text = json.dumps([package, crate])
    assert str(Path.home()) not in text
    assert "/tmp/" not in text
