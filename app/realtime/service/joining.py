"""How sockets join: those that return are brought up to date together, from one reading of what they missed."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import Clock
from app.core.database import Database
from app.events.agents import AgentUpdated
from app.realtime.audience import Delivery, Reach, Viewer
from app.realtime.connection import Seat
from app.realtime.frames import CaughtUp, Frame, ResyncReason, parse_position
from app.realtime.render import Context, Occurrence, Texts
from app.realtime.roster import Roster
from app.realtime.service.contents import load_context
from app.realtime.service.log_pages import PAGE, LogPages, NotReplayable
from app.realtime.service.tail import Tail
from app.realtime.service.together import Together

RETURNING_AT_ONCE = 500
"""How many are brought up to date from one reading. What was missed grows while they wait, and each reading costs all
of it once: with few at once a crowd never comes to its end.
"""
EVENTS_A_LOOK = 100
"""Whose present rights and contents are asked for together; then the loop is left to others."""
SNAPSHOTS_AT_ONCE = 8
"""Fewer than the pool of the database has connections, which requests and the tail share."""
FRAMES_A_TURN = 100
SnapshotSource = Callable[[AsyncSession, Viewer, str], Awaitable[Frame]]


@dataclass(slots=True)
class Missed:
    """What one seat is to be sent: the events after `after` up to `upto` that are for it; then, what they became."""

    seat: Seat
    after: int
    upto: int
    frames: list[tuple[str, int]] = field(default_factory=list)
    resync: ResyncReason | None = None


class Joining:
    def __init__(self, database: Database, clock: Clock, tail: Tail) -> None:
        self._database = database
        self._clock = clock
        self._tail = tail
        self._pages = LogPages(database.url, clock, tail)
        self._replays = Together(self._replay, at_most=RETURNING_AT_ONCE)
        self._snapshots = asyncio.Semaphore(SNAPSHOTS_AT_ONCE)

    async def resume(self, seat: Seat, after: str) -> bool:
        """Replay what the seat missed, then go on live; or tell it to take a snapshot. Raises MalformedFrame.

        False: it did not come to be live.
        """
        incarnation, number = parse_position(after)
        await self._tail.wait_ready()
        self._tail.leave(seat)
        seat.connection.incarnation = self._tail.incarnation
        if incarnation != self._tail.incarnation or await self._pages.is_beyond_head(number):
            self._tail.resync(seat, "incarnation")
            return False
        while not seat.connection.ended.is_set():
            upto = await self._reach_for(seat, number)
            missed = await self._replays.ask(Missed(seat, number, upto))
            for text, position in missed.frames:
                await seat.connection.push_when_room(text, position)
            if missed.resync is not None:
                self._tail.resync(seat, missed.resync)
                return False
            number = upto
            if seat.joined:
                await self._release(seat, CaughtUp(position=self._tail.text_of(upto)), upto)
                return True
        return False

    async def begin(self, seat: Seat, load: SnapshotSource) -> None:
        """Send what is, then go on live. The seat joins before the snapshot is read, so nothing falls between."""
        await self._tail.wait_ready()
        self._tail.leave(seat)
        seat.connection.incarnation = self._tail.incarnation
        async with self._snapshots:
            async with self._tail.turn:
                position = self._tail.position
                self._tail.enter(seat, position)
            async with self._database.transaction() as session:
                frame = await load(session, seat.viewer, self._tail.text_of(position))
        await self._release(seat, frame, position)

    def close(self) -> None:
        self._pages.close()

    async def _release(self, seat: Seat, frame: Frame, position: int) -> None:
        await seat.connection.push_when_room(frame.text(), position)
        await seat.release()

    async def _reach_for(self, seat: Seat, number: int) -> int:
        """How far the next reading goes. Joins the seat when that is all: what follows is held back for it."""
        async with self._tail.turn:
            # A socket that comes from a process ahead of this one stands beyond our position.
            position = max(self._tail.position, number)
            if position - number > PAGE:
                return number + PAGE
            self._tail.enter(seat, position)
            return position

    async def _replay(self, asked: Sequence[Missed]) -> Sequence[Missed | Exception]:
        for group in groups_of(asked):
            after, upto = group[0].after, max(each.upto for each in group)
            try:
                events = await self._pages.read(after, upto)
            except NotReplayable as problem:
                await self._replay_alone(group, problem)
                continue
            await self._render(group, events)
        return asked

    async def _replay_alone(self, group: Sequence[Missed], problem: NotReplayable) -> None:
        """The one that was away longest may not stand in the way of the others."""
        group[0].resync = problem.reason
        if len(group) > 1:
            await self._replay(group[1:])

    async def _render(self, group: Sequence[Missed], events: Sequence[Occurrence]) -> None:
        missed_by = {each.seat: each for each in group}
        returning: Roster[Seat] = Roster()
        for each in group:
            returning.add(each.seat)

        def receivers(reach: Reach) -> list[Viewer]:
            return [seat.viewer for seat in returning.within(reach)]

        for first in range(0, len(events), EVENTS_A_LOOK):
            page = events[first : first + EVENTS_A_LOOK]
            async with self._database.autocommit() as session:
                context = await load_context(session, self._clock.now(), page, receivers)
            made = 0
            for event in page:
                made += self._render_one(event, context, returning, missed_by)
                if made >= FRAMES_A_TURN:
                    made = 0
                    await asyncio.sleep(0)

    def _render_one(
        self, event: Occurrence, context: Context, returning: Roster[Seat], missed_by: dict[Seat, Missed]
    ) -> int:
        texts = Texts(event, context, self._tail.incarnation)
        seats = returning.within(texts.reach())
        for seat in seats:
            missed = missed_by[seat]
            if not missed.after < event.number <= missed.upto or missed.resync is not None:
                continue
            delivery = texts.delivery(seat.viewer)
            if delivery is Delivery.RECHECK and isinstance(event.event, AgentUpdated):
                missed.resync = "rights_changed"
            elif (text := texts.text(seat.viewer, delivery)) is not None:
                missed.frames.append((text, event.number))
        return len(seats)


def groups_of(asked: Sequence[Missed]) -> Iterator[list[Missed]]:
    """By position, each group within two pages, so that nobody waits for the reading of another's week."""
    group: list[Missed] = []
    for each in sorted(asked, key=lambda missed: missed.after):
        if group and each.upto > group[0].after + 2 * PAGE:
            yield group
            group = []
        group.append(each)
    if group:
        yield group
