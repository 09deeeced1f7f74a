"""The load report: one page for the DBA about one run, with no value of any patient in it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from extract.his.guard.deaths import Death
from extract.his.guard.plans import Plan

__all__ = ["Line", "Load"]


@dataclass
class Line:
    """One kind of statement of a run."""

    name: str
    statements: int = 0
    rows: int = 0
    seconds: float = 0.0
    longest: float = 0.0
    bytes: int = 0
    plan_cost: float | None = None
    plan_rows: float | None = None

    def planned(self, plan: Plan) -> None:
        """Keep the highest plan."""
        self.plan_cost = _highest(self.plan_cost, plan.cost)
        self.plan_rows = _highest(self.plan_rows, plan.rows)

    def to_json(self) -> dict[str, Any]:
        """Seconds to the millisecond; bytes as Arrow holds them."""
        return {
            **vars(self),
            "seconds": round(self.seconds, 3),
            "longest": round(self.longest, 3),
        }


@dataclass
class Load:
    """What one run asked of a database."""

    source: str
    pack: str
    settings: list[str] = field(default_factory=list)
    started: str = ""
    ended: str = ""
    outcome: str = "running"
    run: str = ""
    canary: dict[str, float] = field(default_factory=dict)
    deaths: list[Death] = field(default_factory=list)
    kinds: dict[str, Line] = field(default_factory=dict)

    def kind(self, statement: str) -> Line:
        """The line of a statement; the windows of the search share one."""
        name = "candidates" if statement.startswith("candidates ") else statement
        return self.kinds.setdefault(name, Line(name))

    @property
    def total(self) -> Line:
        """All statements of the run."""
        whole = Line("all")
        for one in self.kinds.values():
            whole.statements += one.statements
            whole.rows += one.rows
            whole.seconds += one.seconds
            whole.bytes += one.bytes
            whole.longest = max(whole.longest, one.longest)
            whole.planned(Plan(one.plan_cost, one.plan_rows))
        return whole

    def to_json(self) -> dict[str, Any]:
        """The stable shape of ``landing/load/<run>.json``."""
        return {
            "format": 1,
            "run": self.run,
            "source": self.source,
            "pack": self.pack,
            "started": self.started,
            "ended": self.ended,
            "outcome": self.outcome,
            "settings": self.settings,
            "total": self.total.to_json(),
            "statements": [one.to_json() for one in self.kinds.values()],
            "canary": self.canary,
            "stopped": [death.to_json() for death in self.deaths],
        }

    def to_markdown(self) -> str:
        """The same as one page of text."""
        return "\n".join(self._lines()) + "\n"

    def write(self, path: Path) -> None:
        """``path`` (.json) and the page beside it (.md)."""
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.write_text(json.dumps(self.to_json(), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        path.with_suffix(".md").write_text(self.to_markdown(), encoding="utf-8")

    def _lines(self) -> Iterator[str]:
        yield f"# Load report {self.run}\n"
        yield f"{self.source}, pack {self.pack}: {self.outcome}, {self.started} to {self.ended}.\n"
        yield (
            "Only SELECT was sent, each proven to be one beforehand. In force: "
            + "; ".join(self.settings)
            + ".\n"
        )
        yield "| statement | times | rows | seconds | longest | MB | plan cost | plan rows |"
        yield "|---|---:|---:|---:|---:|---:|---:|---:|"
        for one in (*self.kinds.values(), self.total):
            yield (
                f"| {one.name} | {one.statements} | {one.rows} | {one.seconds:.2f} | {one.longest:.2f} "
                f"| {one.bytes / 1e6:.1f} | {_shown(one.plan_cost)} | {_shown(one.plan_rows)} |"
            )
        if self.canary:
            yield (
                f"\nCanary: usually {1000 * self.canary['usual']:.1f} ms, slowest {1000 * self.canary['slowest']:.1f} ms,"
                f" {self.canary['looks']:.0f} looks; waited {self.canary['waited']:.0f} s for a quieter server."
            )
        for death in self.deaths:
            yield (
                f"\nStopped: {death.statement}, session {death.session}: {death.state} on the server "
                f"({death.how}, {death.seconds:.2f} s)."
            )


def _highest(one: float | None, other: float | None) -> float | None:
    known = [value for value in (one, other) if value is not None]
    return max(known) if known else None


def _shown(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f}"
