"""Every kind of check: it fails on data seeded to break it, and passes, is not evaluated or errs where it should.

``SEEDS`` names, for each kind, a check of it and the fault it is for; a kind without a seed fails here.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from validate.checks import CheckReport, Step
from validate.checks.frames import build_frames
from validate.checks.page import KINDS, checks_page
from validate.checks.rules import compile_rules
from validate.checks.run import evaluate
from validate.lock.assemble import Cell

VICTIM = "P003"
SECRET = "98765"


@dataclass(frozen=True)
class Seed:
    """A check of a kind, the change that breaks it, and the key that it must then name."""

    check: str
    key: str
    cell: Cell | None = None
    column: tuple[str, Any] = ("", None)
    facts: Callable[[Any, str], dict[str, Any]] = lambda _facts, _patient: {}


def cell(variable: str, timepoint: str = "", **said: Any) -> Cell:
    """The victim's cell with a fault; its patient is filled in later."""
    return Cell("", variable, timepoint, method="m", **{"day": 28 if timepoint == "T1" else 0, **said})


def verdict(**changes: Any) -> Callable[[Any, str], dict[str, Any]]:
    """The victim's verdict on I1, changed."""
    return lambda facts, patient: {
        "verdicts": tuple(
            replace(v, **changes) if (v.patient_id, v.criterion) == (patient, "I1") else v
            for v in facts.verdicts
        )
    }


SEEDS = {
    "type": Seed("spots.type", VICTIM, cell("spots", value="CANARY-7f3a9")),
    "range": Seed("age.range", VICTIM, cell("age", value=SECRET)),
    "warn_range": Seed("height_t0.warn_range", VICTIM, cell("height", "T0", value="9.1")),
    "legal_values": Seed("kind.legal", VICTIM, cell("kind", value=SECRET)),
    "missing_code": Seed("kind.missing_code", VICTIM, cell("kind", missing="CANARY-7f3a9")),
    "stated": Seed("age.stated", VICTIM, column=("age:stated", "both")),
    "not_null": Seed("height_t0.not_null", VICTIM, cell("height", "T0", missing="not_documented")),
    "unique": Seed("participants.unique", "P001", column=("key", "P001")),
    "as_recorded": Seed("age.as_recorded", VICTIM, column=("age", float(SECRET))),
    "dated": Seed("height_t1.dated", VICTIM, cell("height", "T1", value="2.5", day=None)),
    "window": Seed("height_t1.window", VICTIM, cell("height", "T1", value="2.5", day=36)),
    "time_order": Seed("height.order", VICTIM, cell("height", "T1", value="2.5", day=0)),
    "delta": Seed("height_delta.recomputed", VICTIM, column=("height_delta", float(SECRET))),
    "relief": Seed("height_relief.recomputed", VICTIM, column=("height_relief", 1.0)),
    "responder": Seed("responder.recomputed", VICTIM, column=("responder", 0.0)),
    "double_entry": Seed(
        "height_t1.double_entry",
        VICTIM,
        facts=lambda facts, patient: {"entries": {**facts.entries, (patient, "height", "T1"): "open"}},
    ),
    "unit": Seed(
        "sap_t0.unit",
        VICTIM,
        facts=lambda facts, patient: {"units": {**facts.units, (patient, "sap", "T0"): "unknown"}},
    ),
    "reconciled": Seed("verdicts.final", f"{VICTIM}/I1", facts=verdict(final=None)),
    "eligible": Seed("verdicts.eligible", f"{VICTIM}/I1", facts=verdict(final="not_met")),
    "evidence": Seed("verdicts.sealed", f"{VICTIM}/I1", facts=verdict(sealed=False)),
    "source": Seed(
        "participants.source",
        VICTIM,
        facts=lambda facts, patient: {"sources": {**facts.sources, patient: "changed"}},
    ),
    "funnel": Seed(
        "funnel.patients",
        "included",
        facts=lambda _facts, _patient: {
            "funnel": (Step("window", 100, 120, 0, 0), Step("included", 6, 8, 93, 112))
        },
    ),
}


