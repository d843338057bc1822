"""Consumers: readers of the log whose effects and cursor are stored in one transaction, so each effect happens once."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Literal

import structlog
from prometheus_client import Counter, Gauge
from sqlalchemy.ext.asyncio import AsyncSession

from app.core import event_log, parking, tracing
from app.core.act import Act, system_act
from app.core.clock import Clock
from app.core.database import Database, driver_connection
from app.core.driver import Backoff, is_transient, raise_if_cancelled
from app.core.event_log import LogGap, Position, StoredEvent
from app.core.log_reader import LogReader
from app.core.log_signal import NET_SECONDS, LogSignal
from app.core.parking import Parked, State, list_parked, release
from app.core.token_bucket import TokenBucket

__all__ = ["Consumer", "ConsumerRunner", "Parked", "list_parked", "release"]

DEFAULT_BATCH = 500
LOOKS_AT_ONCE = 5
BUSY_ELSEWHERE_SECONDS = 0.25
PASSED_KEPT_SECONDS = 0.25
"""Events that are nothing to a consumer cost it no write: it stores that it has passed them so much later."""

log = structlog.get_logger(__name__)
lag_gauge = Gauge("switchboard_consumer_lag_events", "Positions between a consumer's cursor and the head", ["consumer"])
position_gauge = Gauge("switchboard_consumer_position", "The last position a consumer has passed", ["consumer"])
stopped_gauge = Gauge("switchboard_consumer_stopped", "1 while a consumer cannot go on by itself", ["consumer"])
parked_gauge = Gauge("switchboard_consumer_parked_events", "Events parked, and those queued behind them", ["consumer"])
handled_total = Counter("switchboard_consumer_events_total", "Events a consumer has passed", ["consumer"])
failures_total = Counter("switchboard_consumer_failures_total", "Batches and events that failed", ["consumer"])


@dataclass(frozen=True, slots=True)
class Consumer:
    """`handle` gets the events of `types`, in order, and writes to the session's database and nowhere else.

    It is called again with the same events when it raised or its transaction failed. A consumer that is started for
    the first time begins with the oldest event kept ("beginning") or after the newest there is ("head").
    """

    name: str
    types: frozenset[str]
    handle: Callable[[AsyncSession, Act, list[StoredEvent]], Awaitable[None]]
    start: Literal["beginning", "head"]
    batch: int = DEFAULT_BATCH
    looks_a_second: float = 20.0
    """Under steady traffic, of a consumer that is not behind: what comes between two looks makes one page and one
    transaction. A few looks after a quieter spell are taken at once."""


class Outcome(Enum):
    """What to do after one attempt: look again at once or at the consumer's pace, wait for the log to grow, or stay
    away for a while."""

    AGAIN = auto()
    IN_STEP = auto()
    IDLE = auto()
    PASSING = auto()
    BUSY_ELSEWHERE = auto()
    STOPPED = auto()


@dataclass(frozen=True, slots=True)
class _Passed:
    """Events after the stored cursor `after` that were nothing to the consumer, up to `cursor`."""

    after: int
    cursor: Position
    store_at: float
    """In the event loop's time."""


class _DatabaseFailed(Exception):
    """The database failed, not the events: the same work may succeed on the next connection."""


class _PageFailed(Exception):
    pass


