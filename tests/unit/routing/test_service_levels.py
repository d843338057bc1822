"""Service levels: each name has one formula, and nothing offered has no share."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.routing.service_levels import FORMULAS, Counts, Formula, service_level


@pytest.mark.parametrize(
    ("formula", "level"), [("sl_answered", (80, 100)), ("sl_standard", (80, 110)), ("sl_live", (80, 115))]
)
def test_each_formula_counts_what_its_name_says(formula: Formula, level: tuple[int, int]) -> None:
    assert service_level(formula, Counts(answered=100, in_target=80, abandoned=10, waiting_late=5)) == level


@pytest.mark.parametrize("formula", FORMULAS)
def test_of_nothing_there_is_no_share(formula: Formula) -> None:
    assert service_level(formula, Counts(0, 0, 0, 0)) == (0, 0)


@given(st.integers(0, 99), st.integers(0, 99), st.integers(0, 99), st.integers(0, 99))
def test_the_stricter_formula_never_looks_better(late: int, met: int, abandoned: int, waiting: int) -> None:
    counts = Counts(answered=late + met, in_target=met, abandoned=abandoned, waiting_late=waiting)
    wholes = [service_level(formula, counts)[1] for formula in ("sl_answered", "sl_standard", "sl_live")]
    assert wholes == sorted(wholes)
    assert met <= wholes[0]
