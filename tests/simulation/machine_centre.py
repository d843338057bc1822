"""The contact centre of one sequence of acts: a database of its own, and how its router and its clock go on."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Coroutine, Sequence
from contextlib import AsyncExitStack
from typing import Any, TypeVar
from uuid import UUID, uuid4

from app.core.database import Database
from app.core.due_rows import DueRowRunner
from app.core.errors import SwitchboardError
from app.core.owners import acquire, renew
from app.routing import jobs
from app.routing.decisions import Decision
from app.routing.service.matching import ROUTER, commit_decisions
from app.wiring import HOURS
from tests.clocks import ManualClock
from tests.conftest import fresh_clone
from tests.integration.routing.world import World
from tests.simulation.router_truth import WRONG, count_kinds, list_faults, memory_of

AGENTS = 3
FROZEN_SECONDS = 10
STEP_SECONDS = 0.001
"""Between two acts: ids are random, so only times make a sequence take the same way when it is tried again."""
KEPT = "offered to another while it is kept for who served the customer last"
WRONG_NOW = {
    **WRONG,
    # Of the second queue members come and go, and nobody knows who was one when an offer was made.
    KEPT: WRONG[KEPT] + " AND w.queue_id = (SELECT id FROM queue ORDER BY created_at LIMIT 1)",
    "open conversations without live work": """
        SELECT c.id FROM conversation c WHERE c.status = 'open' AND NOT EXISTS (SELECT 1 FROM work_item w
          WHERE w.conversation_id = c.id AND w.state IN ('queued', 'offered', 'assigned', 'parked'))""",
    "open conversations whose work is over, idle without a rest, or held though nobody waits": """
        SELECT w.id, w.state FROM work_item w JOIN conversation c ON c.id = w.conversation_id WHERE NOT handed_on
          AND ((w.state = 'assigned' AND w.units_held <> (c.status = 'open' AND w.idle_sequence IS NULL))
            OR (w.state IN ('queued', 'offered') AND c.status <> 'open')
            OR (w.state = 'wrapping' AND c.status <> 'resolved')
            OR c.last_public_sequence > w.idle_sequence)""",
    "work that went on in another queue and lost its place": """
        SELECT w.id FROM work_item w JOIN work_item n USING (conversation_id)
        WHERE w.state = 'moved' AND n.created_at = w.ended_at AND n.id > w.id AND n.ready_at <> w.ready_at
          AND NOT n.handed_on""",
    "ended work that holds units or has a timer": """
        SELECT id FROM work_item WHERE state IN ('done', 'abandoned', 'cancelled', 'moved')
          AND (units_held OR run_at IS NOT NULL OR ended_at IS NULL)""",
    "due rows given up": """
        SELECT id FROM offer WHERE last_error IS NOT NULL UNION ALL
        SELECT id FROM work_item WHERE last_error IS NOT NULL UNION ALL
        SELECT agent_id FROM agent_presence WHERE last_error IS NOT NULL""",
}
FINGERPRINT = """
    SELECT (SELECT count(*) FROM event), (SELECT count(*) FROM routing_decision), (SELECT count(*) FROM offer),
      (SELECT coalesce(sum(version), 0) FROM work_item), (SELECT sum(used_units) FROM agent_ledger)
"""
T = TypeVar("T")


class Crash(Exception):
    """The process died here."""


class MachineCentre:
    """All of it is awaited on a loop of its own: Hypothesis calls rules that are no coroutines."""

    def __init__(self, server: str, template: str) -> None:
        self.loop = asyncio.new_event_loop()
        self.stack = AsyncExitStack()
        self.clock = ManualClock()
        self.agents: list[UUID] = []
        self.queues: list[UUID] = []
        self.epochs: list[int] = []
        url = self.run(self.stack.enter_async_context(fresh_clone(server, template)))
        self.database = Database(url, application_name="machine", pool_size=2)
        self.stack.push_async_callback(self.database.close)
        self.world = World(self.database, self.clock)
        self.tables = jobs.due_tables(HOURS)
        self.due = DueRowRunner(self.database, self.clock, self.tables)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    def close(self) -> None:
        self.run(self.stack.aclose())
        self.run(self.loop.shutdown_asyncgens())
        self.loop.close()

    async def begin(self) -> None:
        await self.world.build()
        self.clock.advance(STEP_SECONDS)
        self.queues = [self.world.queue_id, await self.world.add_queue(uuid4())]
        for number in range(AGENTS):
            self.clock.advance(STEP_SECONDS)
            self.agents.append(await self.world.add_agent(languages=("en", "zh")[: number + 1]))
        self.epochs.append(await self.world.acquire_router("first"))

    def act(self, work: Awaitable[Any]) -> bool:
        """Whether it was done; people may be refused, but only with a stable code."""

        async def tried() -> bool:
            try:
                await work
            except SwitchboardError:
                return False
            return True

        return self.run(tried())

    def decide(self) -> Sequence[Decision]:
        return self.run(memory_of(self.database)).decide(self.clock.now())

    async def commit(self, epoch: int, decided: Sequence[Decision], *, dies: bool = False) -> bool:
        """Whether there were offers; there may be more then."""
        async with self.database.transaction() as session:
            committed = await commit_decisions(session, self.world.act("router"), epoch, decided)
            if dies:
                raise Crash
        assert not committed.stale, [(rule, offer.ring, offer.parks) for offer, rule in committed.stale]
        return bool(committed.made)

    async def try_to_acquire(self) -> int | None:
        async with self.database.transaction() as session:
            await renew(session, ROUTER, self.epochs[-1], self.clock.now())
        async with self.database.transaction() as session:
            return await acquire(session, ROUTER, "impatient", self.clock.now())

    async def beat(self, agents: Sequence[UUID]) -> None:
        for agent in agents:
            await self.world.beat(agent)

    async def pass_time(self, seconds: float, here: Sequence[UUID]) -> None:
        self.clock.advance(seconds)
        await self.beat(here)
        for table in self.tables:
            while await self.due.run_once(table):
                pass

    async def list_faults(self) -> list[Any]:
        async with self.database.transaction() as session:
            return await list_faults(session, self.clock.now(), WRONG_NOW)

    async def count_kinds(self) -> Counter[str]:
        async with self.database.transaction() as session:
            return await count_kinds(session)

    def rows(self, statement: str) -> list[Any]:
        return list(self.run(self.world.execute(statement)))

    def fingerprint(self) -> tuple[Any, ...]:
        return tuple(self.rows(FINGERPRINT)[0])
