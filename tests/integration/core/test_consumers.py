"""Consumers: effects exactly once, a poisoned event holds back its own key only, and one process works at a time."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.core import consumers, event_log
from app.core.act import Act
from app.core.consumers import Consumer, ConsumerRunner
from app.core.database import Database
from app.core.errors import NotFound
from app.core.event_log import StoredEvent
from app.core.log_signal import LogSignal
from tests.event_logs import KNOWN_EVENTS, ByHand, Happened, HappenedInFuture, HappenedOtherwise

WAIT_SECONDS = 15


class Poison(Exception):
    pass


class Diary:
    """A consumer's handler that writes each note to a table, and fails on those it is told to."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.poisonous: set[str] = set()
        self.before_return: Callable[[AsyncSession, list[StoredEvent]], Awaitable[None]] | None = None

    async def handle(self, session: AsyncSession, act: Act, events: list[StoredEvent]) -> None:
        for event in events:
            note = event.payload["note"]
            await session.execute(
                text("INSERT INTO diary (position, note, actor) VALUES (:position, :note, :actor)"),
                {"position": event.position, "note": note, "actor": act.actor},
            )
            if note in self.poisonous:
                raise Poison(note)
        if self.before_return is not None:
            await self.before_return(session, events)

    async def notes(self) -> list[str]:
        """In the order they were written."""
        async with self.database.transaction() as session:
            return list(await session.scalars(text("SELECT note FROM diary ORDER BY written")))

    async def comes_to(self, *expected: str) -> None:
        await until(lambda: self.notes(), list(expected))


async def until(look: Callable[[], Awaitable[Any]], expected: Any) -> None:
    """Wait until `look` gives `expected`; when it does not in time, show what it gives instead."""
    try:
        async with asyncio.timeout(WAIT_SECONDS):
            while await look() != expected:
                await asyncio.sleep(0.02)
    except TimeoutError:
        assert await look() == expected


@pytest.fixture
async def diary(database: Database) -> Diary:
    async with database.engine.begin() as connection:
        await connection.execute(text("CREATE TABLE diary (written bigserial, position bigint, note text, actor text)"))
    return Diary(database)


@pytest.fixture
def signal() -> LogSignal:
    return LogSignal()


@pytest.fixture
def running(database: Database, clock, signal: LogSignal):
    @asynccontextmanager
    async def run(*which: Consumer) -> AsyncIterator[ConsumerRunner]:
        runner = ConsumerRunner(database, clock, signal, which, known_events=KNOWN_EVENTS)
        await runner.prepare()
        task = asyncio.create_task(runner.run())
        yield runner
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    return run


@pytest.fixture
def published(say, by_hand: ByHand, signal: LogSignal):
    async def publish(*notes: str, key: UUID | None = None, kind: type[Happened] = Happened) -> None:
        await say(*notes, key=key, kind=kind)
        signal.notify(await by_hand.dispatch())

    return publish


def keeper(diary: Diary, name: str = "diary", **options: Any) -> Consumer:
    return Consumer(name, frozenset({"test.happened"}), diary.handle, **{"start": "beginning", **options})


async def cursor_of(database: Database, consumer: str = "diary") -> tuple[int, str | None]:
    async with database.transaction() as session:
        query = text("SELECT position, stopped_reason FROM consumer_cursor WHERE consumer = :consumer")
        return tuple((await session.execute(query, {"consumer": consumer})).one())


async def parked_in(database: Database, **options: Any) -> list[tuple[str, int, str | None]]:
    async with database.transaction() as session:
        return [(row.consumer, row.position, row.error) for row in await consumers.list_parked(session, **options)]


async def test_events_of_listed_types_are_handled_in_order_and_others_skipped(diary, running, published, database):
    await published("a", "b")
    await published("not for us", kind=HappenedOtherwise)
    await published("c")
    async with running(keeper(diary)):
        await diary.comes_to("a", "b", "c")
        await published("d")
        await diary.comes_to("a", "b", "c", "d")
    assert await cursor_of(database) == (5, None)


async def test_a_consumer_that_starts_at_the_head_sees_only_what_comes_later(diary, running, published):
    await published("before")
    async with running(keeper(diary, start="head")):
        await published("after")
        await diary.comes_to("after")


async def test_a_consumer_goes_on_where_its_predecessor_ended(diary, running, published):
    async with running(keeper(diary)):
        await published("a")
        await diary.comes_to("a")
    await published("b")
    async with running(keeper(diary)):
        await diary.comes_to("a", "b")


async def test_a_consumer_killed_between_effect_and_cursor_has_its_effect_once(diary, running, published, database):
    kills = []

    async def kill_once(session: AsyncSession, events: list[StoredEvent]) -> None:
        if not kills:
            kills.append(len(events))
            await session.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))

    diary.before_return = kill_once
    await published("a", "b")
    async with running(keeper(diary)):
        await diary.comes_to("a", "b")
    assert kills == [2]
    assert await parked_in(database) == []


