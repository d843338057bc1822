"""The page of docs/proof says what was promised, what was measured, when and how to repeat, and hides no failure."""

from dataclasses import replace

import pytest

from benchmarks.prove.page import render
from benchmarks.prove.parts import BY_NAME, PARTS
from benchmarks.prove.records import Curve, Machine, Measured, Outcome, Record, counted

BENCH_FIGURE = {
    "id": "P1",
    "what": "messages in | out",
    "value": 570,
    "limit": 3180,
    "unit": "a second",
    "ratio": 0.179,
    "rounds": [0.1, 0.2],
    "must": 0.5,
    "stretch": 2,
    "holds": False,
}
CURVE = Curve("growth", "Rate over history", "messages", "a second", [(0, 570), (1_000_000, 540)], line=438)
RECORD = Record(
    part="storm",
    command="make prove PART=storm SEED=7",
    seed=7,
    revision="abc1234",
    taken_at="2026-11-22T10:20:30+00:00",
    took_seconds=125,
    machine=Machine(2, 23.4, "3.11.9", "Linux", 1.5),
    outcome=Outcome([counted("faults", "told twice", 0, "faults", must=0)], [CURVE], notes=["10,000 clocks"]),
)


def test_a_form_without_a_record_is_told_as_not_run() -> None:
    page = render(PARTS, {})
    assert page.count("Not run yet") == len(PARTS)
    assert all(part.promise in page for part in PARTS)


def test_a_record_is_told_with_its_date_its_figures_its_picture_and_its_command() -> None:
    page = render([BY_NAME["storm"]], {"storm": RECORD})
    assert "| yes | 2026-11-22 10:20 | 1.5 | 2 min 5 s | `make prove PART=storm SEED=7` |" in page
    assert "| faults: told twice | 0 faults | at most 0 | yes |" in page
    assert "![Rate over history](growth.svg)" in page
    assert "- 10,000 clocks" in page
    assert "Revision abc1234, 2 cores, 23.4 GiB" in page


def test_a_failure_stands_in_the_table_and_with_its_words() -> None:
    failed = replace(RECORD, outcome=Outcome(faults=["ended with code 1\nand <no> figures"]))
    page = render([BY_NAME["storm"]], {"storm": failed})
    assert "| **no** | 2026-11-22 10:20 |" in page
    assert "- **Wrong**: ended with code 1 and &lt;no> figures" in page


def test_speeds_of_a_busy_machine_are_marked() -> None:
    busy = replace(RECORD, machine=replace(RECORD.machine, load_before=3.0))
    assert "3.0 *busy*" in render([BY_NAME["storm"]], {"storm": busy})


def test_a_bench_figure_is_told_as_a_ratio_and_breaks_no_table() -> None:
    outcome = Outcome.from_document({"figures": [BENCH_FIGURE]})
    page = render([BY_NAME["storm"]], {"storm": replace(RECORD, outcome=outcome)})
    assert "| P1: messages in \\| out | 0.179 (570 to 3,180, a second) | at least 0.5 of the limit | **no** |" in page


@pytest.mark.parametrize(("stretch", "at_least"), [(2.0, True), (0.1, False)])
def test_a_bench_tells_its_direction_by_its_stretch(stretch: float, at_least: bool) -> None:
    assert Measured.from_document({**BENCH_FIGURE, "stretch": stretch}).at_least is at_least


@pytest.mark.parametrize(
    ("value", "must", "at_least", "holds"), [(0, 0, False, True), (1, 0, False, False), (5, 6, True, False)]
)
def test_a_count_holds_on_the_good_side_of_its_line(value: int, must: int, at_least: bool, holds: bool) -> None:
    assert counted("c", "counted", value, "kills", must=must, at_least=at_least).holds is holds


def test_a_record_survives_its_file() -> None:
    assert Record.from_json(RECORD.as_json()) == RECORD
