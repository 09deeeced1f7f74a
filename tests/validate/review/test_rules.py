"""The rules as data: every state has an owner, every role only its own acts, and nobody peeks."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from validate.review.rules import (
    OWNERS,
    REVIEW,
    VALUES,
    Account,
    Action,
    Event,
    Phase,
    Role,
    ValueEvent,
    ValuePhase,
    Verdict,
    Viewer,
    may,
    mermaid,
    open_for,
    review_phase,
    sees_entry,
    sees_opinion,
    value_phase,
    whole_phase,
)

DOCS = Path(__file__).parents[3] / "docs/review.md"
ACTS = {
    Phase.INDEPENDENT: Action.DECIDE,
    Phase.ARBITRATION: Action.ARBITRATE,
    ValuePhase.ENTRY: Action.ENTER,
    ValuePhase.RECONCILIATION: Action.RESOLVE,
}


@pytest.mark.parametrize("phase", [*Phase, *ValuePhase])
def test_every_state_has_an_owner_who_may_act_in_it(phase):
    """Nothing can come to rest where it is nobody's turn."""
    assert OWNERS[phase]
    act = ACTS.get(phase)
    if act is not None:
        assert open_for(act, phase)
        assert {role for role in Role if may(role, act)} == OWNERS[phase]


@pytest.mark.parametrize(("table", "phases"), [(REVIEW, Phase), (VALUES, ValuePhase)])
def test_every_state_is_reached_and_every_state_but_the_last_is_left(table, phases):
    first, *_, last = list(phases)
    assert {to for (at, _), to in table.items() if to is not at} >= set(phases) - {first}
    assert {at for at, _ in table} == set(phases)
    assert {to for (at, _), to in table.items() if at is last} == {first}


@pytest.mark.parametrize("action", Action)
def test_nobody_signed_in_may_do_nothing_and_analysts_only_read(action):
    assert not may(None, action)
    assert not may(Role.ANALYST, action)


def test_an_act_outside_its_phase_is_closed():
    for act, phase in itertools.product(ACTS.values(), [*Phase, *ValuePhase]):
        assert open_for(act, phase) == (ACTS.get(phase) is act)


verdicts = st.sampled_from([None, *Verdict])


@given(verdicts, verdicts, st.booleans(), verdicts)
def test_a_computed_phase_moves_only_along_the_table(first, second, arbitrated, then):
    """The phase is computed from rows, the table is drawn in the docs: they are the same machine."""
    before = review_phase((first, second), arbitrated=arbitrated and first is not None and first != second)
    if before is Phase.INDEPENDENT and second is None and then is not None:
        after = review_phase((first, then), arbitrated=False)
        event = Event.OPINION if first is None else Event.AGREED if first == then else Event.DIFFERED
        assert REVIEW[before, event] is after
    if before is Phase.ARBITRATION:
        assert REVIEW[before, Event.ARBITRATED] is review_phase((first, second), arbitrated=True)
    assert REVIEW[before, Event.EVIDENCE_CHANGED] is review_phase((None, None), arbitrated=False)


@given(st.tuples(st.booleans(), st.booleans()), st.booleans())
def test_a_field_moves_only_along_its_table(entered, same):
    before = value_phase(entered=entered, equal=same, resolved=False)
    assert VALUES[before, ValueEvent.EVIDENCE_CHANGED] is ValuePhase.ENTRY
    if all(entered):
        event = ValueEvent.EQUAL if same else ValueEvent.DIFFERED
        assert VALUES[ValuePhase.ENTRY, event] is before
    if before is ValuePhase.RECONCILIATION:
        resolved = value_phase(entered=entered, equal=same, resolved=True)
        assert VALUES[before, ValueEvent.RESOLVED] is resolved


def test_a_candidate_is_as_far_as_its_least_finished_criterion():
    assert whole_phase([Phase.COMPLETE, Phase.ARBITRATION, Phase.INDEPENDENT]) is Phase.INDEPENDENT
    assert whole_phase([Phase.COMPLETE, Phase.ARBITRATION]) is Phase.ARBITRATION
    assert whole_phase([]) is Phase.COMPLETE


@given(
    role=st.sampled_from([None, *Role]),
    who=st.sampled_from(["rev1", "rev2", "other"]),
    author=st.sampled_from(["rev1", "rev2"]),
    phase=st.sampled_from(list(Phase)),
)
def test_blinding_holds_for_every_session_and_phase(role, who, author, phase):
    """No session, whatever its role, sees another's opinion before both have committed the whole candidate."""
    account = Account(who, who, role) if role else None
    shown = sees_opinion(Viewer(account, frozenset({"rev1", "rev2"})), author, phase)
    if account is None or role in {Role.ANALYST, Role.ABSTRACTOR, Role.MACHINE}:
        assert not shown
    if phase is Phase.INDEPENDENT:
        assert shown == (role is Role.REVIEWER and who == author)
    if role is Role.REVIEWER and who == author:
        assert shown
    if role is Role.ARBITRATOR and who != "other":
        assert not shown, "an arbitrator is neither of the two"
    if role is Role.REVIEWER and who == "other":
        assert not shown, "a reviewer of other candidates has no business here"


@given(
    role=st.sampled_from([None, *Role]),
    who=st.sampled_from(["typ1", "typ2"]),
    author=st.sampled_from(["typ1", "typ2"]),
    phase=st.sampled_from(list(ValuePhase)),
)
def test_second_entry_is_blind_for_good(role, who, author, phase):
    account = Account(who, who, role) if role else None
    shown = sees_entry(account, author, phase)
    if role is Role.ABSTRACTOR:
        assert shown == (who == author)
    if phase is ValuePhase.ENTRY and who != author:
        assert not shown
    if role in {None, Role.REVIEWER, Role.ANALYST, Role.MACHINE}:
        assert not shown


def test_the_diagram_in_the_docs_is_the_table():
    """Regenerate with: python -c "from validate.review.rules import mermaid; print(mermaid())"."""
    assert mermaid() in DOCS.read_text(encoding="utf-8")
