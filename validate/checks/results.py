"""What a check says: its status and the keys of the rows that fail, never a value of a row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from extract.study.protocol import Label

__all__ = ["CheckReport", "CheckResult", "Severity", "Status", "Waiver", "waive"]

Status = Literal["pass", "fail", "error", "not_evaluated", "waived"]
Severity = Literal["error", "warning"]


@dataclass(frozen=True)
class Waiver:
    """Somebody takes a failed check upon themselves: who, when, why; for ``keys``, or for all if empty."""

    check_id: str
    who: str
    when: str
    why: str
    keys: frozenset[str] = frozenset()


@dataclass(frozen=True)
class CheckResult:
    """One check. ``keys`` name the failing rows: participants, participant/criterion pairs, funnel steps.

    ``not_evaluated`` means that there was nothing to look at, which is not a pass. ``detail`` says why a
    check could not run, in our words.
    """

    id: str
    kind: str
    status: Status
    severity: Severity
    label: Label
    rows: int
    keys: tuple[str, ...] = ()
    detail: str = ""
    waiver: Waiver | None = None

    def to_json(self, *, inside: bool = True) -> dict[str, Any]:
        """``inside`` the house a waiver carries its reason; in a snapshot free text stays out."""
        found: dict[str, Any] = {
            "id": self.id,
            "kind": self.kind,
            "status": self.status,
            "severity": self.severity,
            "label": {"zh": self.label.zh, "en": self.label.en},
            "rows": self.rows,
            "failing": len(self.keys),
            "keys": list(self.keys),
        }
        if self.detail:
            found["detail"] = self.detail
        if self.waiver:
            found["waived"] = {"who": self.waiver.who, "when": self.waiver.when}
            if inside:
                found["waived"]["why"] = self.waiver.why
        return found


@dataclass(frozen=True)
class CheckReport:
    """All checks of one draft."""

    results: tuple[CheckResult, ...]
    seconds: float = 0.0
    """The run itself, without loading the engine."""

    @property
    def ok(self) -> bool:
        """Whether nothing of severity ``error`` failed or could not run without a waiver."""
        return not self.blocking

    @property
    def blocking(self) -> tuple[CheckResult, ...]:
        """What stops a lock."""
        return tuple(
            r for r in self.results if r.status == "error" or (r.status == "fail" and r.severity == "error")
        )

    def of_status(self, status: Status) -> tuple[CheckResult, ...]:
        """The results of one status, in order."""
        return tuple(r for r in self.results if r.status == status)

    def to_json(self, *, inside: bool = True) -> dict[str, Any]:
        """``{"ok", "counts", "checks"}``: the shape of ``cohortlock check --json``."""
        counts = Counter(r.status for r in self.results)
        names: tuple[Status, ...] = ("pass", "fail", "error", "not_evaluated", "waived")
        return {
            "ok": self.ok,
            "counts": {name: counts[name] for name in names},
            "checks": [r.to_json(inside=inside) for r in self.results],
        }


def waive(results: Sequence[CheckResult], waivers: Iterable[Waiver]) -> tuple[CheckResult, ...]:
    """The results with those failures waived whose every failing key a waiver covers; pure.

    A check that could not run cannot be waived: nobody knows what would be accepted.
    """
    by_check: dict[str, list[Waiver]] = {}
    for waiver in waivers:
        by_check.setdefault(waiver.check_id, []).append(waiver)
    return tuple(_waived(result, by_check.get(result.id, [])) for result in results)


def _waived(result: CheckResult, waivers: Sequence[Waiver]) -> CheckResult:
    if result.status != "fail" or not waivers:
        return result
    covered = frozenset[str]().union(*(w.keys for w in waivers))
    whole = [w for w in waivers if not w.keys]
    if whole or covered.issuperset(result.keys):
        return replace(result, status="waived", waiver=(whole or list(waivers))[-1])
    return result
