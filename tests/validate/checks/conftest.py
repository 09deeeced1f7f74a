"""A draft in which every check has something to look at and holds."""

from dataclasses import replace
from pathlib import Path

import pytest

from extract.study.protocol import parse
from validate.checks import Facts, Step, Verdict
from validate.checks.frames import build_frames
from validate.checks.rules import compile_rules
from validate.checks.run import evaluate
from validate.lock.assemble import Cell, assemble_cells
from validate.lock.keys import PseudonymKey
from validate.lock.pseudonyms import Pseudonyms

CANARY = "CANARY-7f3a9"
PATIENTS = [f"{CANARY}-{number}" for number in range(1, 7)]


@pytest.fixture(scope="session")
def canary():
    return CANARY


@pytest.fixture(scope="session")
def protocol():
    text = (Path(__file__).parents[1] / "leaf-growth.toml").read_text(encoding="utf-8")
    # Two codes of missing, so that both a legal and an illegal one can be seeded.
    return parse(text.replace("below_limit", 'missing = ["not_documented", "not_done"]\nbelow_limit'))


@pytest.fixture(scope="session")
def rules(protocol):
    return compile_rules(protocol)


@pytest.fixture(scope="session")
def sound_cells():
    values = {
        ("age", ""): "40",
        ("kind", ""): "1",
        ("spots", ""): "1;10",
        ("height", "T0"): "6.5",
        ("height", "T1"): "2.5",
        ("sap", "T0"): "0.5",
        ("sap", "T1"): "0.7",
    }
    return {
        (patient, *place): Cell(
            patient,
            *place,
            text,
            method="m",
            day=28 if place[1] == "T1" else 0,
            record_id=CANARY,
            version=CANARY,
        )
        for patient in PATIENTS
        for place, text in values.items()
    }


@pytest.fixture(scope="session")
def sound_facts(sound_cells):
    return Facts(
        verdicts=tuple(
            Verdict(patient, code, final, sealed=True, evidence=1)
            for patient in PATIENTS
            for code, final in (("I1", "met"), ("E1", "not_met"))
        ),
        funnel=(Step("window", 100, 120, 0, 0), Step("included", 6, 8, 94, 112)),
        entries={place: "agree" for place in sound_cells if place[1] == "height"},
        units={place: "known" for place in sound_cells if place[1] == "sap"},
        sources=dict.fromkeys(PATIENTS, "unchanged"),
    )


@pytest.fixture(scope="session")
def draft_of(protocol):
    def build(cells):
        patients = PATIENTS if cells else []
        key = PseudonymKey(b"k" * 32)
        return assemble_cells(protocol, patients, cells.values(), Pseudonyms.assign(key, patients))

    return build


@pytest.fixture(scope="session")
def results_of(protocol, rules, draft_of, sound_cells, sound_facts):
    """Check results by id, of the sound study with ``cells`` changed and ``facts`` replaced; one if ``only``."""

    def run(cells=None, wide=None, facts=None, only=None):
        draft = draft_of(sound_cells | (cells or {}))
        if wide:
            draft = replace(draft, wide=wide(draft.wide))
        frames = build_frames(protocol, draft, replace(sound_facts, **(facts or {})))
        due = [rule for rule in rules if only in {None, rule.id}]
        return {result.id: result for result in evaluate(due, frames)}

    return run


@pytest.fixture(scope="session")
def victim(draft_of, sound_cells):
    """A patient and their number."""
    return PATIENTS[2], draft_of(sound_cells).pseudonyms.participants[PATIENTS[2]]
