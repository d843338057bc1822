"""Token buckets: how often an address or a visitor may act."""

import math
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from datetime import datetime

from app.core.errors import TooManyRequests

MAX_KEYS = 50_000
"""Beyond it the bucket used longest ago is forgotten: full again, as it nearly was."""


@dataclass(frozen=True, slots=True)
class Rate:
    """`burst` at once, then `per_second`."""

    burst: int
    per_second: float


class Buckets:
    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._levels: OrderedDict[Hashable, tuple[float, datetime]] = OrderedDict()

    def take(self, key: Hashable, now: datetime) -> None:
        """Raises TooManyRequests with the seconds until the next is there."""
        level, at = self._levels.pop(key, (float(self._rate.burst), now))
        level = min(self._rate.burst, level + max(0.0, (now - at).total_seconds()) * self._rate.per_second)
        allowed = level >= 1
        self._levels[key] = (level - 1 if allowed else level, now)
        if len(self._levels) > MAX_KEYS:
            self._levels.popitem(last=False)
        if not allowed:
            wait = math.ceil((1 - level) / self._rate.per_second)
            raise TooManyRequests(
                "too_many_requests", f"Too many at once: try again in {wait} s.", retry_after_seconds=wait
            )