class ConsumerRunner:
    """Runs all consumers, each at its own pace. Of several processes, the one that locks a cursor row works.

    `known_events` is the catalogue of this release, (type, version). An event of a listed type with another version
    stops its consumer, and only it, until a process of a newer release passes the event.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        signal: LogSignal,
        consumers: Sequence[Consumer],
        *,
        known_events: frozenset[tuple[str, int]],
        reader: LogReader | None = None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._signal = signal
        self._consumers = consumers
        self._known_events = known_events
        self._passed: dict[str, _Passed] = {}
        self._log = reader or LogReader(database.url, application_name="switchboard-consumers")

    async def prepare(self) -> None:
        """Make the cursors that are missing. A consumer that starts at the head sees what is appended from here on."""
        async with self._log.use() as connection:
            for consumer in self._consumers:
                await parking.create_cursor(connection, consumer.name, start=consumer.start)

    async def run(self) -> None:
        """Until cancelled. A lost database means trying again, with pauses that grow."""
        try:
            async with asyncio.TaskGroup() as group:
                for consumer in self._consumers:
                    group.create_task(self._follow(consumer), name=f"consumer {consumer.name}")
        finally:
            self._log.close()

    async def _follow(self, consumer: Consumer) -> None:
        structlog.contextvars.bind_contextvars(consumer=consumer.name)
        backoff = Backoff()
        loop = asyncio.get_running_loop()
        pace = TokenBucket(a_second=consumer.looks_a_second, at_once=LOOKS_AT_ONCE)
        while True:
            seen = self._signal.position
            try:
                outcome = await self._attempt(consumer)
                backoff.reset()
            except Exception as error:
                raise_if_cancelled()
                failures_total.labels(consumer.name).inc()
                log.warning("consumer_begins_again", error=repr(error.__cause__ or error))
                await backoff.pause()
                continue
            await self._pause(outcome, seen)
            if outcome is not Outcome.AGAIN:
                await asyncio.sleep(pace.rest_seconds(loop.time()))

    async def _pause(self, outcome: Outcome, seen: int) -> None:
        if outcome is Outcome.IDLE:
            await self._signal.wait(seen, NET_SECONDS)
        elif outcome is Outcome.PASSING:
            await self._signal.wait(seen, PASSED_KEPT_SECONDS)
        elif outcome is Outcome.BUSY_ELSEWHERE:
            await asyncio.sleep(BUSY_ELSEWHERE_SECONDS)
        elif outcome is Outcome.STOPPED:
            await asyncio.sleep(NET_SECONDS)

    async def _attempt(self, consumer: Consumer) -> Outcome:
        """At most one released event and one page of new ones."""
        async with self._log.use() as connection:
            state = await parking.find_state(connection, consumer.name)
            if state is None:
                await parking.create_cursor(connection, consumer.name, start=consumer.start)
                return Outcome.AGAIN
        start = self._start(consumer, state)
        position_gauge.labels(consumer.name).set(start.number)
        lag_gauge.labels(consumer.name).set(max(state.head - start.number, 0))
        stopped_gauge.labels(consumer.name).set(state.stopped_reason is not None)
        parked_gauge.labels(consumer.name).set(state.parked)
        outcome = Outcome.IDLE
        if state.released_position is not None:
            outcome = await self._apply_released(consumer, state.released_position)
        if state.head != state.position:
            outcome = await self._apply_new(consumer, state, start)
        return outcome

    def _start(self, consumer: Consumer, state: State) -> Position:
        """Where to read on: after what this process has looked at already, if nobody moved the cursor meanwhile."""
        passed = self._passed.get(consumer.name)
        if passed is None or passed.after != state.position:
            self._passed.pop(consumer.name, None)
            return state.cursor
        return passed.cursor

    async def _apply_new(self, consumer: Consumer, state: State, start: Position) -> Outcome:
        """One page; when it fails, the same events one by one, so that only those that cannot be applied are parked."""
        try:
            read = await self._log.read(start, limit=consumer.batch)
        except LogGap as gap:
            return await self._stop(consumer, gap.detail)
        if not any(event.type in consumer.types for event in read):
            return await self._pass(consumer, state, read[-1].cursor if read else start, len(read))
        try:
            outcome = await self._apply_page(consumer, state, read)
            return Outcome.IN_STEP if outcome is Outcome.AGAIN and len(read) < consumer.batch else outcome
        except _PageFailed:
            failures_total.labels(consumer.name).inc()
        state = replace(state, parked=state.parked + 1)  # from here on, for what is parked on the way
        for event in read:
            try:
                outcome = await self._apply_page(consumer, state, [event])
            except _PageFailed as failure:
                outcome = await self._park(consumer, state, event, failure.__cause__)
            if outcome is not Outcome.AGAIN:
                return outcome
            state = replace(state, cursor=event.cursor)
        return Outcome.AGAIN

    async def _pass(self, consumer: Consumer, state: State, cursor: Position, number: int) -> Outcome:
        """Nothing of it is the consumer's: remembered, and stored now and then, so that a quiet consumer writes little.

        Whoever starts from the stored cursor looks at it again, to the same effect.
        """
        if cursor == state.cursor:
            return Outcome.IDLE
        now = asyncio.get_running_loop().time()
        passed = self._passed.get(consumer.name)
        store_at = passed.store_at if passed else now + PASSED_KEPT_SECONDS
        self._passed[consumer.name] = _Passed(state.position, cursor, store_at)
        handled_total.labels(consumer.name).inc(number)
        if now < store_at:
            return Outcome.AGAIN if number == consumer.batch else Outcome.PASSING
        async with self._transaction() as session:
            if await parking.lock_cursor(session, consumer.name) != state.cursor:
                return Outcome.BUSY_ELSEWHERE
            await parking.move_cursor(session, consumer.name, cursor)
        return Outcome.AGAIN

    async def _apply_page(self, consumer: Consumer, state: State, read: list[StoredEvent]) -> Outcome:
        """In one transaction with the cursor, which must still stand where `state` saw it."""
        page = self._up_to_unknown(consumer, read)
        traced = (event.request_id for event in page if event.type in consumer.types)
        try:
            with tracing.batch(f"consumer.{consumer.name}", traced, events=len(page)):
                async with self._transaction() as session:
                    if await parking.lock_cursor(session, consumer.name) != state.cursor:
                        return Outcome.BUSY_ELSEWHERE
                    if not page:
                        return await self._stop_before(session, consumer, read[0])
                    await self._apply(session, consumer, page, any_parked=state.parked > 0)
                    await parking.move_cursor(session, consumer.name, page[-1].cursor)
        except _DatabaseFailed:
            raise
        except Exception as error:
            raise _PageFailed from error
        handled_total.labels(consumer.name).inc(len(page))
        return Outcome.AGAIN

    async def _apply(
        self, session: AsyncSession, consumer: Consumer, page: list[StoredEvent], *, any_parked: bool
    ) -> None:
        listed = [event for event in page if event.type in consumer.types]
        # Whoever parks an event moves the cursor, so none was parked since the state was read.
        keys = {event.key for event in listed} if any_parked else set()
        blocked = await parking.list_parked_keys(session, consumer.name, keys)
        for event in listed:
            if event.key in blocked:
                await parking.add(session, consumer.name, event, at=self._clock.now(), error=None)
        await self._handle(session, consumer, [event for event in listed if event.key not in blocked])

    async def _handle(self, session: AsyncSession, consumer: Consumer, events: list[StoredEvent]) -> None:
        if not events:
            return
        requests = {event.request_id for event in events}
        request_id = requests.pop() if len(requests) == 1 else ""
        with structlog.contextvars.bound_contextvars(request_id=tracing.plain(request_id)):
            await consumer.handle(session, system_act(self._clock, consumer.name, request_id), events)

    async def _apply_released(self, consumer: Consumer, position: int) -> Outcome:
        try:
            async with self._log.use() as connection:
                event = await event_log.read_one(connection, position)
            async with self._transaction() as session:
                if await parking.lock_cursor(session, consumer.name) is None:
                    return Outcome.BUSY_ELSEWHERE
                if await parking.take_released(session, consumer.name, position):
                    self._require_known(event)
                    await self._handle(session, consumer, [event])
        except _DatabaseFailed:
            raise
        except Exception as error:
            failures_total.labels(consumer.name).inc()
            log.error("released_event_failed_again", position=position, error=repr(error))
            async with self._transaction() as session:
                await parking.park_again(session, consumer.name, position, error=repr(error))
        return Outcome.AGAIN

    async def _park(self, consumer: Consumer, state: State, event: StoredEvent, error: BaseException | None) -> Outcome:
        failures_total.labels(consumer.name).inc()
        with structlog.contextvars.bound_contextvars(request_id=tracing.plain(event.request_id)):
            log.error("event_parked", position=event.position, type=event.type, key=str(event.key), exc_info=error)
        async with self._transaction() as session:
            # Another process may have gone on in between; it then has parked or applied the event itself.
            if await parking.lock_cursor(session, consumer.name) != state.cursor:
                return Outcome.BUSY_ELSEWHERE
            await parking.add(session, consumer.name, event, at=self._clock.now(), error=repr(error))
            await parking.move_cursor(session, consumer.name, event.cursor)
        return Outcome.AGAIN

    def _is_known(self, event: StoredEvent) -> bool:
        return (event.type, event.version) in self._known_events

    def _require_known(self, event: StoredEvent) -> None:
        if not self._is_known(event):
            raise LookupError(f"version {event.version} of {event.type} is not known to this release")

    def _up_to_unknown(self, consumer: Consumer, page: list[StoredEvent]) -> list[StoredEvent]:
        for index, event in enumerate(page):
            if event.type in consumer.types and not self._is_known(event):
                return page[:index]
        return page

    async def _stop_before(self, session: AsyncSession, consumer: Consumer, event: StoredEvent) -> Outcome:
        reason = f"position {event.position}: version {event.version} of {event.type} is not known to this release"
        if await parking.stop(session, consumer.name, reason):
            log.error("consumer_stopped", reason=reason)
        stopped_gauge.labels(consumer.name).set(1)
        return Outcome.STOPPED

    async def _stop(self, consumer: Consumer, reason: str) -> Outcome:
        async with self._transaction() as session:
            if await parking.stop(session, consumer.name, reason):
                log.error("consumer_stopped", reason=reason)
        stopped_gauge.labels(consumer.name).set(1)
        return Outcome.STOPPED

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[AsyncSession]:
        """A transaction that tells a failing database (_DatabaseFailed) from failing work (anything else)."""
        connection = None
        try:
            async with self._database.transaction() as session:
                connection = await driver_connection(session)
                yield session
        except Exception as error:
            raise_if_cancelled()
            if connection is None or connection.is_closed() or is_transient(error):
                raise _DatabaseFailed from error
            raise
