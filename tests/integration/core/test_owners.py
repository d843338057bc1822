"""Owners: one holder at a time, take-over after the lease, and a fence that stops whoever was deposed."""

import asyncio

import pytest
from sqlalchemy.exc import DBAPIError

from app.core import owners
from app.core.clock import DatabaseClock
from app.core.database import Database
from app.core.owners import Deposed, Ownership
from tests.clocks import ManualClock


async def acquire(database: Database, clock: ManualClock, holder: str) -> int | None:
    async with database.transaction() as session:
        return await owners.acquire(session, "router", holder, clock.now())


async def test_one_holds_the_role_and_the_next_takes_over_when_the_lease_ends(
    database: Database, clock: ManualClock
) -> None:
    assert await acquire(database, clock, "a") == 1
    clock.advance(owners.LEASE_SECONDS)
    assert await acquire(database, clock, "b") is None
    clock.advance(0.001)
    assert await acquire(database, clock, "b") == 2


async def test_of_many_that_race_for_a_free_role_one_gets_it(database: Database, clock: ManualClock) -> None:
    epochs = await asyncio.gather(*(acquire(database, clock, f"p{n}") for n in range(8)))
    assert sorted(epoch for epoch in epochs if epoch is not None) == [1]


async def test_a_deposed_owner_can_neither_renew_nor_commit(database: Database, clock: ManualClock) -> None:
    await acquire(database, clock, "a")
    clock.advance(5)
    await acquire(database, clock, "b")
    async with database.transaction() as session:
        assert not await owners.renew(session, "router", 1, clock.now())
        assert await owners.renew(session, "router", 2, clock.now())
    with pytest.raises(Deposed):
        async with database.transaction() as session:
            await owners.fence(session, "router", 1)


async def test_a_take_over_waits_for_the_write_that_was_fenced_before_it(
    database: Database, clock: ManualClock
) -> None:
    await acquire(database, clock, "a")
    clock.advance(5)
    async with database.transaction() as session:
        await owners.fence(session, "router", 1)
        taking = asyncio.create_task(acquire(database, clock, "b"))
        done, _ = await asyncio.wait({taking}, timeout=0.2)
        assert not done
    assert await taking == 2


async def test_a_holder_frozen_inside_its_transaction_is_ended_so_that_another_can_take_over(
    database: Database, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(owners, "FENCED_IDLE_MS", 100)
    await acquire(database, clock, "a")
    clock.advance(5)

    async def freeze_then_go_on() -> None:
        async with database.transaction() as session:
            await owners.fence(session, "router", 1)
            assert await acquire(database, clock, "b") == 2
            await owners.renew(session, "router", 1, clock.now())

    with pytest.raises(DBAPIError):
        await freeze_then_go_on()


async def test_when_the_leader_stops_the_one_that_stands_by_leads(database: Database) -> None:
    leading: asyncio.Queue[tuple[str, int]] = asyncio.Queue()

    def run(holder: str) -> asyncio.Task[None]:
        async def lead(epoch: int) -> None:
            await leading.put((holder, epoch))
            await asyncio.Event().wait()

        return asyncio.create_task(Ownership(database, DatabaseClock(), "router", holder=holder).run(lead))

    first = run("a")
    assert await leading.get() == ("a", 1)
    second = run("b")
    first.cancel()
    async with asyncio.timeout(10):
        assert await leading.get() == ("b", 2)
    second.cancel()
    await asyncio.gather(first, second, return_exceptions=True)
