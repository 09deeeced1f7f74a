"""How a table lies on a page of Word: its grid, its column widths, and where a long one goes on overleaf."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import takewhile
from typing import Final

from analysis.report.cells import Cell, Row, plain

__all__ = ["WHOLE", "WIDTH", "Line", "grid_of", "lines_of", "parts_of", "widths_of"]

Line = Sequence[tuple[Cell, str]]
"""A row with a cell in every column, and whether a tall cell starts there or covers it."""
WIDTH: Final = 9638  # twips between the margins: A4 less 2 cm on each side
WHOLE: Final = 34  # lines of a table that surely fit on a page with its captions
_WIDEST, _LEAST, _AIR = 30, 9, 2
_NARROW, _LINE = 13, 96  # characters: the widest column of numbers, and a line of them all


def grid_of(rows: Sequence[Row]) -> Iterator[list[tuple[Cell, str]]]:
    """Each row with a cell in every column: what a tall cell covers stands as ``inside``."""
    width = max(sum(c.span for c in r.cells) for r in rows)
    covered = [0] * width
    for row in rows:
        line: list[tuple[Cell, str]] = []
        own = iter(row.cells)
        while len(line) < width:
            if covered[len(line)]:
                covered[len(line)] -= 1
                line.append((Cell(), "inside"))
                continue
            cell = next(own, Cell())
            if cell.rows > 1:
                covered[len(line)] = cell.rows - 1
            line.append((cell, "start" if cell.rows > 1 else ""))
        yield line


def widths_of(grid: Sequence[Line]) -> list[int]:
    """Column widths in twips by their longest text, within limits; a Chinese character counts twice."""
    longest = [
        max(
            _LEAST,
            *(
                min(_WIDEST, _AIR + sum(2 if ord(c) > 0x2FFF else 1 for c in plain(line[i][0].pieces)))
                for line in grid
            ),
        )
        for i in range(len(grid[0]))
    ]
    # Narrow columns hold numbers and keep what they need; the wide ones share the rest.
    narrow = {i: n * WIDTH // _LINE for i, n in enumerate(longest) if n <= _NARROW}
    left = WIDTH - sum(narrow.values())
    wide = sum(n for i, n in enumerate(longest) if i not in narrow)
    if not wide or left < WIDTH // 3:
        return [WIDTH * n // sum(longest) for n in longest]
    return [narrow[i] if i in narrow else left * n // wide for i, n in enumerate(longest)]


def parts_of(grid: Sequence[Line], first: int, widths: Sequence[int]) -> list[range]:
    """The body's rows page by page: what surely fits with the heading, about as much on each; a tall cell is not cut."""
    heights = [lines_of([line], widths) for line in grid]
    if sum(heights) <= WHOLE:
        return [range(first, len(grid))]
    parts = _filled(grid, first, heights, WHOLE)
    # The same number of pages, evenly filled: no page with one last row.
    even = sum(heights[:first]) + -(-sum(heights[first:]) // len(parts))
    for limit in range(even, WHOLE):
        if len(tried := _filled(grid, first, heights, limit)) == len(parts):
            return tried
    return parts


def _filled(grid: Sequence[Line], first: int, heights: Sequence[int], limit: int) -> list[range]:
    """Rows put on pages of ``limit`` lines, one after the other."""
    head = sum(heights[:first])
    parts, start, used = [], first, head
    for place in range(first, len(grid)):
        covered = takewhile(lambda i: grid[i][0][1] == "inside", range(place + 1, len(grid)))
        block = heights[place] + sum(heights[after] for after in covered)
        if grid[place][0][1] != "inside" and place > start and used + block > limit:
            parts.append(range(start, place))
            start, used = place, head
        used += heights[place]
    return [*parts, range(start, len(grid))]


def lines_of(grid: Sequence[Line], widths: Sequence[int]) -> int:
    """About how many lines a table has, cells that wrap included; a Chinese character counts twice."""

    def wrapped(cell: Cell, width: int) -> int:
        size = sum(2 if ord(c) > 0x2FFF else 1 for c in plain(cell.pieces))
        return -(-size * WIDTH // (width * _LINE)) if size else 1

    return sum(
        max(wrapped(cell, width) for (cell, _), width in zip(line, widths, strict=True)) for line in grid
    )
