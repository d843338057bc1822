"""Service levels by their named formulas: what counts as met, and of how many."""

from dataclasses import dataclass
from typing import Literal, get_args

Formula = Literal["sl_standard", "sl_answered", "sl_live"]
FORMULAS: tuple[Formula, ...] = get_args(Formula)
SHORT_ABANDON_SECONDS = 5
"""Who leaves sooner never waited for us."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Of one queue in one window. `in_target`: answered no later than the target; `abandoned`: later than the short
    ones; `waiting_late`: who waits now longer than the target."""

    answered: int
    in_target: int
    abandoned: int
    waiting_late: int


def service_level(formula: Formula, counts: Counts) -> tuple[int, int]:
    """(met, of). Where `of` is 0 there is no share, neither none nor all."""
    of = {
        "sl_answered": counts.answered,
        "sl_standard": counts.answered + counts.abandoned,
        "sl_live": counts.answered + counts.abandoned + counts.waiting_late,
    }[formula]
    return counts.in_target, of
