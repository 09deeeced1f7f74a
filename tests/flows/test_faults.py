"""What may leave a step: an error for the user as it is, anything else as its type and place."""

from __future__ import annotations

import errno
import pickle
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extract.errors import CohortlockError, NotFound, StorageFault
from flows.faults import Bug, value_free

SECRET = "张三 VAS 9"


def everything_said(error: BaseException) -> str:
    """The traceback with its whole chain, and what a store would pickle."""
    return "".join(traceback.format_exception(error)) + repr(error) + repr(pickle.dumps(error))


@given(st.sampled_from([ValueError, KeyError, RuntimeError, OSError, UnicodeError]), st.text(min_size=8))
def test_no_text_of_an_unexpected_error_gets_out(kind, text):
    """Neither in the message, nor in the cause, nor in the context, however it is printed or stored."""
    secret = f"secret{text!a}"

    @value_free
    def step() -> None:
        try:
            int("not a number")
        except ValueError:
            raise kind(secret) from None

    with pytest.raises(Bug) as caught:
        step()
    assert str(caught.value).startswith(f"{kind.__name__} at test_faults.py:")
    assert "secret" not in everything_said(caught.value).replace('f"secret{text!a}"', "").replace(
        "(secret)", ""
    )


def test_an_error_for_the_user_passes_without_what_caused_it():
    """The driver's text behind it may quote a row."""

    @value_free
    def step() -> None:
        try:
            int(SECRET)
        except ValueError as cause:
            raise NotFound("there is no such study", "Make one.") from cause

    with pytest.raises(NotFound) as caught:
        step()
    assert caught.value.next_step == "Make one."
    assert SECRET not in everything_said(caught.value)


@pytest.mark.parametrize(
    ("number", "word"),
    [(errno.ENOSPC, "full"), (errno.EROFS, "cannot be written"), (errno.EACCES, "cannot be written")],
)
def test_a_disk_that_refuses_is_the_users_to_mend(number, word):
    @value_free
    def step() -> None:
        raise OSError(number, "said by the system", "/some/place")

    with pytest.raises(StorageFault, match=word):
        step()


def test_what_succeeds_is_untouched():
    @value_free
    def step(a: int, *, b: int) -> int:
        """Adds."""
        return a + b

    assert step(1, b=2) == 3
    assert (step.__name__, step.__doc__) == ("step", "Adds.")
    assert issubclass(StorageFault, CohortlockError)
