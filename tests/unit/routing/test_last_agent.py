"""Ring 0: the last agent is asked alone for a bounded time, or not at all."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.routing.last_agent import held_until, remembered_seconds
from tests.unit.routing.worlds import NOON, at

DAY = 86_400


@pytest.mark.parametrize(
    ("channel", "configured", "seconds"),
    [
        ("chat", None, 3 * DAY),
        ("email", None, 3 * DAY),
        ("phone", None, 0),
        ("voice", None, 0),
        ("phone", 600, 600),
        ("chat", 0, 0),
    ],
)
def test_digital_work_remembers_for_72_hours_and_calls_do_not(
    channel: str, configured: int | None, seconds: int
) -> None:
    assert remembered_seconds(channel, configured) == seconds


@pytest.mark.parametrize(
    ("served", "memory", "due", "patience", "until"),
    [
        (-100, 3 * DAY, 60, None, 30),
        (-100, 3 * DAY, 60, 10, 10),
        (-100, 3 * DAY, 60, 45, 30),
        (-100, 120, 60, None, 20),
        (-100, 100, 60, None, None),
        (0, 0, 60, None, None),
        (-100, 3 * DAY, 0, None, None),
        (-100, 3 * DAY, -60, None, None),
        (-100, 3 * DAY, 60, 0, None),
    ],
)
def test_the_last_agent_is_asked_alone_until_the_first_of_the_bounds(
    served: int, memory: int, due: int, patience: int | None, until: int | None
) -> None:
    bounds = {"served_at": at(served), "memory_seconds": memory, "due_at": at(due)}
    found = held_until(NOON, **bounds, patience_seconds=patience)
    assert found == (None if until is None else at(until))


seconds = st.integers(-10 * DAY, 10 * DAY)
spans = st.integers(0, 10 * DAY)


@given(served=seconds.filter(lambda s: s <= 0), memory=spans, due=seconds, patience=st.none() | spans)
def test_nobody_waits_for_one_agent_beyond_half_the_time_or_their_patience(
    served: int, memory: int, due: int, patience: int | None
) -> None:
    bounds = {"served_at": at(served), "memory_seconds": memory, "due_at": at(due)}
    until = held_until(NOON, **bounds, patience_seconds=patience)
    if until is not None:
        assert NOON < until <= at(due) - (at(due) - NOON) / 2
        assert until <= at(served) + timedelta(seconds=memory)
        assert patience is None or until <= at(patience)
