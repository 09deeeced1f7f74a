"""The typeface of the figures: shipped with the package, registered by path, independent of the machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

__all__ = ["FONT", "drawing"]

FONT: Final = Path(__file__).parent / "fonts" / "NotoSansCJKsc-subset.otf"


def _settings() -> Any:
    from matplotlib import font_manager

    if not any(Path(entry.fname) == FONT for entry in font_manager.fontManager.ttflist):
        font_manager.fontManager.addfont(FONT)
    family = font_manager.FontProperties(fname=FONT).get_name()
    return {
        "font.family": [family],
        "font.size": 9,
        "mathtext.fontset": "stixsans",
        "axes.unicode_minus": True,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.linewidth": 0.8,
        "axes.edgecolor": "#333333",
        "axes.labelcolor": "#1a1a1a",
        "xtick.color": "#333333",
        "ytick.color": "#333333",
        "xtick.direction": "out",
        "legend.frameon": False,
        "svg.fonttype": "path",
        # Without a salt the ids inside an SVG are random and no two runs give the same bytes.
        "svg.hashsalt": "cohortlock",
        "savefig.dpi": 300,
        "figure.facecolor": "white",
    }


@contextmanager
def drawing() -> Iterator[None]:
    """Our settings for the time of a drawing; matplotlib's global state stays as it was."""
    import matplotlib as mpl

    with mpl.rc_context(_settings()):
        yield