async def test_a_poisoned_event_is_parked_its_key_queues_and_a_release_applies_both_in_order(
    diary, running, published, database, act
):
    bad_key, other_key = uuid4(), uuid4()
    diary.poisonous = {"bad"}
    await published("before", key=bad_key)
    await published("bad", key=bad_key)
    await published("other", key=other_key)
    await published("behind", key=bad_key)
    async with running(keeper(diary)):
        await diary.comes_to("before", "other")
        await published("further behind", key=bad_key)
        await published("other again", key=other_key)
        await diary.comes_to("before", "other", "other again")
        queue = [("diary", 2, "Poison('bad')"), ("diary", 4, None), ("diary", 5, None)]
        assert await parked_in(database) == queue

        async with database.transaction() as session:
            assert await consumers.release(session, act, consumer="diary", key=bad_key) == 3
        await until(
            lambda: parked_in(database), [("diary", 2, "Poison('bad')"), ("diary", 4, None), ("diary", 5, None)]
        )

        diary.poisonous = set()
        async with database.transaction() as session:
            await consumers.release(session, act, consumer="diary", key=bad_key)
        applied = ["before", "other", "other again", "bad", "behind", "further behind"]
        await diary.comes_to(*applied)
        assert await parked_in(database) == []
        await published("free again", key=bad_key)
        await diary.comes_to(*applied, "free again")


async def test_releasing_what_is_not_parked_is_not_found(diary, database, act):
    with pytest.raises(NotFound):
        async with database.transaction() as session:
            await consumers.release(session, act, consumer="diary", key=uuid4())


async def test_an_effect_that_fails_at_commit_is_parked_too(diary, running, published, database):
    async with database.engine.begin() as connection:
        await connection.execute(
            text("ALTER TABLE diary ADD CONSTRAINT once UNIQUE (note) DEFERRABLE INITIALLY DEFERRED")
        )
    await published("a")
    await published("a")
    await published("b")
    async with running(keeper(diary)):
        await diary.comes_to("a", "b")
    [(_, position, error)] = await parked_in(database)
    assert position == 2
    assert "UniqueViolation" in error


async def test_an_unknown_version_stops_its_consumer_and_no_other(diary, running, published, database):
    async def count(session: AsyncSession, act: Act, events: list[StoredEvent]) -> None:
        await diary.handle(session, act, events)

    other = Consumer("other", frozenset({"test.happened_otherwise"}), count, start="beginning")
    await published("known")
    await published("from the future", kind=HappenedInFuture)
    await published("for the other", kind=HappenedOtherwise)
    async with running(keeper(diary), other):
        await until(lambda: cursor_of(database, "other"), (3, None))
        reason = "position 2: version 2 of test.happened is not known to this release"
        await until(lambda: cursor_of(database), (1, reason))
        assert sorted(await diary.notes()) == ["for the other", "known"]
        assert consumers.stopped_gauge.labels("diary")._value.get() == 1
        assert consumers.stopped_gauge.labels("other")._value.get() == 0


async def test_a_newer_release_goes_on_where_an_older_one_stopped(diary, running, published, database, clock, signal):
    await published("from the future", kind=HappenedInFuture)
    async with running(keeper(diary)):
        await until(lambda: stopped(database), True)
    newer = ConsumerRunner(database, clock, signal, [keeper(diary)], known_events=KNOWN_EVENTS | {("test.happened", 2)})
    task = asyncio.create_task(newer.run())
    await diary.comes_to("from the future")
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert await cursor_of(database) == (1, None)


async def stopped(database: Database) -> bool:
    return (await cursor_of(database))[1] is not None


async def test_a_hole_in_the_log_stops_the_consumer(diary, running, published, database, log_connection):
    await published("a", "b", "c")
    await log_connection.execute("DELETE FROM event_position WHERE position = 2")
    async with running(keeper(diary)):
        await until(lambda: stopped(database), True)
    assert await cursor_of(database) == (
        0,
        "The log does not go on at position 2: found 3. Resynchronise.",
    )
    assert await diary.notes() == []


async def test_of_two_processes_one_works_and_the_other_takes_over(diary, running, published, database, clock, signal):
    inside = asyncio.Event()
    go_on = asyncio.Event()
    at_work = []

    async def linger(session: AsyncSession, events: list[StoredEvent]) -> None:
        at_work.append(len(events))
        inside.set()
        await go_on.wait()

    diary.before_return = linger
    other_database = Database(database.url, application_name="other")
    other = ConsumerRunner(other_database, clock, signal, [keeper(diary)], known_events=KNOWN_EVENTS)
    async with running(keeper(diary)):
        await published("a")
        await inside.wait()
        assert await other._attempt(keeper(diary)) is consumers.Outcome.BUSY_ELSEWHERE
        assert at_work == [1]
    # The first process was stopped inside its transaction: nothing of it remains.
    assert await diary.notes() == []
    go_on.set()
    task = asyncio.create_task(other.run())
    await diary.comes_to("a")
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await other_database.close()


async def test_handlers_act_in_the_consumers_name_and_under_the_events_request(running, published, database):
    seen = []

    async def note(session: AsyncSession, act: Act, events: list[StoredEvent]) -> None:
        seen.append((act.actor, act.request_id))

    await published("a")
    async with running(Consumer("noter", frozenset({"test.happened"}), note, start="beginning")):
        await until(lambda: cursor_of(database, "noter"), (1, None))
    assert seen == [("noter", "request-1")]


async def test_a_consumers_own_events_are_appended_with_its_effects(diary, running, published, database, by_hand):
    async def answer(session: AsyncSession, act: Act, events: list[StoredEvent]) -> None:
        await event_log.append(session, act, [HappenedOtherwise(subject=uuid4(), note="answer")])

    woken = asyncio.Event()
    database.on_append = woken.set
    await published("question")
    woken.clear()
    async with running(Consumer("answerer", frozenset({"test.happened"}), answer, start="beginning")):
        await woken.wait()
    assert await by_hand.dispatch() == 2
