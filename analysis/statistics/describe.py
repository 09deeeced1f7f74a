"""A sample in a few numbers: n, missing, mean, SD, median and quartiles, range."""

from __future__ import annotations

import math
from collections.abc import Sized
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from analysis.statistics.distributions import t_quantile
from analysis.statistics.result import OUT_OF_RANGE, Undefined
from analysis.statistics.samples import Sample, Values, sample

__all__ = ["Description", "describe"]


@dataclass(frozen=True)
class Description:
    """``None`` is "undefined": no mean without a value, no SD under two. Quartiles are SPSS's HAVERAGE."""

    n: int
    missing: int = 0
    mean: float | None = None
    sd: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    median: float | None = None
    q1: float | None = None
    q3: float | None = None
    minimum: float | None = None
    maximum: float | None = None
    notes: tuple[str, ...] = ()


def describe(values: Values, confidence: float = 0.95) -> Description:
    """Describe ``values``; None and NaN count as missing. Limits are those of the mean, by Student's t."""
    column = values if isinstance(values, np.ndarray | Sample) else list(values)
    try:
        x = sample(column)
        if x.n == 0:
            return Description(0, x.missing, notes=("no value",))
        mean = float(x.mean)
        sd = x.sd if x.n > 1 else None
        half = None if sd is None else t_quantile(0.5 + confidence / 2, x.n - 1) * sd / math.sqrt(x.n)
        return Description(
            n=x.n,
            missing=x.missing,
            mean=mean,
            sd=sd,
            ci_low=None if half is None else mean - half,
            ci_high=None if half is None else mean + half,
            median=x.quantile(Fraction(1, 2)),
            q1=x.quantile(Fraction(1, 4)),
            q3=x.quantile(Fraction(3, 4)),
            minimum=x.ends[0] / 10**x.places,
            maximum=x.ends[1] / 10**x.places,
        )
    except Undefined as reason:
        return Description(_length(column), notes=(str(reason),))
    except (OverflowError, ZeroDivisionError):
        return Description(_length(column), notes=(OUT_OF_RANGE,))


def _length(column: Sized | Sample) -> int:
    return column.n + column.missing if isinstance(column, Sample) else len(column)
