"""Arrow arrays of Python values.

``pa.array`` asks of every list whether it is one of pandas', and so loads pandas: a third of a second of every
pull, for nothing.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence

import pyarrow as pa
from pyarrow.lib import StringBuilder

__all__ = ["places", "strings"]


def strings(values: Sequence[str | None]) -> pa.Array:
    """Texts; None is NULL."""
    builder = StringBuilder()
    builder.append_values(values)
    return builder.finish()


def places(values: Sequence[int]) -> pa.Array:
    """Places of rows, for ``take``."""
    return pa.Array.from_buffers(pa.int64(), len(values), [None, pa.py_buffer(array("q", values))])
