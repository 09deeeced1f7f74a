"""Lint of the form of double entry: jumps and rules that work against the rest of the protocol."""

from __future__ import annotations

from collections.abc import Iterator

from extract.study.findings import Finding
from extract.study.protocol import Protocol

__all__ = ["entry_findings"]


def entry_findings(protocol: Protocol) -> Iterator[Finding]:
    """What is doubtful in ``[entry]``."""
    for index, jump in enumerate(protocol.entry.jump):
        for name in jump.over:
            if protocol.variable_named(name.partition("@")[0]).required:
                yield Finding(
                    ("entry", "jump", index),
                    "warning",
                    "jump-over-required",
                    f"a jump goes over {name}, and without its value a participant is not complete",
                    "Write required = false in the variable, or take the field out of the jump.",
                )
    for index, rule in enumerate(protocol.entry.rule):
        if rule.left == rule.right:
            yield Finding(
                ("entry", "rule", index),
                "error",
                "idle-rule",
                f"entry rule {rule.id} compares {rule.left} with itself",
                "Name two fields.",
            )
