"""Each condition of the lock, met and not met, with who owes what."""

import re
from dataclasses import dataclass, replace

import pytest

from extract.errors import ChecksFailed, NotReady
from extract.study.protocol import Label, parse
from validate.checks.results import CheckReport
from validate.lock.assemble import assemble_cells
from validate.lock.preconditions import Surroundings, preconditions, refusal
from validate.reconcile import Owed

SOUND = Surroundings(
    unqueued=0,
    open_queries=0,
    reopened=0,
    chain_problems=0,
    locked_at=None,
    keys={"data manager": True, "principal investigator": True},
)


@dataclass(frozen=True)
class Fields:
    """The two numbers of a comparison that the lock reads."""

    errors: int = 1
    compared: int = 200


@dataclass(frozen=True)
class Comparison:
    """What the lock reads of a comparison."""

    fields: Fields = Fields()


@dataclass(frozen=True)
class Finished:
    """The parts of a reconciliation that the lock reads."""

    open: tuple[Owed, ...] = ()
    comparison: Comparison = Comparison()


@pytest.fixture
def conditions(protocol, draft, report):
    def of(
        *, protocol=protocol, reconciliation=Finished(), draft=draft, report=report, closes=True, **around
    ):
        found = preconditions(
            protocol, reconciliation, draft, report, {"closes": closes}, replace(SOUND, **around)
        )
        return found, {one.id for one in found if not one.ok}

    return of


def test_a_finished_study_meets_all(conditions):
    found, missing = conditions()
    assert missing == set()
    assert refusal(found) is None


@pytest.mark.parametrize(
    ("what", "condition"),
    [
        ("opinion", "opinions"),
        ("assignment", "opinions"),
        ("arbitration", "arbitration"),
        ("entry", "entry"),
        ("resolution", "resolution"),
    ],
)
def test_what_is_open_in_the_review_is_named_with_who_owes_it(conditions, what, condition):
    owed = (Owed("p", what, "I1", "ann"), Owed("q", what, "I1", "ann"), Owed("q", what, "E1", "bo"))
    found, missing = conditions(reconciliation=Finished(open=owed))
    assert missing == {condition}
    assert dict(next(one for one in found if one.id == condition).owed) == {"ann": 2, "bo": 1}
    assert isinstance(refusal(found), NotReady)
    assert "3 open" in refusal(found).message


@pytest.mark.parametrize(
    ("around", "condition"),
    [
        ({"unqueued": 1}, "queued"),
        ({"open_queries": 2}, "queries"),
        ({"reopened": 1}, "reopened"),
        ({"chain_problems": 1}, "audit"),
        ({"locked_at": 3}, "unlocked"),
        ({"keys": {"data manager": True}}, "signatures"),
        ({"closes": False}, "funnel"),
    ],
)
def test_each_surrounding_condition(conditions, around, condition):
    assert conditions(**around)[1] == {condition}


def test_an_error_rate_above_the_limit_or_of_nothing_is_refused(conditions):
    """0.5 % of 200 is one field: one is allowed, two are not."""
    assert conditions(reconciliation=Finished(comparison=Comparison(Fields(2, 200))))[1] == {"error_rate"}
    assert conditions(reconciliation=Finished(comparison=Comparison(Fields(0, 0))))[1] == {"error_rate"}


def test_without_an_ethics_approval_nothing_is_locked(conditions, study_text):
    assert conditions(protocol=parse(study_text.replace("EC-1", "")))[1] == {"ethics"}


def test_a_failed_check_alone_is_an_error_of_its_own(conditions, report):
    failed = replace(report.results[0], status="fail", keys=("P001",))
    found, missing = conditions(report=CheckReport((failed, *report.results[1:])))
    assert missing == {"checks"}
    assert isinstance(refusal(found), ChecksFailed)
    assert failed.id in refusal(found).message
    assert conditions(report=CheckReport(()))[1] == {"checks"}


def test_a_dataset_of_nobody_or_of_one_group_cannot_be_analysed(
    conditions, protocol, sound_cells, patients, pseudonyms
):
    nobody = assemble_cells(protocol, [], [], pseudonyms)
    assert {"participants", "groups"} <= conditions(draft=nobody)[1]
    alike = [c for c in sound_cells if c.patient_id == patients[0]]
    one = assemble_cells(protocol, patients[:1], alike, pseudonyms)
    assert conditions(draft=one)[1] == {"groups"}


def test_a_planned_correlation_without_its_column_is_refused(conditions, study_text):
    text = study_text + '\n[analysis]\ncorrelate = [ { x = "delta(height)", y = "delta(age)" } ]\n'
    found, missing = conditions(protocol=parse(text))
    assert missing == {"analysis"}
    assert "delta(age)" in next(one.message for one in found if one.id == "analysis")


def test_every_condition_speaks_both_languages_met_or_not(conditions, report, protocol, study_text):
    """The numbers are the same in both; only the sentence differs."""
    failed = tuple(replace(one, status="fail", keys=("P001",)) for one in report.results[:7])
    text = study_text + '\n[analysis]\ncorrelate = [ { x = "delta(height)", y = "delta(age)" } ]\n'
    owed = (Owed("p", "opinion", "I1", "ann"), Owed("p", "entry", "I1", "ann"))
    bad, _ = conditions(
        protocol=parse(text),
        reconciliation=Finished(open=owed),
        report=CheckReport(failed),
        unqueued=1,
        open_queries=2,
        reopened=3,
        chain_problems=4,
        locked_at=5,
        keys={},
    )
    for one in (*conditions()[0], *bad):
        told = one.to_json()
        assert re.search("[\u4e00-\u9fff]", told["message_zh"])
        assert not re.search("[\u4e00-\u9fff]", told["message"])
        # "and 2 more" of seven is "7 in all" in Chinese.
        if one.id != "checks":
            assert sorted(re.findall(r"\d+", told["message"])) == sorted(
                re.findall(r"\d+", told["message_zh"])
            )


def test_a_pilot_that_the_protocol_asks_for_must_have_been_passed(conditions):
    """...and a study that asks for none has no such condition."""
    found, _ = conditions()
    assert "calibration" not in {one.id for one in found}
    _, missing = conditions(calibration=(False, Label(zh="预评审尚未通过", en="not passed")))
    assert missing == {"calibration"}
    found, missing = conditions(calibration=(True, Label(zh="达到", en="reached")))
    assert missing == set()
    assert next(one for one in found if one.id == "calibration").message == "reached"
