"""One tailer of the log per process, the events it holds in memory, and the sockets they go to."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from itertools import islice
from typing import Any
from uuid import UUID

import structlog
from prometheus_client import Counter, Gauge, Histogram
from sqlalchemy.ext.asyncio import AsyncSession

from app.core import event_log, tracing
from app.core.bus import Bus
from app.core.clock import Clock
from app.core.database import Database
from app.core.driver import SharedLogConnection, connect_to_log
from app.core.errors import Unauthenticated, Unavailable
from app.core.event_log import LogGap, Position
from app.core.log_signal import LogSignal
from app.events.agents import AgentUpdated
from app.realtime.audience import Delivery, Reach, Viewer, sight
from app.realtime.connection import Attendance, Seat
from app.realtime.frames import CaughtUp, Close, Frame, ResyncReason, ResyncRequired, parse_position, position_text
from app.realtime.render import Occurrence, Texts
from app.realtime.roster import Roster
from app.realtime.service.board import Boards, BoardSource
from app.realtime.service.contents import load_context, occurrence_of
from app.realtime.service.signals import Signals

log = structlog.get_logger(__name__)

EVENTS_IN_MEMORY = 10_000
REPLAY_DAYS = 7
PAGE = 500
SEATS_A_TURN = 200
"""After so many sockets of one event the loop is given to others, so that a large fan-out stalls nobody."""
SNAPSHOTS_AT_ONCE = 8
"""Of snapshots and replays that read the database: fewer than its pool, which requests and the tail share."""
MAX_FRAME_SPANS = 5
"""Of one event: the first sockets stand for the others, which may be thousands."""
START_SECONDS = 10
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
        self._replay = SharedLogConnection(database.url, application_name="switchboard replay")
        self._cursor: Position | None = None
        self._recent: deque[Occurrence] = deque(maxlen=EVENTS_IN_MEMORY)
        self._turn = asyncio.Lock()
        """Held while a batch is delivered and while a socket joins: each socket joins between two batches."""
        self._snapshots = asyncio.Semaphore(SNAPSHOTS_AT_ONCE)
        self._ready = asyncio.Event()
        self.attendance = Attendance()
        self.roster: Roster[Seat] = Roster()
        self.incarnation = 0
        self.position = 0
        self.signals = Signals(database, bus, self.roster)
        self.boards = Boards(database, clock, self.roster, board_source) if board_source else None
        self._doubtful: asyncio.Queue[UUID] = asyncio.Queue()
        bus.subscribe("session", self._doubt)

    # --- the tail -----------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Work until cancelled. Raises when the database goes away; a fresh run goes on where it stood."""
        # No TaskGroup: on Python 3.11 it leaves its parent marked as cancelled after a child's failure, and whoever
        # starts us again would take that for the end.
        works = [self._follow_log(), self._settle_doubts(), self.signals.run()]
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
                heard = self._signal.position
                assert self._cursor is not None
                try:
                    stored = await event_log.read(connection, self._cursor, limit=PAGE)
                except LogGap as gap:
                    log.error("log_gap", detail=gap.detail)
                    await self._start_anew(await event_log.head(connection), "log_gap")
                    continue
                if not stored:
                    await self._signal.wait(heard)
                    continue
                with tracing.batch("hub.deliver", (each.request_id for each in stored), events=len(stored)):
                    await self._take([occurrence_of(each) for each in stored])
                self._cursor = stored[-1].cursor
                DELAY.observe((self._clock.now() - stored[0].occurred_at).total_seconds())
        finally:
            connection.terminate()

    async def _begin(self, incarnation: int, head: Position) -> None:
        if self._cursor is None or incarnation != self.incarnation or head.number < self.position:
            known, self.incarnation = self._cursor is not None, incarnation
            await self._start_anew(head, "incarnation" if known else None)
        self._ready.set()

    async def _start_anew(self, head: Position, reason: ResyncReason | None) -> None:
        async with self._turn:
            self._cursor, self.position = head, head.number
            self._recent.clear()
            for seat in self.roster:
                if reason is not None:
                    self._resync(seat, reason)

    async def _take(self, occurrences: list[Occurrence]) -> None:
        async with self._turn:
            async with self._database.look() as session:
                context = await load_context(session, self._clock.now(), occurrences, self._viewers)
            for occurrence in occurrences:
                if occurrence.number <= self.position:
                    continue  # delivered before this run broke off and began again
                await self._fan_out(Texts(occurrence, context, self.incarnation))
                self._recent.append(occurrence)
                self.position = occurrence.number
                if self.boards is not None:
                    self.boards.look(occurrence.event)
            POSITION.set(self.position)

    def _viewers(self, reach: Reach) -> list[Viewer]:
        return [seat.viewer for seat in self.roster.within(reach)]

    async def _fan_out(self, texts: Texts) -> None:
        traced = MAX_FRAME_SPANS if texts.occurrence.request_id else 0
        for index, seat in enumerate(self.roster.within(texts.reach()), start=1):
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
            async with self._database.transaction() as session:
                viewer = await seat.recheck(session)
        except Unauthenticated:
            self.leave_roster(seat)
            seat.connection.end("session_ended", Close.NOT_AUTHENTICATED)
            return
        if sight(viewer) != sight(seat.viewer):
            self._resync(seat, "rights_changed")
            seat.viewer = viewer

    def _doubt(self, payload: dict[str, Any]) -> None:
        """The bus says that a session or a key ended; the log says it too, a little later."""
        with suppress(KeyError, ValueError, TypeError, AttributeError):
            self._doubtful.put_nowait(UUID(payload.get("account_id") or payload["api_key_id"]))

    async def _settle_doubts(self) -> None:
        while True:
            for seat in self.attendance.seats_of(await self._doubtful.get()):
                await self.recheck(seat)

    # --- joining ------------------------------------------------------------------------------------------------

    async def join_after(self, seat: Seat, after: str) -> None:
        """Replay what the seat missed, then go on live; or tell it to take a snapshot. Raises MalformedFrame."""
        incarnation, number = parse_position(after)
        await self._wait_ready()
        self.leave_roster(seat)
        seat.connection.incarnation = self.incarnation
        if incarnation != self.incarnation or await self._is_beyond_head(number):
            return self._resync(seat, "incarnation")
        while not seat.connection.ended.is_set():
            async with self._turn:
                missing = self._since(number)
                if missing is not None and len(missing) < PAGE:
                    # A socket that comes from a process ahead of this one stands beyond our position.
                    position = max(self.position, number)
                    seat.join_at(position)
                    self.roster.add(seat)
                    break
            page = missing[:PAGE] if missing is not None else await self._read_log(seat, number)
            if not page or not await self._send_replay(seat, page):
                return
            number = page[-1].number
        else:
            return
        if await self._send_replay(seat, missing):
            await seat.connection.push_when_room(
                CaughtUp(position=position_text(self.incarnation, position)).text(), position
            )
            await self._release(seat)

    async def join_with_snapshot(
        self, seat: Seat, load: Callable[[AsyncSession, Viewer, str], Awaitable[Frame]]
    ) -> None:
        """Send what is, then go on live. The seat joins before the snapshot is read, so nothing falls between."""
        await self._wait_ready()
        self.leave_roster(seat)
        seat.connection.incarnation = self.incarnation
        async with self._snapshots:
            async with self._turn:
                position = self.position
                seat.join_at(position)
                self.roster.add(seat)
            async with self._database.transaction() as session:
                frame = await load(session, seat.viewer, position_text(self.incarnation, position))
        await seat.connection.push_when_room(frame.text(), position)
        await self._release(seat)

    async def _release(self, seat: Seat) -> None:
        await seat.release()
        if seat.board and self.boards is not None:
            self.boards.ask()

    async def _is_beyond_head(self, number: int) -> bool:
        if number <= self.position:
            return False
        async with self._replay.use() as connection:
            return number > (await event_log.head(connection)).number

    def _since(self, number: int) -> list[Occurrence] | None:
        """The events after `number`, from memory; None when memory does not reach back that far."""
        if number >= self.position:
            return []
        first = self.position - len(self._recent) + 1
        return list(islice(self._recent, number + 1 - first, None)) if number + 1 >= first else None

    async def _read_log(self, seat: Seat, number: int) -> list[Occurrence]:
        """A page from the database; empty, and the seat told, when the replay does not reach back that far."""
        since = self._clock.now() - timedelta(days=REPLAY_DAYS)
        async with self._replay.use() as connection:
            if number + 1 < await event_log.floor(connection, since):
                self._resync(seat, "too_old")
                return []
            try:
                stored = await event_log.read(connection, Position(number, since), limit=PAGE)
            except LogGap as gap:
                log.error("log_gap", detail=gap.detail)
                self._resync(seat, "log_gap")
                return []
        return [occurrence_of(each) for each in stored if each.position <= self.position]

    async def _send_replay(self, seat: Seat, page: list[Occurrence]) -> bool:
        """False: the seat cannot go on (its rights changed within the page, or it ended)."""

        def receivers(reach: Reach) -> list[Viewer]:
            return [seat.viewer] if reach.includes(seat.viewer) else []

        async with self._snapshots, self._database.look() as session:
            context = await load_context(session, self._clock.now(), page, receivers)
        for occurrence in page:
            texts = Texts(occurrence, context, self.incarnation)
            delivery = texts.delivery(seat.viewer)
            if delivery is Delivery.RECHECK and isinstance(occurrence.event, AgentUpdated):
                self._resync(seat, "rights_changed")
                return False
            if (text := texts.text(seat.viewer, delivery)) is not None:
                await seat.connection.push_when_room(text, occurrence.number)
        return not seat.connection.ended.is_set()

    def _resync(self, seat: Seat, reason: ResyncReason) -> None:
        self.leave_roster(seat)
        seat.connection.push_frame(ResyncRequired(reason=reason))

    async def _wait_ready(self) -> None:
        try:
            await asyncio.wait_for(self._ready.wait(), START_SECONDS)
        except TimeoutError as error:
            raise Unavailable("starting", "The server is starting. Try again in a moment.") from error

    def forget_events(self, keep: int) -> None:
        """Free memory: older positions are replayed from the database."""
        while len(self._recent) > keep:
            self._recent.popleft()

    def leave_roster(self, seat: Seat) -> None:
        self.roster.remove(seat)
        seat.joined = False

    async def part(self) -> None:
        """Tell every socket to come back later, and wait a little until they have heard it.

        To be awaited when the server takes no more connections, before it closes those it has.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(PART_SECONDS):
                for connection in self.attendance.say_goodbye():
                    await connection.gone.wait()

    def close(self) -> None:
        self._replay.close()
