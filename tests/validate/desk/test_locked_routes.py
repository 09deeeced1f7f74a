"""A locked study takes nothing through any route of the desk, whoever asks; an opened one takes it again."""

import importlib.util
from pathlib import Path

import pytest

from extract.study.tables import DATA_TABLES, TABLES


@pytest.fixture(scope="module")
def walk():
    """Every route with a body that fits it (test_blind.py)."""
    spec = importlib.util.spec_from_file_location("walking", Path(__file__).with_name("test_blind.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.walk


def data(desk):
    with desk.db.reading() as connection:
        return {
            name: [
                tuple(row) for row in connection.execute(TABLES[name].select().order_by(TABLES[name].c.id))
            ]
            for name in sorted(DATA_TABLES)
        }


def test_no_route_of_the_desk_writes_to_a_locked_study(desk, walk):
    """By nobody who may write to an open one; the same walk writes afterwards: it is the lock that stops it."""
    numbers = desk.numbers[:2]
    assert desk.judge("bob", numbers[1]).status_code == 303
    desk.db.lock("may", 1)
    before = data(desk)
    for person in ("ann", "cat", "dan", "may"):
        answers = walk(desk, person, numbers)
        assert data(desk) == before, person
        assert not [a for a in answers if a[2] >= 500], person
    desk.browsers.clear()  # the walk has signed everybody out
    assert desk.judge("ann", numbers[0]).status_code == 403
    assert data(desk) == before
    desk.db.unlock("may", reason="one value is wrong")
    desk.browsers.clear()
    walk(desk, "ann", numbers)
    assert data(desk) != before
