"""One tailer of the log per process: what happened goes to the sockets that may have it."""

import asyncio
import time
from contextlib import suppress
from typing import Any
from uuid import UUID

import asyncpg
import structlog
from prometheus_client import Counter, Gauge, Histogram

from app.core import event_log, tracing
from app.core.bus import Bus
from app.core.clock import Clock
from app.core.database import Database
from app.core.driver import connect_to_log
from app.core.errors import Unauthenticated
from app.core.event_log import LogGap, Position
from app.core.log_signal import LogSignal
from app.realtime.audience import Delivery, Reach, Viewer, sight
from app.realtime.connection import Attendance, Seat
from app.realtime.frames import Close, ResyncReason
from app.realtime.just_stored import JustStored
from app.realtime.render import Occurrence, Texts
from app.realtime.service.board import Boards, BoardSource
from app.realtime.service.contents import context_of_stored, load_context, occurrence_of
from app.realtime.service.door import Door
from app.realtime.service.joining import Joining, SnapshotSource
from app.realtime.service.lines import Lines
from app.realtime.service.log_pages import PAGE
from app.realtime.service.signals import Signals
from app.realtime.service.tail import Tail
from app.realtime.service.turnstile import Turnstile

log = structlog.get_logger(__name__)

SEATS_A_TURN = 200
"""After so many sockets of one event the loop is given to others, so that a large fan-out stalls nobody."""
MAX_FRAME_SPANS = 5
"""Of one event: the first sockets stand for the others, which may be thousands."""
SOCKETS_A_TURN = 20
TURN_SECONDS = 0.07
"""So many sockets come in that time, and as many go: some 290 a second. Each costs a millisecond and a half
until it is caught up, so that a crowd which returns leaves half of the time to those who never left.
"""
PART_SECONDS = 2

FRAMES = Counter("switchboard_socket_frames_total", "Event frames put on sockets")
POSITION = Gauge("switchboard_hub_position", "Last position this process has delivered")
DELAY = Histogram(
    "switchboard_hub_delay_seconds",
    "From an act to its frames on this process's sockets; of each page read, the oldest event",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30),
)


