"""`switchboard bench`: what it refuses, and how a figure says whether its must line holds."""

import json

import pytest

from app.ops import bench
from benchmarks import figures, routing


@pytest.mark.parametrize(
    ("pairs", "holds"),
    [
        ([(6, 10), (4, 10), (7, 10)], True),
        ([(4, 10), (4, 10), (7, 10)], False),
        ([(4, 10)], False),
    ],
)
def test_a_figure_holds_by_its_median_ratio(pairs: list[tuple[float, float]], holds: bool) -> None:
    made = figures.figure("P0", "a test", pairs, unit="1/s", must=0.5, stretch=0.9)
    assert made["holds"] is holds
    assert json.dumps(made)


def test_a_missed_must_line_is_the_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    missed = figures.figure("P0", "a test", [(1, 10)], unit="1/s", must=0.5, stretch=0.9)
    made = {"figures": [missed], "curves": {"agents": [1]}, "notes": ["as is"]}
    monkeypatch.setattr(routing, "report", lambda _: made)
    assert bench.run("routing", seconds=1, as_json=False) == 1
    told = capsys.readouterr().out
    assert "MISSED" in told
    assert "as is" in told


def test_a_small_world_is_measured_in_the_common_form() -> None:
    figure = routing.measure(50, 5, 200, rounds=2, events=200)
    assert figure["id"] == "P6"
    assert figure["value"] > figure["offers_per_second"] > 0
    assert len(figure["rounds"]) == 2
