"""What a test answers: one frozen shape for all of them, in which "undefined" is an answer too."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Final, ParamSpec

__all__ = ["OUT_OF_RANGE", "TestResult", "Undefined", "defined"]

_P = ParamSpec("_P")

OUT_OF_RANGE: Final = "a square is beyond what a double can hold"


class Undefined(Exception):
    """The test has no answer for these numbers; the text says why, without naming a value."""


@dataclass(frozen=True)
class TestResult:
    """The answer of one test. ``None`` is "undefined", and ``notes`` then says why.

    ``statistic`` is named by ``symbol``; ``df`` holds no, one or two degrees of freedom; ``p`` is two-sided;
    ``estimate`` with its confidence limits is in the units of the data; ``effect`` is standardised and named
    by ``effect_name``; ``n`` counts the values used, one number a sample; ``also`` holds further named numbers.
    """

    __test__ = False  # pytest: not a test class

    method: str
    statistic: float | None = None
    df: tuple[float, ...] = ()
    p: float | None = None
    estimate: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    effect: float | None = None
    n: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()
    symbol: str = ""
    effect_name: str = ""
    also: tuple[tuple[str, float], ...] = ()

    @property
    def undefined(self) -> bool:
        """Whether the test has no P value for these numbers."""
        return self.p is None

    def named(self, name: str) -> float | None:
        """The number called ``name`` in ``also``, None when absent."""
        return dict(self.also).get(name)


def defined(method: str, symbol: str = "") -> Callable[[Callable[_P, TestResult]], Callable[_P, TestResult]]:
    """Turn ``Undefined`` inside a test into a TestResult that carries the reason as a note."""

    def around(test: Callable[_P, TestResult]) -> Callable[_P, TestResult]:
        @wraps(test)
        def run(*args: _P.args, **kwargs: _P.kwargs) -> TestResult:
            try:
                return test(*args, **kwargs)
            except Undefined as reason:
                return TestResult(method, symbol=symbol, notes=(str(reason),))
            except (
                OverflowError,
                ZeroDivisionError,
            ):  # squares beyond the largest or below the smallest double
                return TestResult(method, symbol=symbol, notes=(OUT_OF_RANGE,))

        return run

    return around
