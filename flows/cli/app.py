"""The verbs, gathered: each lives with its neighbours in a module of this room and loads lazily."""

from __future__ import annotations

import typer

from flows.cli import (
    approving,
    double_entry,
    locked,
    people,
    recall,
    reviewing,
    road,
    setting_up,
    simulating,
    words,
)

__all__ = ["app"]

app = typer.Typer(
    name="cohortlock",
    help="From a keyword in the hospital's database to a locked dataset and the paper's tables.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback()
def _root() -> None:
    """From a keyword in the hospital's database to a locked dataset and the paper's tables."""


for _room in (
    setting_up,
    approving,
    road,
    words,
    recall,
    people,
    reviewing,
    double_entry,
    locked,
    simulating,
):
    _room.register(app)
