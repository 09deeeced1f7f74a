"""Assumptions from printed numbers: those of [analysis.published], or of a file that ``cohortlock audit`` reads.

They become a simulation.toml that a person reads, corrects and keeps.  Power from the numbers of the very study whose
power is asked is only its P said in another way (Hoenig JM, Heisey DM. Am Stat 2001;55:19-24), and the source says so.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from analysis.simulation.assumptions import parse
from analysis.terms import DELTA, delta_of
from extract.errors import AssumptionsInvalid, NotFound
from extract.study.protocol import Protocol, Variable, column

__all__ = ["draft", "from_protocol", "from_reported"]


@dataclass
class _Printed:
    """Numbers by column of the dataset: mean and SD of all, counts per code, correlation of changes, n."""

    source: str
    levels: dict[str, tuple[float, float]] = field(default_factory=dict)
    counts: dict[str, dict[str, float]] = field(default_factory=dict)
    r: dict[tuple[str, str], float] = field(default_factory=dict)
    n: int | None = None


def from_protocol(protocol: Protocol) -> str:
    """simulation.toml from [analysis.published]. Raises AssumptionsInvalid when too little is printed there."""
    said = protocol.analysis.published
    printed = _Printed("numbers printed in [analysis.published] of study.toml")
    for table, number in (("1", 0), ("2", 1)):
        for variable in protocol.variable:
            for at in (*(variable.at or ("",)), DELTA) if table == "2" else variable.at[:1] or ("",):
                key = f"{table}.{variable.id}.all.{at}"
                mean, sd = (_number(said.get(f"{key}.{s}")) for s in ("mean", "sd"))
                if mean is not None and sd is not None:
                    name = column(variable.id, kind=DELTA) if at == DELTA else column(variable.id, at or None)
                    printed.levels.setdefault(name, (mean, sd))
                held = {str(v.code): _number(said.get(f"{key}.count.{v.code}")) for v in variable.values}
                if number == 0 and held and None not in held.values():
                    printed.counts[variable.id] = {c: v for c, v in held.items() if v is not None}
    for planned in protocol.analysis.correlate:
        pair = (delta_of(planned.x), delta_of(planned.y))
        r = _number(said.get(f"3.{pair[0]}.all.{DELTA}.r.{pair[1]}"))
        if r is not None and pair != (planned.x, planned.y):
            printed.r[pair] = r
    return draft(protocol, printed)


def from_reported(path: Path, protocol: Protocol) -> str:
    """simulation.toml from a file of printed numbers (docs/audit.md). Raises NotFound, AssumptionsInvalid."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        printed = _reported(data, protocol, path.name)
    except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise NotFound(
            f"{path}: is no file of printed numbers ({type(error).__name__})",
            "docs/audit.md shows the shape of the file.",
        ) from None
    return draft(protocol, printed)


def _reported(data: Mapping[str, Any], protocol: Protocol, name: str) -> _Printed:
    printed = _Printed(f"numbers printed in {name}", n=int(next(iter(data["n"].values()))))
    ours = {column(v.id, at or None): v for v in protocol.variable for at in v.at or ("",)}
    for part in ("t1", "t2"):
        for printed_name, (level, *_) in data.get(part, {}).items():
            base = printed_name.removeprefix("d_")
            wanted = column(base, kind=DELTA) if base != printed_name else printed_name
            if wanted in ours or base != printed_name:
                printed.levels[wanted] = (float(level[0]), float(level[1]))
    for variable in protocol.variable:
        found = data.get(variable.id)
        if variable.categorical and isinstance(found, dict):
            first = next(iter(found.values()))
            printed.counts[variable.id] = {
                str(v.code): float(c) for v, c in zip(variable.values, first, strict=True)
            }
    overall = next(iter(data["n"]))
    for planned in protocol.analysis.correlate[:1]:
        told = data.get("t3", {}).get(f"r_{overall}")
        if told:
            printed.r[delta_of(planned.x), delta_of(planned.y)] = float(told[0])
    return printed


def _number(text: str | None) -> float | None:
    try:
        return None if text is None else float(text.strip().replace("−", "-"))
    except ValueError:
        return None


def draft(protocol: Protocol, printed: _Printed) -> str:
    """The text of simulation.toml, which ``parse`` accepts. Raises AssumptionsInvalid."""
    n = printed.n or max((int(sum(c.values())) for c in printed.counts.values()), default=0)
    blocks = [b for v in protocol.variable if (b := _block(v, printed))]
    lines = [
        f"# 模拟的假设 · what a simulation of {protocol.study.id} takes for granted; docs/simulate.md",
        "format = 1",
        f"n = {n or 100}" + ("" if n else "                # not printed: put the planned number here"),
        f"source = {json.dumps(printed.source)}",
        "",
        *blocks,
    ]
    for (x, y), r in printed.r.items():
        lines.append(
            f'[[association]]\nx = "{x}"\ny = "{y}"\nchange = {r:g}                # of the changes\n'
        )
    lines += [
        '[dropout]\nrate = 0.0                  # without the last timepoint; mechanism = "mcar", "mar" or "mnar"',
        'mechanism = "mcar"',
    ]
    text = "\n".join(lines) + "\n"
    try:
        parse(text, protocol)
    except AssumptionsInvalid as error:
        raise AssumptionsInvalid(
            f"{printed.source} are not enough for a simulation, or contradict each other:\n{error.message}",
            "Write simulation.toml by hand, as docs/simulate.md shows, and give it with --assumptions.",
        ) from None
    return text


def _block(variable: Variable, printed: _Printed) -> str:
    if variable.categorical:
        counts = printed.counts.get(variable.id, {})
        whole = sum(counts.values())
        if not whole or variable.many:
            return ""
        codes = list(counts)
        shares = [round(counts[c] / whole, 4) for c in codes[:-1]]
        shares.append(round(1 - sum(shares), 4))
        inside = ", ".join(f"{c} = {s:g}" for c, s in zip(codes, shares, strict=True))
        return f"[variable.{variable.id}]           # {variable.label.zh} {variable.label.en}\nshare = {{ {inside} }}\n"
    ends = [
        column(variable.id, at or None) for at in dict.fromkeys((variable.at or ("",))[:1] + variable.at[-1:])
    ]
    if any(end not in printed.levels for end in ends):
        return ""
    means, sds = (", ".join(f"{printed.levels[e][i]:g}" for e in ends) for i in (0, 1))
    lines = [
        f"[variable.{variable.id}]           # {variable.label.zh} {variable.label.en}",
        f"mean = [{means}]",
        f"sd = [{sds}]",
    ]
    change = printed.levels.get(column(variable.id, kind=DELTA))
    if len(ends) == 2 and change is not None:
        lines.append(f"change_sd = {change[1]:g}")
    return "\n".join(lines) + "\n"
