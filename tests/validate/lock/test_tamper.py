"""A part of the soak: random forgeries of every kind are found with their reason, honest copies are not accused."""

import importlib.util
import random
import sys
from pathlib import Path

import pytest

from validate.lock.verify import verify

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "tamper.py"


@pytest.fixture(scope="module")
def tamper():
    spec = importlib.util.spec_from_file_location("tamper", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules["tamper"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def locked_twice(tamper, tmp_path_factory):
    path, signers = tamper.lock_a_study(tmp_path_factory.mktemp("tamper"))
    return tamper.writable(path), signers


def test_forgeries_of_every_kind_are_found_with_their_reason(tamper, locked_twice):
    snapshot, signers = locked_twice
    made, missed = tamper.forge(snapshot, signers, 144, random.Random(7))
    assert missed == []
    assert made.total() == 144
    assert len(made) == 12
    assert min(made.values()) == 12
    assert verify(snapshot).ok


def test_only_the_rows_and_the_anchor_tell_what_the_bytes_cannot(tamper, locked_twice):
    """A wrong hash that the true signers signed, and a whole snapshot that others did: docs/verify.md says so."""
    snapshot, signers = locked_twice
    forger = tamper.Forger(snapshot, signers, random.Random(7))
    for attack, kind in ((forger.wrong_hash_signed(), "logical_hash"), (forger.signed_anew(), "anchor")):
        anchor = tamper.sha256(forger.sound["manifest.json"]) if attack.anchored else None
        with tamper._done(snapshot, forger.sound, attack.files):
            assert verify(snapshot).ok
            report = verify(snapshot, rows=attack.rows, expected_manifest=anchor)
        assert [problem.kind for problem in report.problems] == [kind]


def test_honest_copies_raise_no_alarm(tamper, locked_twice, tmp_path):
    snapshot, _ = locked_twice
    copies = [
        verify(copy).problems for copy in tamper.honest_copies(snapshot, tmp_path, 24, random.Random(7))
    ]
    assert copies == [()] * 24


def test_the_judge_itself_can_find_a_miss(tamper, locked_twice, monkeypatch):
    """A verify that sees nothing is caught."""
    snapshot, signers = locked_twice
    sound = verify(snapshot)
    monkeypatch.setattr(tamper, "verify", lambda *_, **__: sound)
    made, missed = tamper.forge(snapshot, signers, 96, random.Random(7))
    assert len(missed) >= made.total() == 96
