"""What must be true before a study is locked: each condition with its answer, and who owes what is missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from extract.errors import ChecksFailed, CohortlockError, NotReady
from extract.study.protocol import Protocol
from validate.checks.results import CheckReport
from validate.lock.assemble import Draft
from validate.lock.columns import RESPONDER
from validate.reconcile import Owed, Reconciliation

__all__ = ["Precondition", "Surroundings", "preconditions", "refusal"]

_SMALLEST_GROUP = 2


@dataclass(frozen=True)
class Precondition:
    """One condition of the lock. ``message`` says what was found, in counts; ``owed`` by whom how much."""

    id: str
    ok: bool
    message: str
    owed: Mapping[str, int]

    def to_json(self) -> dict[str, Any]:
        """The shape that ``cohortlock lock --json`` lists."""
        return {"id": self.id, "ok": self.ok, "message": self.message, "owed": dict(self.owed)}


@dataclass(frozen=True)
class Surroundings:
    """What the database and the folder say beside the reconciliation."""

    unqueued: int
    """Candidates whose evidence changed in the last screening without coming before the reviewers."""
    open_queries: int
    reopened: int
    """Opinions that were given, and are owed again because their evidence changed."""
    chain_problems: int
    locked_at: int | None
    keys: Mapping[str, bool]
    """Role -> whether somebody can sign as it."""


def preconditions(
    protocol: Protocol,
    reconciliation: Reconciliation,
    draft: Draft,
    report: CheckReport,
    funnel: Mapping[str, Any],
    around: Surroundings,
) -> tuple[Precondition, ...]:
    """Every condition, met or not, in the order in which a study fulfils them; pure."""
    owed = reconciliation.open
    return (
        _one("ethics", bool(protocol.study.ethics.approval), "the ethics approval has a number"),
        _one(
            "unlocked",
            around.locked_at is None,
            "the study is open" if around.locked_at is None else f"locked at version {around.locked_at}",
        ),
        _one(
            "queued",
            not around.unqueued,
            f"{around.unqueued} candidates have other evidence than the reviewers saw",
        ),
        _owes("opinions", "opinions are given", owed, {"opinion", "assignment"}),
        _one(
            "reopened",
            not around.reopened,
            f"{around.reopened} opinions must be given again, because their evidence changed",
        ),
        _owes("arbitration", "differences are arbitrated", owed, {"arbitration"}),
        _owes("entry", "values are entered twice", owed, {"entry"}),
        _owes("resolution", "differences between entries are settled", owed, {"resolution"}),
        _one("queries", not around.open_queries, f"{around.open_queries} queries are open"),
        _error_rate(protocol, reconciliation),
        _one("participants", draft.wide.num_rows > 0, f"{draft.wide.num_rows} participants"),
        _one("funnel", bool(funnel.get("closes")), "the funnel closes at every step"),
        _checks(report),
        *_analysis(protocol, draft),
        _one(
            "audit",
            not around.chain_problems,
            f"{around.chain_problems} places where audit and tables do not fit",
        ),
        _signatures(protocol.lock.signatures, around.keys),
    )


def _one(id_: str, ok: bool, message: str, owed: Mapping[str, int] | None = None) -> Precondition:
    return Precondition(id_, ok, message, owed or {})


def _owes(id_: str, said: str, owed: Iterable[Owed], kinds: Collection[str]) -> Precondition:
    by_owner = Counter(one.owner for one in owed if one.what in kinds)
    count = by_owner.total()
    return _one(id_, not count, f"all {said}" if not count else f"not all {said}: {count} open", by_owner)


def _error_rate(protocol: Protocol, reconciliation: Reconciliation) -> Precondition:
    fields, limit = reconciliation.comparison.fields, protocol.entry.error_rate_at_most
    said = f"{fields.errors} of {fields.compared} fields differed between the two entries, limit {limit:.2%}"
    doubled = any(variable.entry == "double" for variable in protocol.variable)
    if not fields.compared:
        return _one("error_rate", not doubled, "no field was compared")
    return _one("error_rate", fields.errors <= limit * fields.compared, said)


def _checks(report: CheckReport) -> Precondition:
    blocking = [result.id for result in report.blocking]
    said = f"{len(report.results)} checks, {len(report.of_status('waived'))} waived"
    if blocking:
        more = f" and {len(blocking) - 5} more" if len(blocking) > 5 else ""
        said += f", failed or could not run: {', '.join(blocking[:5])}{more}"
    owed = {"data_manager": len(blocking)} if blocking else None
    return _one("checks", report.ok and bool(report.results), said, owed)


def _analysis(protocol: Protocol, draft: Draft) -> tuple[Precondition, ...]:
    """Whether the plan that the protocol declares can be carried out on these rows."""
    groups = Counter(draft.wide.column(RESPONDER).to_pylist())
    sizes = [groups.get(code, 0) for code in (0, 1)]
    unknown = groups.get(None, 0)
    names = [label.en for label in protocol.outcome.labels]
    said = ", ".join(f"{name}: {size}" for name, size in zip(names, sizes, strict=True))
    columns = set(draft.wide.column_names)
    lacking = [
        text
        for one in protocol.analysis.correlate
        for text in (one.x, one.y)
        if text.startswith("delta(") and f"{text[6:-1]}_delta" not in columns
    ]
    return (
        _one(
            "groups",
            min(sizes) >= _SMALLEST_GROUP and not unknown,
            f"{said}, undecided: {unknown}; each group needs {_SMALLEST_GROUP}",
        ),
        _one(
            "analysis",
            not lacking,
            "the plan's correlations have their columns"
            if not lacking
            else f"the plan names {', '.join(lacking)}, which the dataset does not have",
        ),
    )


def _signatures(roles: Sequence[str], keys: Mapping[str, bool]) -> Precondition:
    missing = [role for role in roles if not keys.get(role)]
    said = f"signatures of {', '.join(roles)}" if not missing else f"nobody signs as {', '.join(missing)}"
    return _one("signatures", not missing and bool(roles), said, dict.fromkeys(missing, 1))


def refusal(conditions: Iterable[Precondition]) -> CohortlockError | None:
    """The error that a lock raises for what is not met: ChecksFailed for checks alone, else NotReady."""
    missing = [one for one in conditions if not one.ok]
    if not missing:
        return None
    listed = "; ".join(f"{one.id}: {one.message}" for one in missing)
    if [one.id for one in missing] == ["checks"]:
        return ChecksFailed(f"the study is not locked: {listed}", "`cohortlock check STUDY` lists them.")
    return NotReady(f"the study is not locked: {listed}", "Settle what is open, then lock again.")
