"""RO-Crate by its own validator, in a process without a network: every requirement of the profile 1.1 is met."""

import json
import os
import subprocess
import sys

import pytest

# The validator wants the profile's JSON-LD context from the network; these are the terms of it that we use.
VALIDATE = """
import json, socket, sys
import requests
from rocrate_validator import models, services
from rocrate_validator.utils.http import HttpRequester

SCHEMA = "http://schema.org/"
TERMS = {word: SCHEMA + word for word in ("Dataset", "CreativeWork", "about", "name", "description", "hasPart",
    "datePublished", "identifier", "license", "encodingFormat", "contentSize", "sha256")}
TERMS |= {"File": SCHEMA + "MediaObject", "conformsTo": "http://purl.org/dc/terms/conformsTo"}
CONTEXT = "https://w3id.org/ro/crate/1.1/context"

def get(self, url, **_):
    answer = requests.Response()
    answer.status_code, answer.url = (200 if url.startswith(CONTEXT) else 504), url
    answer.headers["Content-Type"] = "application/ld+json"
    answer._content = json.dumps({"@context": TERMS}).encode()
    return answer

def alone(*_):
    raise OSError("no network")

HttpRequester.get = get
socket.socket.connect = alone
found = services.validate(services.ValidationSettings(
    rocrate_uri=sys.argv[1], profile_identifier="ro-crate-1.1", offline=True,
    requirement_severity=models.Severity.REQUIRED))
print(json.dumps({"passed": found.passed(), "issues": [str(one.message) for one in found.get_issues()]}))
"""


def judged(path, home):
    said = subprocess.run(
        [sys.executable, "-c", VALIDATE, path],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "HOME": str(home), "XDG_CACHE_HOME": str(home)},
    )
    return json.loads(said.stdout.strip().splitlines()[-1])


def test_the_validator_finds_every_requirement_met(snapshot, tmp_path):
    found = judged(snapshot, tmp_path)
    assert found == {"passed": True, "issues": []}


@pytest.mark.parametrize("harm", ["no licence", "no such file"])
def test_and_it_would_find_what_is_not(snapshot, tmp_path, harm):
    file = snapshot / "ro-crate-metadata.json"
    crate = json.loads(file.read_bytes())
    if harm == "no licence":
        next(one for one in crate["@graph"] if one["@id"] == "./").pop("license")
    else:
        (snapshot / "flow.json").unlink()
    file.write_text(json.dumps(crate), encoding="utf-8")
    assert not judged(snapshot, tmp_path)["passed"]
