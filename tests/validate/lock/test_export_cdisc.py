"""CDISC ODM-XML and Dataset-JSON: valid by the standards' rules, and equal to the snapshot cell for cell."""

import json
from decimal import Decimal
from pathlib import Path

import jsonschema
import pyarrow.parquet as pq
import pytest
from lxml import etree

from validate.lock.export.told import MISSING

ODM = "{http://www.cdisc.org/ns/odm/v1.3}"
HERE = Path(__file__).parent
ORDER = ("participant", "variable", "timepoint")

TEXT, WHOLE = {"type": "string"}, {"type": "integer"}
DATASET = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "additionalProperties": False,
    "required": [
        "datasetJSONCreationDateTime",
        "datasetJSONVersion",
        "itemGroupOID",
        "records",
        "name",
        "label",
        "columns",
    ],
    "properties": {
        "datasetJSONCreationDateTime": {"type": "string", "format": "date-time"},
        "datasetJSONVersion": {"type": "string", "pattern": r"^1\.1(\.\d+)?$"},
        "fileOID": TEXT,
        "dbLastModifiedDateTime": TEXT,
        "originator": TEXT,
        "sourceSystem": {
            "type": "object",
            "additionalProperties": False,
            "required": ["name", "version"],
            "properties": {"name": TEXT, "version": TEXT},
        },
        "studyOID": TEXT,
        "metaDataVersionOID": TEXT,
        "metaDataRef": TEXT,
        "itemGroupOID": TEXT,
        "records": {"type": "integer", "minimum": 0},
        "name": TEXT,
        "label": TEXT,
        "columns": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["itemOID", "name", "label", "dataType"],
                "properties": {
                    "itemOID": TEXT,
                    "name": TEXT,
                    "label": TEXT,
                    "dataType": {
                        "enum": [
                            *("string", "integer", "decimal", "float", "double", "boolean"),
                            *("datetime", "date", "time", "URI"),
                        ]
                    },
                    "targetDataType": {"enum": ["integer", "decimal"]},
                    "length": {"type": "integer", "minimum": 1},
                    "displayFormat": TEXT,
                    "keySequence": {"type": "integer", "minimum": 1},
                },
            },
        },
        "rows": {"type": "array", "items": {"type": "array"}},
    },
}
"""What the specification of Dataset-JSON 1.1 asks for, written from its text."""


@pytest.fixture(scope="module")
def schema():
    return etree.XMLSchema(etree.parse(HERE / "odm-used.xsd"))


def said(value, kind):
    """A cell as ours would be: by the type that the file gives its column."""
    if value is None or kind == "text":
        return value
    return int(value) if kind == "integer" else Decimal(value)


def cells_of_odm(tree):
    """The rows, each a dict, by the file alone."""
    kinds = {one.get("OID"): (one.get("Name"), one.get("DataType")) for one in tree.iter(f"{ODM}ItemDef")}
    for subject in tree.iter(f"{ODM}SubjectData"):
        for group in subject.iter(f"{ODM}ItemGroupData"):
            row = {"participant": subject.get("SubjectKey")}
            for one in group.iter(f"{ODM}ItemData"):
                name, kind = kinds[one.get("ItemOID")]
                assert (one.get("Value") is None) == (one.get("IsNull") == "Yes")
                row[name] = said(one.get("Value"), kind)
            yield row


@pytest.mark.parametrize("table", ["data", "long"])
@pytest.mark.parametrize("language", ["zh", "en"])
def test_odm_is_valid_and_holds_every_cell_label_and_reason(gaps, exported, schema, language, table):
    tree = etree.parse(exported / language / f"{table}.odm.xml")
    schema.assertValid(tree)
    locked = pq.read_table(gaps / f"{table}.parquet")
    by_person = sorted(
        locked.to_pylist(), key=lambda row: locked.column("participant").to_pylist().index(row["participant"])
    )
    # An empty timepoint and a missing one are one in XML.
    assert list(cells_of_odm(tree)) == [
        {name: None if value == "" else value for name, value in row.items()} for row in by_person
    ]
    assert tree.getroot().get("Description").startswith("Simulated data.")
    if table == "long":
        return
    labels = {
        one.get("Name"): one.findtext(f"{ODM}Description/{ODM}TranslatedText")
        for one in tree.iter(f"{ODM}ItemDef")
    }
    book = {
        f["name"]: f["label"][language] for f in json.loads((gaps / "codebook.json").read_text())["fields"]
    }
    assert labels == {name: label for name, label in book.items() if name != "participant"}
    decodes = {
        one.get("CodedValue"): one.findtext(f"{ODM}Decode/{ODM}TranslatedText")
        for one in tree.find(f".//{ODM}CodeList[@Name='with']")
    }
    assert decodes == {"zh": {"1": "甲", "2": "乙"}, "en": {"1": "a", "2": "b|c, d"}}[language]
    told = [
        (one.getparent().get("ItemOID"), one.findtext(f"{ODM}Comment"))
        for one in tree.iter(f"{ODM}Annotation")
    ]
    assert set(told) == {
        ("IT.height_t1", MISSING["not_documented"][language]),
        ("IT.height_t1", MISSING["not_done"][language]),
        ("IT.with", MISSING["illegible"][language]),
        ("IT.spots", MISSING["not_applicable"][language]),
    }


def test_the_schema_finds_what_is_wrong(exported, schema):
    text = (exported / "en" / "data.odm.xml").read_text(encoding="utf-8")
    for old, new in (
        ('ItemOID="IT.age" Value', 'ItemOID="IT.nothing" Value'),
        ("<GlobalVariables>", "<GlobalVariables><Extra/>"),
        ('DataType="float"', 'DataType="number"'),
        ('SubjectKey="P001"', 'SubjectKey=""'),
    ):
        assert old in text
        assert not schema.validate(etree.fromstring(text.replace(old, new, 1).encode()))


@pytest.mark.parametrize("table", ["data", "long"])
@pytest.mark.parametrize("language", ["zh", "en"])
def test_dataset_json_is_valid_and_holds_every_cell(gaps, exported, language, table):
    found = json.loads((exported / language / f"{table}.dataset.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(DATASET).validate(found)
    locked = pq.read_table(gaps / f"{table}.parquet")
    columns = found["columns"]
    assert [one["name"] for one in columns] == locked.column_names
    assert all(len(row) == len(columns) for row in found["rows"])
    assert found["records"] == len(found["rows"]) == locked.num_rows
    kinds = {"string": "text", "integer": "integer", "decimal": "decimal"}
    for place, one in enumerate(columns):
        theirs = [said(row[place], kinds[one["dataType"]]) for row in found["rows"]]
        assert theirs == locked.column(one["name"]).to_pylist()
        assert ("targetDataType" in one) == (one["dataType"] == "decimal")
    if table == "data":
        assert columns[1]["label"] == {"zh": "年龄", "en": "Age"}[language]
    assert "=1+1" in str(found["rows"])
