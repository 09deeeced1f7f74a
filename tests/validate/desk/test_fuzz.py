"""schemathesis over the JSON interface: whatever is sent, by whichever role, it is answered as described.

``COHORTLOCK_API_EXAMPLES`` says how many requests each operation gets from each role.
"""

from __future__ import annotations

import os
import warnings

import pytest
from hypothesis import HealthCheck, Phase, given, settings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import schemathesis
    from schemathesis.checks import not_a_server_error
    from schemathesis.specs.openapi.checks import (
        content_type_conformance,
        response_schema_conformance,
        status_code_conformance,
    )

from extract.study.audit import verify_chain

EXAMPLES = int(os.environ.get("COHORTLOCK_API_EXAMPLES", "2"))
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


@pytest.fixture
def busy(desk):
    """A desk on which every role has something to do, under numbers that the description offers."""
    number = desk.numbers[0]
    desk.judge("ann", number)
    desk.judge("bob", number, **{desk.db.protocol.exclude[0].id: "met"})
    for name in ("ann", "bob"):
        desk.judge(name, desk.numbers[1])
    criterion = desk.case(number).candidate.reviewed[0]
    desk["ann"].post(f"/ask/{number}", data={"request": "q", "field": criterion, "text": "which visit?"})
    return desk


def aimed(schema, desk):
    """The description, offering numbers, criteria and queries that exist beside those that do not."""
    criteria = list(desk.case(desk.numbers[0]).candidate.reviewed)
    known = {
        "number": {"enum": [*desk.numbers[:4], 1, 2**63 - 1]},
        "criterion": {"enum": [*criteria[:2], "nothing", "\u202e"]},
        "ref": {"enum": ["ann-1", "bob-9", "x"]},
    }
    for path in schema["paths"].values():
        for operation in path.values():
            for parameter in operation.get("parameters", ()):
                parameter["schema"] |= known.get(parameter["name"], {})
    return schema


def asked(operation, headers) -> int:
    """Send an operation what it might be sent; how often it was."""
    sent = []

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=EXAMPLES < 10,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def ask(case):
        response = case.call(headers=headers)
        sent.append(response.status_code)
        case.validate_response(response, checks=CHECKS)

    ask()
    return len(sent)


@pytest.mark.parametrize("aim", [False, True], ids=["anything", "what exists"])
def test_whatever_is_sent_is_answered_as_described(busy, aim):
    """No 5xx, no status, type or shape that docs/openapi.json does not name; and the chain still verifies."""
    described = busy.nobody().get("/api/v1/openapi.json").json()
    schema = schemathesis.openapi.from_dict(aimed(described, busy) if aim else described)
    schema.app = busy.app
    sent = 0
    for name in ("ann", "cat", "dan", "may", "aud", None):
        headers = {"host": "desk"}
        if name:
            headers["authorization"] = busy.script(name).headers["authorization"]
        for found in schema.get_all_operations():
            sent += asked(found.ok(), headers)
    assert sent > 100
    with busy.db.reading() as connection:
        assert verify_chain(connection) == []