class Hub:
    """`board_source` gives the wallboard; without it nobody gets one."""

    def __init__(
        self, database: Database, clock: Clock, signal: LogSignal, bus: Bus, *, board_source: BoardSource | None = None
    ) -> None:
        self._database = database
        self._clock = clock
        self._signal = signal
        self._cursor: Position | None = None
        self.tail = Tail()
        self.just_stored = JustStored()
        self._joining = Joining(database, clock, self.tail)
        self.door = Door(database, clock)
        self.coming, self.going = Turnstile(SOCKETS_A_TURN, TURN_SECONDS), Turnstile(SOCKETS_A_TURN, TURN_SECONDS)
        self.attendance = Attendance()
        self.signals = Signals(database, bus, self.tail.roster)
        self.boards = Boards(database, clock, self.tail.roster, board_source) if board_source else None
        self.lines = Lines(database, clock, self.tail.roster)
        self._doubtful: asyncio.Queue[UUID] = asyncio.Queue()
        self._looked_at = time.monotonic()
        bus.subscribe("session", self._doubt)

    # --- the tail -----------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Work until cancelled. Raises when the database goes away; a fresh run goes on where it stood."""
        # No TaskGroup: on Python 3.11 it leaves its parent marked as cancelled after a child's failure, and whoever
        # starts us again would take that for the end.
        works = [self._follow_log(), self._settle_doubts(), self.signals.run(), self.lines.run()]
        works += [self.boards.run()] if self.boards is not None else []
        tasks = [asyncio.create_task(work) for work in works]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _follow_log(self) -> None:
        connection = await connect_to_log(self._database.url, application_name="switchboard hub")
        try:
            await self._begin(await event_log.incarnation(connection), await event_log.head(connection))
            while True:
                self._looked_at = time.monotonic()
                heard = self._signal.position
                assert self._cursor is not None
                try:
                    stored = self._signal.positioned.after(self._cursor.number, PAGE) or await event_log.read(
                        connection, self._cursor, limit=PAGE
                    )
                except LogGap as gap:
                    log.error("log_gap", detail=gap.detail)
                    await self._start_anew(await event_log.head(connection), "log_gap")
                    continue
                if not stored:
                    await self._signal.wait(heard)
                    continue
                with tracing.batch("hub.deliver", (each.request_id for each in stored), events=len(stored)):
                    await self._take(connection, [occurrence_of(each) for each in stored])
                self._cursor = stored[-1].cursor
                DELAY.observe((self._clock.now() - stored[0].occurred_at).total_seconds())
                if self._signal.position <= self._cursor.number:
                    # Nothing more was heard of: a read that finds nothing would only keep the next event waiting.
                    await self._signal.wait(self._signal.position)
        finally:
            connection.terminate()

    def seconds_since_look(self) -> float:
        """How long ago it looked at the log: about a second at most, or it stands still."""
        return time.monotonic() - self._looked_at

    async def _begin(self, incarnation: int, head: Position) -> None:
        if self._cursor is None or incarnation != self.tail.incarnation or head.number < self.tail.position:
            known, self.tail.incarnation = self._cursor is not None, incarnation
            await self._start_anew(head, "incarnation" if known else None)
        self.tail.ready.set()

    async def _start_anew(self, head: Position, reason: ResyncReason | None) -> None:
        async with self.tail.turn:
            self._cursor = head
            self.tail.recent.begin_at(head.number)
            for seat in self.tail.roster:
                if reason is not None:
                    self.tail.resync(seat, reason)

    async def _take(self, connection: "asyncpg.Connection[Any]", occurrences: list[Occurrence]) -> None:
        async with self.tail.turn:
            stored = self.just_stored.take(occurrences, self._clock.now())
            if stored is not None:
                context = context_of_stored(stored, occurrences, self._viewers)
            else:
                async with self._database.autocommit(connection) as session:
                    context = await load_context(session, self._clock.now(), occurrences, self._viewers)
            for occurrence in occurrences:
                if occurrence.number <= self.tail.position:
                    continue  # delivered before this run broke off and began again
                await self._fan_out(Texts(occurrence, context, self.tail.incarnation))
                self.tail.recent.add(occurrence)
                self.lines.look(occurrence.event)
                if self.boards is not None:
                    self.boards.look(occurrence.event)
            POSITION.set(self.tail.position)

    def _viewers(self, reach: Reach) -> list[Viewer]:
        return [seat.viewer for seat in self.tail.roster.within(reach)]

    async def _fan_out(self, texts: Texts) -> None:
        traced = MAX_FRAME_SPANS if texts.occurrence.request_id else 0
        for index, seat in enumerate(self.tail.roster.within(texts.reach()), start=1):
            delivery = texts.delivery(seat.viewer)
            if delivery is Delivery.RECHECK:
                await self.recheck(seat)
            elif (text := texts.text(seat.viewer, delivery)) is not None:
                if traced:
                    traced -= 1
                    self._trace_frame(seat, texts.occurrence)
                seat.deliver(text, texts.occurrence.number)
                FRAMES.inc()
            if index % SEATS_A_TURN == 0:
                await asyncio.sleep(0)

    def _trace_frame(self, seat: Seat, occurrence: Occurrence) -> None:
        """From here until the frame is handed to the network."""
        span = tracing.begin("socket.frame", occurrence.request_id, event=occurrence.type, viewer=seat.kind)
        if span is not None:
            seat.connection.trace(occurrence.number, span)

    async def recheck(self, seat: Seat) -> None:
        """Look at the seat's credentials again: it goes on, subscribes anew under other rights, or ends."""
        try:
            viewer = await seat.recheck()
        except Unauthenticated:
            self.tail.leave(seat)
            seat.connection.end("session_ended", Close.NOT_AUTHENTICATED)
            return
        if sight(viewer) != sight(seat.viewer):
            self.tail.resync(seat, "rights_changed")
            seat.viewer = viewer

    def _doubt(self, payload: dict[str, Any]) -> None:
        """The bus says that a session or a key ended; the log says it too, a little later."""
        with suppress(KeyError, ValueError, TypeError, AttributeError):
            self._doubtful.put_nowait(UUID(payload.get("account_id") or payload["api_key_id"]))

    async def _settle_doubts(self) -> None:
        while True:
            for seat in self.attendance.seats_of(await self._doubtful.get()):
                await self.recheck(seat)

    # --- joining and parting --------------------------------------------------------------------------------------

    async def join_after(self, seat: Seat, after: str) -> None:
        """Replay what the seat missed, then go on live; or tell it to take a snapshot. Raises MalformedFrame."""
        if await self._joining.resume(seat, after):
            self._ask(seat)

    async def join_with_snapshot(self, seat: Seat, load: SnapshotSource) -> None:
        """Send what is, then go on live."""
        await self._joining.begin(seat, load)
        self._ask(seat)

    def _ask(self, seat: Seat) -> None:
        self.lines.ask(seat)
        if seat.board and self.boards is not None:
            self.boards.ask()

    async def part(self) -> None:
        """Tell every socket to come back later, and wait a little until they have heard it.

        To be awaited when the server takes no more connections, before it closes those it has.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(PART_SECONDS):
                for connection in self.attendance.say_goodbye():
                    await connection.gone.wait()

    def close(self) -> None:
        self._joining.close()
