"""Replications carried out: cut into chunks of one stream each, spread over processes, put together in order.

A chunk's numbers depend on the seed, the scenario and its place alone, so one process and eight give the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from analysis.simulation.kernels import Answers
from analysis.simulation.people import World, draw
from analysis.simulation.questions import Question, answers, truths

__all__ = ["CHUNK", "POPULATION", "Bench", "Job", "carried_out", "population", "workers"]

CHUNK: Final = 250
POPULATION: Final = 1_000_000
_PIECE: Final = 100_000
_STREAM_OF_POPULATION: Final = 1_000_000


@dataclass(frozen=True)
class Job:
    """One chunk of replications of one size."""

    world: World
    asked: tuple[Question, ...]
    n: int
    replications: int
    seed: int
    chunk: int


def carried_out(job: Job) -> dict[Question, Answers]:
    """The answers of a chunk."""
    people = draw(job.world, job.n, job.replications, (job.seed, job.chunk))
    return answers(job.asked, people, job.world.protocol)


def population(world: World, asked: Sequence[Question], seed: int) -> dict[Question, float]:
    """What each question estimates among a million of the eligible, of whom nothing is missing."""
    pieces = [
        draw(world, _PIECE, 1, (seed, _STREAM_OF_POPULATION + i), whole=True)
        for i in range(POPULATION // _PIECE)
    ]
    people = {name: np.concatenate([p[name] for p in pieces], axis=1) for name in pieces[0]}
    return truths(asked, people, world.protocol)


@dataclass
class Bench:
    """Where replications are done: a number of them, a seed, and processes, one when there are none."""

    replications: int
    seed: int
    processes: Executor | None = None
    tell: Callable[[str], None] = field(default=lambda _: None)

    def run(self, world: World, asked: Sequence[Question], n: int) -> dict[Question, Answers]:
        """Every replication of studies of ``n``."""
        self.tell(f"{world.scenario}, n = {n}")
        jobs = [
            Job(world, tuple(asked), n, min(CHUNK, self.replications - start), self.seed, chunk)
            for chunk, start in enumerate(range(0, self.replications, CHUNK))
        ]
        each = map(carried_out, jobs) if self.processes is None else self.processes.map(carried_out, jobs)
        parts = list(each)
        return {
            q: Answers(
                *(
                    np.concatenate([getattr(p[q], name) for p in parts])
                    for name in ("p", "estimate", "se", "low", "high")
                )
            )
            for q in asked
        }


@contextmanager
def workers(number: int) -> Iterator[Executor | None]:
    """``number`` processes, or none for one."""
    if number < 2:
        yield None
        return
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    # Spawned, not forked: the parent may hold threads of numpy.
    with ProcessPoolExecutor(number, mp_context=get_context("spawn")) as pool:
        yield pool
