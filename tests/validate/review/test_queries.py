"""A query is asked, answered and closed; every word of it stays."""

from __future__ import annotations

import pytest

from extract.errors import NotFound, Refused
from extract.study.audit import verify_chain
from validate.review.queries import answer, ask, close, threads


def test_a_thread_runs_from_question_to_close(queued, people):
    asked = ask(queued, people.typist, "p1", "score@T0", "which visit?", request_id="1")
    assert ask(queued, people.typist, "p1", "score@T0", "which visit?", request_id="1") == asked
    answer(queued, people.manager, asked.id, "the first", request_id="2")
    with pytest.raises(Refused, match="closed by who asked"):
        close(queued, people.manager, asked.id, "done", request_id="3")
    done = close(queued, people.typist, asked.id, "thanks", request_id="3")
    assert done.said == (
        ("open", "typ1", "which visit?"),
        ("answer", "boss", "the first"),
        ("close", "typ1", "thanks"),
    )
    assert not done.is_open
    assert close(queued, people.typist, asked.id, "thanks", request_id="3") == done
    with pytest.raises(Refused, match="closed"):
        answer(queued, people.manager, asked.id, "more", request_id="4")
    with queued.reading() as connection:
        assert [one.id for one in threads(connection, "p1")] == [asked.id]
        assert threads(connection, "p2") == []
        assert verify_chain(connection) == []


def test_a_query_is_about_something_and_says_something(queued, people):
    with pytest.raises(NotFound):
        ask(queued, people.typist, "p1", "ghost", "x", request_id="1")
    with pytest.raises(NotFound):
        answer(queued, people.typist, 99, "x", request_id="1")
    with pytest.raises(Refused, match="1 to 4000"):
        ask(queued, people.typist, "p1", "E1", " ", request_id="1")
    with pytest.raises(Refused, match="may not ask"):
        ask(queued, people.analyst, "p1", "E1", "x", request_id="1")
    ask(queued, people.typist, "p1", "E1", "x", request_id="1")
    with pytest.raises(Refused, match="something else"):
        ask(queued, people.typist, "p1", "E1", "y", request_id="1")
