"""A few at a time: a crowd that comes or goes at one instant stalls nobody who stays."""

import asyncio


class Turnstile:
    """At most so many pass in one turn of the loop; the others wait in the order they came."""

    def __init__(self, at_once: int) -> None:
        self._places = asyncio.Semaphore(at_once)

    async def go(self) -> None:
        async with self._places:
            await asyncio.sleep(0)
