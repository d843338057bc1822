"""Plots are whole pictures: every point inside, the promise drawn, nothing from elsewhere."""

import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.ops.plot_axes import HEIGHT, WIDTH, short, ticks_to
from benchmarks.prove.plots import plot
from benchmarks.prove.records import Curve

CURVE = Curve("c", "Rate <over> history", "messages", "a second", [(0, 570), (1_000_000, 540)], line=438)
NUMBERS = st.floats(min_value=0, max_value=1e9, allow_nan=False)


@example([(0.0, 5e-324)], None)
@given(st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=20), st.none() | NUMBERS)
def test_every_point_lies_inside_the_picture(points: list[tuple[float, float]], line: float | None) -> None:
    drawn = plot(replace(CURVE, points=points, line=line))
    ElementTree.fromstring(drawn)
    circles = re.findall(r'<circle cx="([^"]+)" cy="([^"]+)"', drawn)
    assert len(circles) == len(points)
    assert all(0 <= float(x) <= WIDTH and 0 <= float(y) <= HEIGHT for x, y in circles)


def test_the_promise_and_the_title_are_drawn_and_nothing_is_loaded() -> None:
    drawn = plot(CURVE)
    assert "promised 438" in drawn
    assert "Rate &lt;over&gt; history" in drawn
    assert "promised" not in plot(replace(CURVE, line=None))
    assert re.findall(r'https?://[^"]+', drawn) == ["http://www.w3.org/2000/svg"]


def test_without_points_there_is_nothing_to_draw() -> None:
    with pytest.raises(ValueError, match="no points"):
        plot(replace(CURVE, points=[]))


@given(st.floats(min_value=1e-6, max_value=1e12))
def test_ticks_are_few_and_reach_over_the_largest(most: float) -> None:
    ticks = ticks_to(most)
    assert ticks[0] == 0
    assert ticks == sorted(set(ticks))
    assert ticks[-1] >= most * (1 - 1e-6)
    assert 2 <= len(ticks) <= 7


@pytest.mark.parametrize(
    ("number", "words"), [(1_500_000, "1.5M"), (5_000, "5k"), (0.25, "0.25"), (0, "0"), (999, "999")]
)
def test_large_numbers_are_short(number: float, words: str) -> None:
    assert short(number) == words
