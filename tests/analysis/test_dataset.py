"""The door to the data: only what verify accepts comes in."""

from __future__ import annotations

import pytest

from analysis import dataset
from extract.errors import NotLocked


def test_a_folder_that_is_no_snapshot_is_refused(tmp_path):
    """...with the file that is missing, and what to type next."""
    with pytest.raises(NotLocked, match=r"manifest\.json") as caught:
        dataset.open(tmp_path)
    assert "cohortlock lock" in caught.value.next_step


def test_a_path_that_does_not_exist_is_refused(tmp_path):
    with pytest.raises(NotLocked):
        dataset.open(tmp_path / "nowhere")
