"""A few at a time, and no more than so many a second: a crowd that comes or goes at one instant stalls nobody who
stays."""

import asyncio


class Turnstile:
    """At most `at_once` pass in `seconds`, the others wait in the order they came. Who comes alone passes at once."""

    def __init__(self, at_once: int, seconds: float) -> None:
        self._places = asyncio.Semaphore(at_once)
        self._seconds = seconds

    async def go(self) -> None:
        await self._places.acquire()
        asyncio.get_running_loop().call_later(self._seconds, self._places.release)
        await asyncio.sleep(0)
