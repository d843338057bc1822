"""One measured figure beside its limit, in the form that every benchmark prints."""

from collections.abc import Sequence
from statistics import median
from typing import Any


def figure(
    figure_id: str,
    what: str,
    pairs: Sequence[tuple[float, float]],
    *,
    unit: str,
    must: float,
    stretch: float,
    at_most: bool = False,
    **beside: Any,
) -> dict[str, Any]:
    """`pairs`: (value, limit) of each round. It holds when the median ratio does, or all rounds but one do."""
    ratios = [value / limit for value, limit in pairs]
    sign = -1 if at_most else 1
    enough = sum(sign * ratio >= sign * must for ratio in ratios) >= max(len(ratios) - 1, 1)
    return {
        "id": figure_id,
        "what": what,
        "value": round(median(value for value, _ in pairs), 2),
        "limit": round(median(limit for _, limit in pairs), 1),
        "unit": unit,
        "ratio": round(median(ratios), 4),
        "rounds": [round(ratio, 4) for ratio in ratios],
        "pairs": list(pairs),
        "must": must,
        "stretch": stretch,
        "line": "at_most" if at_most else "at_least",
        "holds": sign * median(ratios) >= sign * must or enough,
        **beside,
    }
