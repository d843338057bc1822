"""Curves of a simulation: what is drawn adds up to what happened."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.routing.series import MOST_BUCKETS, bucket_seconds, by_load, length_over_time, level_over_time, wait_curve
from app.routing.simulation import Passage

DAY = 28_800.0


def answered(arrived_s: float, wait_s: float) -> Passage:
    return Passage("q", arrived_s, arrived_s + wait_s, True)


def test_the_wait_curve_begins_with_those_served_at_once_and_ends_with_all() -> None:
    passages = [answered(0, 0), answered(1, 0), answered(2, 10), answered(3, 30), Passage("q", 4, 9, False)]
    curve = wait_curve(passages)
    assert curve[0] == (0.0, 0.5)
    assert curve[-1] == (30, 1.0)
    assert curve == sorted(curve)
    assert wait_curve([]) == []


def test_a_level_is_by_the_time_of_arrival_and_whoever_left_counts_as_not_met() -> None:
    passages = [answered(0, 5), answered(10, 50), Passage("q", 20, 25, False), answered(1_000, 20)]
    assert level_over_time(passages, 20, DAY) == [
        (pytest.approx(0.125), pytest.approx(1 / 3)),
        (pytest.approx(0.375), 1.0),
    ]


@given(
    st.lists(st.tuples(st.floats(0, DAY), st.floats(0, 2 * DAY) | st.just(math.inf)), max_size=20),
    st.sampled_from([600.0, DAY, 86_400.0 * 30, 12_345.6]),
)
def test_the_length_of_the_queue_adds_up_to_the_time_that_was_waited(
    waits: list[tuple[float, float]], duration_s: float
) -> None:
    passages = [answered(min(at, duration_s), wait) for at, wait in waits]
    points = length_over_time(passages, duration_s)
    waited = sum(max(0.0, min(one.ended_s, duration_s) - one.arrived_s) for one in passages)
    assert sum(length for _, length in points) * bucket_seconds(duration_s) == pytest.approx(waited, abs=1e-6)
    assert len(points) <= MOST_BUCKETS + 1


def test_agents_are_drawn_from_the_busiest_on() -> None:
    assert by_load([0.2, 0.9]) == [(1.0, 0.9), (2.0, 0.2)]
