"""The JSON Schema of study.toml, for editors and for other programs; docs/study.schema.json is this.

``python -m extract.study.schema FILE`` writes it.  TOML dates are strings with format ``date`` in it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from extract.study.protocol import Protocol

__all__ = ["schema", "schema_text"]


def schema() -> dict[str, Any]:
    """The schema (draft 2020-12) of what ``protocol.parse`` takes; references between parts are lint's."""
    found = Protocol.model_json_schema(by_alias=True, mode="validation")
    source = found["$defs"]["Variable"]["properties"]["source"]
    # One source may be written without the brackets of a list.
    found["$defs"]["Variable"]["properties"]["source"] = {"anyOf": [source["items"], source]}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "study.schema.json",
        **found,
        "title": "study.toml of cohortlock",
    }


def schema_text() -> str:
    """The schema as it stands in docs/study.schema.json."""
    return json.dumps(schema(), ensure_ascii=False, indent=2) + "\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(schema_text(), encoding="utf-8")
