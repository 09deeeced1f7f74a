"""What may be said of an error that is our bug: its type and its place in the code, never its values.

Exception texts of databases and parsers quote the row they failed on, and Prefect stores exception
texts in clear.  So an unexpected error is replaced by a ``Bug`` before anybody prints or stores it.
"""

from __future__ import annotations

import functools
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec, TypeVar

from extract.errors import CohortlockError, StorageFault

__all__ = ["Bug", "place", "storage_fault", "value_free"]

_P = ParamSpec("_P")
_R = TypeVar("_R")

_FULL_DISK = frozenset({28, 122})  # ENOSPC, EDQUOT
_READ_ONLY = frozenset({1, 13, 30})  # EPERM, EACCES, EROFS


class Bug(Exception):
    """An error of ours. Its text is ``TypeName at module.py:line``."""


def place(error: BaseException) -> str:
    """``TypeName at file.py:line <- file.py:line``: the innermost three places, without any value."""
    frames = traceback.extract_tb(error.__traceback__)[-3:]
    where = " <- ".join(f"{Path(f.filename).name}:{f.lineno}" for f in reversed(frames))
    return f"{type(error).__name__} at {where}" if where else type(error).__name__


def storage_fault(error: OSError) -> StorageFault | None:
    """The disk's fault that ``error`` is, if it is one: full, read-only or not ours to write."""
    where = error.filename if isinstance(error.filename, str) else "the study's disk"
    if error.errno in _FULL_DISK:
        return StorageFault(f"{where}: the disk is full", "Free some space and run the same command again.")
    if error.errno in _READ_ONLY:
        return StorageFault(
            f"{where}: cannot be written", "Check the folder's rights, or choose another place."
        )
    return None


def value_free(step: Callable[_P, _R]) -> Callable[_P, _R]:
    """``step``, whose unexpected errors leave as ``Bug``; errors a user can mend pass as they are.

    The new error is raised outside the handler, so that the old one is not even its context.
    """

    @functools.wraps(step)
    def guarded(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        replacement: Exception
        try:
            return step(*args, **kwargs)
        except CohortlockError as error:
            replacement = error.with_traceback(None)
            replacement.__context__ = replacement.__cause__ = None
        except OSError as error:
            replacement = storage_fault(error) or Bug(place(error))
        except Exception as error:  # noqa: BLE001 - anything unexpected is exactly what this is for
            replacement = Bug(place(error))
        raise replacement

    return guarded
