"""The signal inside one process that the log has grown, so that readers need not poll."""

import asyncio
from contextlib import suppress

from app.core.recent_events import RecentEvents

NET_SECONDS = 1.0
"""How long a reader waits at most: with the bus lost it still reads every second."""


class LogSignal:
    """Fed by the local dispatcher, else by the bus. `position` is the highest one heard of, a hint and no promise.

    `positioned` holds what the local dispatcher gave positions to while it leads: a reader asks it first.
    """

    def __init__(self) -> None:
        self.position = 0
        self.positioned = RecentEvents()
        self._grown = asyncio.Event()

    def notify(self, position: int) -> None:
        if position > self.position:
            self.position = position
            self._grown.set()
            self._grown = asyncio.Event()

    async def wait(self, after: int, timeout_seconds: float = NET_SECONDS) -> None:
        """Return once a position above `after` was heard of, or when the time is up. Read in both cases.

        Pass the `position` noted before the last read, never the cursor: after a restore the log may end below what
        was once heard, and a reader that compares its cursor would never wait again.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_seconds):
                while self.position <= after:
                    await self._grown.wait()
