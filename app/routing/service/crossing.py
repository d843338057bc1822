"""Work that changed hands between the look and the lock is looked at again."""

from collections.abc import Awaitable, Callable

from sqlalchemy.ext.asyncio import AsyncSession

from app.routing.service.desk import HolderChanged

MAX_CROSSINGS = 5
"""How often answers may cross before it is given back to the caller's own retry."""


async def until_uncrossed(session: AsyncSession, work: Callable[[], Awaitable[None]]) -> None:
    """Do the work; raises HolderChanged when it was crossed each time."""
    for crossing in range(1, MAX_CROSSINGS + 1):
        try:
            # A savepoint: going back to it frees the locks, so that the next try takes them in order again.
            async with session.begin_nested():
                await work()
            return
        except HolderChanged:
            if crossing == MAX_CROSSINGS:
                raise
