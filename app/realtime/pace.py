"""How fast one peer may send: a bucket that refills."""


class Pace:
    def __init__(self, *, a_second: float, at_once: float) -> None:
        self._a_second = a_second
        self._at_once = at_once
        self._left = at_once
        self._seen_at: float | None = None

    def allows(self, at: float) -> bool:
        """Whether one more is allowed at this instant (seconds of a clock that never goes back); if so, it counts."""
        if self._seen_at is not None:
            self._left = min(self._at_once, self._left + (at - self._seen_at) * self._a_second)
        self._seen_at = at
        if self._left < 1:
            return False
        self._left -= 1
        return True
