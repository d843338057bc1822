"""How soon the router looks at the log again, when looks come to nothing."""

EVERY_SECONDS = 0.01
"""Most of a busy log is nothing to the router: it looks so often at most, and takes what came meanwhile in one go."""
AT_ONCE = 10


class IdleLooks:
    """Looks that found nothing may follow one another at once while they are few. A look that finds something is not
    counted: it takes a transaction, and meanwhile the next events gather by themselves.
    """

    def __init__(self) -> None:
        self._debt = 0.0
        self._counted_at = 0.0

    def rest_seconds(self, at: float) -> float:
        """Count one such look at this instant (seconds of a clock that never goes back): how long to rest before the
        next.
        """
        self._debt = max(self._debt - (at - self._counted_at), 0.0) + EVERY_SECONDS
        self._counted_at = at
        return max(self._debt - AT_ONCE * EVERY_SECONDS, 0.0)