def test_every_kind_has_a_seed_a_name_and_is_compiled(protocol):
    compiled = {rule.kind for rule in compile_rules(protocol)}
    assert compiled == set(SEEDS)
    assert compiled <= set(KINDS)


@pytest.fixture(params=sorted(SEEDS))
def seed(request):
    return SEEDS[request.param]


@pytest.fixture
def rule(seed, rules):
    return next(rule for rule in rules if rule.id == seed.check)


@pytest.fixture(scope="session")
def victim(draft_of, sound_cells):
    """The patient behind the participant whom every seed breaks."""
    names = draft_of(sound_cells).pseudonyms.participants
    return next(patient for patient, name in names.items() if name == VICTIM)


@pytest.fixture(scope="session")
def sound_frames(protocol, draft_of, sound_cells, sound_facts):
    # One legal missing code, so that this check has something to look at in the sound study, too.
    patient = min(place[0] for place in sound_cells)
    coded = {
        (patient, "kind", ""): Cell(patient, "kind", "", missing=protocol.variable_named("kind").missing[0])
    }
    return build_frames(protocol, draft_of(sound_cells | coded), sound_facts)


def broken(seed, victim, protocol, draft_of, sound_cells, sound_facts):
    """The frames of the sound study with the seed's fault in them."""
    patient = victim
    cells = dict(sound_cells)
    if seed.cell:
        cells[patient, seed.cell.variable, seed.cell.timepoint] = replace(seed.cell, patient_id=patient)
    frames = dict(
        build_frames(protocol, draft_of(cells), replace(sound_facts, **seed.facts(sound_facts, patient)))
    )
    column, value = seed.column
    if column:
        frame = frames["participants"].copy()
        frame.loc[frame["key"] == VICTIM, column] = value
        frames["participants"] = frame
    return frames


def test_it_fails_on_its_fault_and_names_the_row_and_no_value(
    seed, rule, victim, protocol, draft_of, sound_cells, sound_facts, canary
):
    frames = broken(seed, victim, protocol, draft_of, sound_cells, sound_facts)
    results = evaluate([rule], frames)
    assert [(r.status, seed.key in r.keys) for r in results] == [("fail", True)]
    assert len(results[0].keys) <= 2  # two participants share a number, else one row
    report = CheckReport(results)
    told = [repr(report), str(report.to_json()), str(report.to_json(inside=False))]
    told.append(checks_page(protocol, report.to_json()).decode())
    for text in told:
        assert canary not in text
        assert SECRET not in text


def test_it_passes_on_sound_data(rule, sound_frames):
    assert [r.status for r in evaluate([rule], sound_frames)] == ["pass"]


def test_it_is_not_evaluated_on_no_row_and_on_no_value(rule, sound_frames):
    """Great Expectations passes on both."""
    frame = sound_frames[rule.frame]
    nothing = frame.copy()
    for name in rule.looks_at:
        nothing[name] = None
    for empty in (frame.iloc[:0], nothing):
        result = evaluate([rule], {**sound_frames, rule.frame: empty})[0]
        assert (result.status, result.rows, result.keys) == ("not_evaluated", 0, ())


def test_it_is_an_error_where_it_cannot_run(rule, sound_frames, canary):
    """...and the error holds no value either: a missing column; a column of things that are no such values."""
    frame = sound_frames[rule.frame]
    result = evaluate([rule], {**sound_frames, rule.frame: frame.drop(columns=rule.looks_at[0])})[0]
    assert (result.status, result.keys) == ("error", ())
    assert canary not in repr(result)


def test_what_the_engine_cannot_compare_is_an_error(rules, sound_frames, canary):
    rule = next(rule for rule in rules if rule.id == "age.range")
    frame = sound_frames["participants"].copy()
    frame["age:recorded"] = [canary, 1, *[None] * (len(frame) - 2)]
    result = evaluate([rule], {**sound_frames, "participants": frame})[0]
    assert (result.status, result.keys) == ("error", ())
    assert canary not in repr(result)
