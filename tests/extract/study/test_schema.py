"""The published JSON Schema is that of the model, and takes what the model takes."""

import datetime as dt
import json
import tomllib
from pathlib import Path

import jsonschema
import pytest

from extract.study.schema import schema, schema_text

ROOT = Path(__file__).parents[3]
STUDIES = ["extract/study/templates/esr-pain/study.toml", "docs/examples/hba1c-clinosim/study.toml"]


def plain(value):
    """TOML as JSON: dates are strings."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value.isoformat() if isinstance(value, dt.date) else value


def read(name):
    return plain(tomllib.loads((ROOT / name).read_text(encoding="utf-8")))


def test_the_published_schema_is_current():
    """`python -m extract.study.schema docs/study.schema.json` writes it."""
    assert (ROOT / "docs/study.schema.json").read_text(encoding="utf-8") == schema_text()


def test_the_schema_is_a_schema():
    jsonschema.Draft202012Validator.check_schema(schema())


@pytest.mark.parametrize("name", STUDIES)
def test_the_shipped_studies_fit_the_schema(name):
    jsonschema.validate(read(name), json.loads(schema_text()))


def test_an_unknown_key_does_not_fit():
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(read(STUDIES[0]) | {"serach": {}}, schema())
