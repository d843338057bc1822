"""The command line of the growth curves that are measured at several points."""

import argparse
from collections.abc import Callable, Sequence

from benchmarks.prove.records import Outcome


def run_over_points(
    measure: Callable[[Sequence[int], float], Outcome], points: Sequence[int], round_seconds: float
) -> int:
    """Measure at what was asked for, else at these points; the exit code."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--points", type=int, nargs="+", default=points)
    parser.add_argument("--round-seconds", type=float, default=round_seconds)
    asked = parser.parse_args()
    outcome = measure(asked.points, asked.round_seconds)
    print(outcome.as_text())
    return 0 if outcome.holds else 1
