"""Where this process stands in the log, what it remembers of it, and who listens."""

import asyncio

from app.core.errors import Unavailable
from app.realtime.connection import Seat
from app.realtime.frames import ResyncReason, ResyncRequired, position_text
from app.realtime.recent import Recent
from app.realtime.roster import Roster

EVENTS_IN_MEMORY = 10_000
START_SECONDS = 10


class Tail:
    """`turn` is held while a batch is delivered and while a socket joins: each socket joins between two batches."""

    def __init__(self) -> None:
        self.turn = asyncio.Lock()
        self.ready = asyncio.Event()
        self.roster: Roster[Seat] = Roster()
        self.recent = Recent(EVENTS_IN_MEMORY)
        self.incarnation = 0

    @property
    def position(self) -> int:
        """The last one delivered."""
        return self.recent.last

    def text_of(self, position: int) -> str:
        return position_text(self.incarnation, position)

    def enter(self, seat: Seat, position: int) -> None:
        """Under `turn`: from now on the seat gets what follows the position."""
        seat.join_at(position)
        self.roster.add(seat)

    def leave(self, seat: Seat) -> None:
        self.roster.remove(seat)
        seat.joined = False

    def resync(self, seat: Seat, reason: ResyncReason) -> None:
        self.leave(seat)
        seat.connection.push_frame(ResyncRequired(reason=reason))

    async def wait_ready(self) -> None:
        try:
            async with asyncio.timeout(START_SECONDS):
                await self.ready.wait()
        except TimeoutError as error:
            raise Unavailable("starting", "The server is starting. Try again in a moment.") from error
