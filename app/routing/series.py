"""What happened in a simulation over its time: shares, levels and lengths, ready to be drawn."""

import math
from collections.abc import Iterable, Sequence

from app.routing.measures import percentile
from app.routing.simulation import Passage

Points = list[tuple[float, float]]
MOST_BUCKETS = 48
STEPS_SECONDS = (60.0, 300.0, 900.0, 1_800.0, 3_600.0, 7_200.0, 21_600.0, 86_400.0)
QUANTILES = 100


def bucket_seconds(duration_s: float) -> float:
    """The shortest usual span of which at most 48 fill the duration."""
    usual = (step for step in STEPS_SECONDS if duration_s / step <= MOST_BUCKETS)
    return next(usual, duration_s / MOST_BUCKETS)


def wait_curve(passages: Iterable[Passage]) -> Points:
    """(seconds, the share of the answered who waited no longer), by hundredths."""
    waits = sorted(one.ended_s - one.arrived_s for one in passages if one.answered)
    if not waits:
        return []
    at_once = sum(wait <= 0 for wait in waits) / len(waits)
    shares = [number / QUANTILES for number in range(QUANTILES + 1)]
    return [(0.0, at_once), *((percentile(waits, share), share) for share in shares if share > at_once)]


def level_over_time(passages: Iterable[Passage], threshold_s: float, duration_s: float) -> Points:
    """(hours, the share of those who came then that was answered within the threshold); empty spans are left out."""
    step = bucket_seconds(duration_s)
    came: dict[int, int] = {}
    met: dict[int, int] = {}
    for one in passages:
        span = int(one.arrived_s / step)
        came[span] = came.get(span, 0) + 1
        met[span] = met.get(span, 0) + (one.answered and one.ended_s - one.arrived_s <= threshold_s)
    return [((span + 0.5) * step / 3600, met[span] / came[span]) for span in sorted(came)]


def length_over_time(passages: Iterable[Passage], duration_s: float) -> Points:
    """(hours, how many waited on average in the span)."""
    step = bucket_seconds(duration_s)
    spans = max(1, math.ceil(duration_s / step))
    waited = [0.0] * spans
    for one in passages:
        end = min(one.ended_s, duration_s)
        for span in range(min(int(one.arrived_s / step), spans - 1), spans):
            if span * step >= end:
                break
            waited[span] += max(0.0, min(end, (span + 1) * step) - max(one.arrived_s, span * step))
    return [((span + 0.5) * step / 3600, seconds / step) for span, seconds in enumerate(waited)]


def by_load(occupancies: Sequence[float]) -> Points:
    """(place, share), the busiest first."""
    return [(float(place), share) for place, share in enumerate(sorted(occupancies, reverse=True), start=1)]
