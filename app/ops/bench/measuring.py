"""Rounds, medians and lines: a figure is what was measured beside the limit measured in the same minute."""

import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

ROUNDS = 5
"""After one that only warms up."""
Measure = Callable[[], Awaitable[float]]


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the report. `rounds` holds (value, limit) of each round, `line` says which side of must is good."""

    id: str
    what: str
    unit: str
    rounds: tuple[tuple[float, float], ...]
    must: float
    stretch: float
    line: Literal["at_least", "at_most"]

    @property
    def ratios(self) -> list[float]:
        return [value / limit for value, limit in self.rounds]

    @property
    def ratio(self) -> float:
        return statistics.median(self.ratios)

    @property
    def holds(self) -> bool:
        """False when the median and four rounds in five miss the line: a single bad round of a busy machine is not."""
        missed = sum(not self._meets(ratio) for ratio in self.ratios)
        return self._meets(self.ratio) or missed < len(self.ratios) * 4 / 5

    def _meets(self, ratio: float) -> bool:
        return ratio >= self.must if self.line == "at_least" else ratio <= self.must

    def as_dict(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "what": self.what,
            "value": rounded(statistics.median(value for value, _ in self.rounds)),
            "limit": rounded(statistics.median(limit for _, limit in self.rounds)),
            "unit": self.unit,
            "ratio": rounded(self.ratio),
            "rounds": [rounded(ratio) for ratio in self.ratios],
            "must": self.must,
            "stretch": self.stretch,
            "holds": self.holds,
        }


def without_limit(
    id: str, what: str, unit: str, values: Sequence[float], *, must: float, stretch: float, at_most: bool = True
) -> Figure:
    """Where there is nothing to divide by, the line itself is the limit; lower is better."""
    assert at_most
    rounds = tuple((value, must) for value in values)
    return Figure(id, what, unit, rounds, must=1.0, stretch=round(stretch / must, 4), line="at_most")


def slice_seconds(seconds: float, parts: int, rounds: int = ROUNDS) -> float:
    """How long each part of each round may take, the warm-up among them."""
    return seconds / (parts * (rounds + 1))


async def interleave(*parts: Measure, rounds: int = ROUNDS) -> AsyncIterator[tuple[float, ...]]:
    """Every part in turn, round after round; the first round is dropped."""
    for number in range(rounds + 1):
        values = tuple([await part() for part in parts])
        if number > 0:
            yield values


def percentile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


def rounded(value: float) -> float:
    """Three digits that count; figures of a shared machine have no more."""
    return float(f"{value:.3g}")


def now() -> float:
    """Seconds of the clock that all figures are taken with."""
    return time.perf_counter()
