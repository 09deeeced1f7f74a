"""Files of statistics programs by ReadStat, which writes to a path: made in a folder of our own, read back."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pandas as pd

__all__ = ["written"]


def written(writer: str, frame: pd.DataFrame, **arguments: Any) -> bytes:
    """What ``pyreadstat.<writer>`` makes of ``frame``."""
    import pyreadstat

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table"
        getattr(pyreadstat, writer)(frame, str(path), **arguments)
        return path.read_bytes()
