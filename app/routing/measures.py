"""Draws of a simulation and the figures of its report."""

import math
from random import Random

from app.routing.scenario import Duration


def draw(model: Duration, random: Random) -> float:
    if model.kind == "constant":
        return model.mean_s
    if model.kind == "exponential":
        return random.expovariate(1 / model.mean_s)
    variance = math.log(1 + model.cv**2)
    return random.lognormvariate(math.log(model.mean_s) - variance / 2, math.sqrt(variance))


def gini(values: list[float]) -> float:
    """0: all alike; towards 1: one does everything."""
    total = sum(values)
    if not total:
        return 0.0
    ranked = sum(rank * value for rank, value in enumerate(sorted(values), start=1))
    return 2 * ranked / (len(values) * total) - (len(values) + 1) / len(values)


def percentile(ordered: list[float], share: float) -> float:
    """The smallest value that at least this share does not exceed; 0 for none."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else 0.0
