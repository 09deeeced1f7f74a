"""Running the checks of a study over a draft."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence

import pandas as pd

from extract.study.database import StudyDatabase
from extract.study.protocol import Protocol
from validate.checks import engine
from validate.checks.drift import Earlier, drift
from validate.checks.facts import Facts
from validate.checks.failing import evaluated, failing
from validate.checks.frames import build_frames
from validate.checks.results import CheckReport, CheckResult, Status, Waiver, waive
from validate.checks.rules import FRAMES, Frame, Rule, compile_rules
from validate.checks.stored import check_stored
from validate.lock.assemble import Draft

__all__ = ["evaluate", "run"]


def run(
    protocol: Protocol,
    draft: Draft,
    facts: Facts,
    waivers: Iterable[Waiver] = (),
    database: StudyDatabase | None = None,
    own: Sequence[Rule] = (),
    before: Earlier | None = None,
) -> CheckReport:
    """Every check of ``protocol`` and the site's ``own`` over ``draft``, and those over the rows of ``database``.

    ``before`` is the last snapshot, verified, which the draft's distributions are compared with.
    Over the draft the engine's yes or no comes first, the keys of the failures after. Loads Great
    Expectations; nothing is written and nothing printed.
    """
    engine.load()
    started = time.perf_counter()
    results = evaluate((*compile_rules(protocol), *own), build_frames(protocol, draft, facts))
    results += drift(protocol, draft.wide, before)
    if database is not None:
        with database.reading() as connection:
            results += check_stored(connection, protocol)
    return CheckReport(waive(results, waivers), time.perf_counter() - started)


def evaluate(rules: Sequence[Rule], frames: Mapping[Frame, pd.DataFrame]) -> tuple[CheckResult, ...]:
    """The result of each rule over its frame, in the rules' order."""
    found: dict[str, CheckResult] = {}
    for name in FRAMES:
        of_frame = [rule for rule in rules if rule.frame == name]
        for only in dict.fromkeys(rule.only for rule in of_frame):
            frame = _only(frames[name], only)
            about = [rule for rule in of_frame if rule.only == only]
            rows: dict[str, int | None] = {rule.id: _rows(rule, frame) for rule in about}
            due = [rule for rule in about if rows[rule.id]]
            said = engine.verdicts(frame, due) if due else {}
            for rule in about:
                found[rule.id] = _result(rule, frame, rows[rule.id], said.get(rule.id))
    return tuple(found[rule.id] for rule in rules)


def _only(frame: pd.DataFrame, only: tuple[str, tuple[object, ...]] | None) -> pd.DataFrame:
    """The rows that a condition is about; none where its column is not there, so that nothing passes unseen."""
    if only is None:
        return frame
    column, values = only
    return frame[frame[column].isin(values)] if column in frame else frame.iloc[:0]


def _rows(rule: Rule, frame: pd.DataFrame) -> int | None:
    """Rows with something to look at; None when a column is not there."""
    try:
        return evaluated(rule, frame)
    except KeyError:
        return None


def _result(rule: Rule, frame: pd.DataFrame, rows: int | None, holds: bool | None) -> CheckResult:
    status: Status
    keys: tuple[str, ...] = ()
    detail = ""
    if rows is None:
        status, detail = "error", "a column that the check looks at is not in the data"
    elif rows == 0:
        status = "not_evaluated"
    elif holds is None:
        status, detail = "error", "the engine could not evaluate it"
    elif holds:
        status = "pass"
    else:
        status, keys = "fail", failing(rule, frame)
        if not keys:
            # Two implementations disagree: neither is to be believed until a person has looked.
            status, detail = "error", "the engine says that it fails, but no row does"
    return CheckResult(rule.id, rule.kind, status, rule.severity, rule.label, rows or 0, keys, detail)
