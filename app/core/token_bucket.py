"""A token bucket: so many at once, then so many a second. Of one peer who sends, of one reader who looks."""


class TokenBucket:
    """Instants are seconds of a clock that never goes back."""

    def __init__(self, *, a_second: float, at_once: float) -> None:
        self._a_second = a_second
        self._at_once = at_once
        self._left = at_once
        self._seen_at: float | None = None

    def allows(self, at: float) -> bool:
        """Whether one more is allowed at this instant; if so, it counts."""
        self._refill(at)
        if self._left < 1:
            return False
        self._left -= 1
        return True

    def rest_seconds(self, at: float) -> float:
        """Count one more in any case: how long to rest until it would have been allowed."""
        self._refill(at)
        self._left -= 1
        return max(-self._left, 0.0) / self._a_second

    def _refill(self, at: float) -> None:
        if self._seen_at is not None:
            self._left = min(self._at_once, self._left + (at - self._seen_at) * self._a_second)
        self._seen_at = at
