"""How soon a reader of the log looks again: what comes meanwhile is then taken in one go."""


class Pace:
    """Looks may follow one another at once while they are few; under steady traffic they keep their distance."""

    def __init__(self, every_seconds: float, *, at_once: int) -> None:
        self._every_seconds = every_seconds
        self._free_seconds = at_once * every_seconds
        self._debt = 0.0
        self._counted_at = 0.0

    def rest_seconds(self, at: float) -> float:
        """Count a look at this instant (seconds of a clock that never goes back): how long to rest before the next."""
        self._debt = max(self._debt - (at - self._counted_at), 0.0) + self._every_seconds
        self._counted_at = at
        return max(self._debt - self._free_seconds, 0.0)
