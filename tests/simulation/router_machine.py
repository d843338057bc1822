"""The router's shell under Hypothesis: any sequence of acts, crashes, freezes and takeovers keeps every invariant."""

import asyncio
from collections.abc import Awaitable, Coroutine, Sequence
from contextlib import AsyncExitStack, suppress
from typing import Any, TypeVar
from uuid import UUID, uuid4

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy import text

from app.core.database import Database
from app.core.due_rows import DueRowRunner
from app.core.errors import SwitchboardError
from app.core.owners import Deposed, acquire, renew
from app.routing import jobs
from app.routing.decisions import Decision
from app.routing.queue_schemas import QueueBody
from app.routing.repository import checks
from app.routing.schemas import AssignBody
from app.routing.service import by_hand, offers, presences, queues
from app.routing.service.matching import ROUTER, commit_decisions
from app.routing.service.overflowing import look_at_lines
from app.routing.transfer_schemas import TransferBody
from app.wiring import HOURS
from tests.clocks import ManualClock
from tests.conftest import fresh_clone
from tests.integration.routing.world import World, principal_of
from tests.simulation.races import LOOKED_BACK, SUPERVISOR
from tests.simulation.router_truth import WRONG, memory_of

AGENTS = 3
FROZEN_SECONDS = 10
STEP_SECONDS = 0.001
"""Between two acts: ids are random, so only times make a sequence take the same way when it is tried again."""
WRONG_NOW = {
    **WRONG,
    "open conversations without live work": """
        SELECT c.id FROM conversation c WHERE c.status = 'open' AND NOT EXISTS (SELECT 1 FROM work_item w
          WHERE w.conversation_id = c.id AND w.state IN ('queued', 'offered', 'assigned', 'parked', 'wrapping'))""",
    "work that went on in another queue and lost its place": """
        SELECT w.id FROM work_item w JOIN work_item n USING (conversation_id)
        WHERE w.state = 'moved' AND n.created_at = w.ended_at AND n.id > w.id AND n.ready_at <> w.ready_at""",
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
Which = st.integers(0, 1_000)
"""Of whatever there is at that moment."""


class Crash(Exception):
    """The process died here."""


class RouterMachine(RuleBasedStateMachine):
    """`server` and `template` are set by whoever runs it: each example has a database of its own."""

    server = ""
    template = ""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.stack = AsyncExitStack()
        self.clock = ManualClock()
        self.checked = 0
        self.epochs: list[int] = []
        self.frozen: list[tuple[int, Sequence[Decision]]] = []
        self.agents: list[UUID] = []
        self.queues: list[UUID] = []
        url = self.run(self.stack.enter_async_context(fresh_clone(self.server, self.template)))
        self.database = Database(url, application_name="machine", pool_size=2)
        self.stack.push_async_callback(self.database.close)
        self.world = World(self.database, self.clock)
        self.tables = jobs.due_tables(HOURS)
        self.due = DueRowRunner(self.database, self.clock, self.tables)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    def teardown(self) -> None:
        self.run(self.stack.aclose())
        self.run(self.loop.shutdown_asyncgens())
        self.loop.close()

    @initialize()
    def begin(self) -> None:
        self.run(self._begin())

    async def _begin(self) -> None:
        await self.world.build()
        self.queues = [self.world.queue_id, await self.world.add_queue(uuid4())]
        for number in range(AGENTS):
            self.clock.advance(STEP_SECONDS)
            self.agents.append(await self.world.add_agent(languages=("en", "zh")[: number + 1]))
        self.epochs.append(await self.world.acquire_router("first"))

    # The customers

    @rule(
        channel=st.sampled_from(("chat", "chat", "email", "voice")), which=Which, language=st.sampled_from(("", "zh"))
    )
    def arrive(self, channel: str, which: int, language: str) -> None:
        queue_id = self.queues[which % 2]
        self.run(self.world.add_waiting(channel=channel, queue_id=queue_id, language=language))

    @rule(which=Which, status=st.sampled_from(("open", "pending", "snoozed", "resolved", "resolved")))
    def change_status(self, which: int, status: str) -> None:
        conversation = self._conversation(which)
        if conversation is not None:
            self.run(self.world.set_status(conversation, status))

    # The router

    @rule()
    def route(self) -> None:
        while self.run(self._commit(self.epochs[-1], self._decide())):
            pass

    @rule()
    def crash_amid_the_commit(self) -> None:
        before = self._fingerprint()
        with suppress(Crash):
            self.run(self._commit(self.epochs[-1], self._decide(), dies=True))
        assert self._fingerprint() == before

    @rule()
    def freeze(self) -> None:
        """Decided and not committed yet; somebody else goes on meanwhile."""
        self.frozen.append((self.epochs[-1], self._decide()))

    @rule()
    def take_over(self) -> None:
        self.clock.advance(FROZEN_SECONDS)
        self.run(self._beat(self.agents))
        self.epochs.append(self.run(self.world.acquire_router(str(uuid4()))))
        self.run(self._commit(self.epochs[-1], self._decide()))

    @precondition(lambda self: any(epoch < self.epochs[-1] for epoch, _ in self.frozen))
    @rule()
    def wake_the_frozen(self) -> None:
        """Ten seconds and an epoch later: what they decided must leave nothing behind."""
        before = self._fingerprint()
        for epoch, decided in self.frozen:
            if epoch < self.epochs[-1]:
                try:
                    self.run(self._commit(epoch, decided))
                except Deposed:
                    continue
                raise AssertionError(f"epoch {epoch} committed under {self.epochs[-1]}")
        self.frozen = [each for each in self.frozen if each[0] == self.epochs[-1]]
        assert self._fingerprint() == before

    @rule()
    def look_at_the_lines(self) -> None:
        """What waits too long goes on elsewhere."""
        self.run(look_at_lines(self.database, self.clock, hours=HOURS))

    @rule()
    def another_asks_for_the_role_too_soon(self) -> None:
        assert self.run(self._try_to_acquire()) is None

    # The agents

    @rule(which=Which, how=st.sampled_from(("accept", "accept", "accept", "decline", "stale", "of another")))
    def answer(self, which: int, how: str) -> None:
        pending = [offer for offer in self.run(self.world.offers()) if offer.state == "pending"]
        if not pending:
            return
        opened = self._conversations()
        pending.sort(key=lambda offer: opened.index(offer.conversation_id))
        offer = pending[which % len(pending)]
        quoted: dict[str, Any] = {"agent_id": offer.agent_id, "offer_id": offer.id, "token": offer.token}
        if how == "decline":
            self._act(self.world.run(offers.decline_offer, **quoted, reason="busy"))
        elif how == "accept":
            self._act(self.world.run(offers.accept_offer, **quoted))
            self._refused_or_repeated(quoted)
        else:
            other = self.agents[(self.agents.index(offer.agent_id) + 1) % AGENTS]
            wrong = {"token": "stale"} if how == "stale" else {"agent_id": other}
            before = self._fingerprint()
            assert not self._act(self.world.run(offers.accept_offer, **(quoted | wrong)))
            assert self._fingerprint() == before

    @rule(which=Which, how=st.sampled_from(("ready", "ready", "not_ready", "clear", "close", "beat")))
    def change_presence(self, which: int, how: str) -> None:
        agent = self.agents[which % AGENTS]
        if how == "beat":
            self.run(self.world.beat(agent))
        elif how == "close":
            self.run(self.world.close_socket(agent))
        elif how == "clear":
            self.run(self.world.run(presences.clear_penalty, agent_id=agent))
        else:
            self.run(self.world.run(presences.set_presence, agent_id=agent, readiness=how, reason="break"))

    @rule(seconds=st.sampled_from((0.5, 3, 11, 31, 70, 200)), here=st.sets(st.integers(0, AGENTS - 1)))
    def pass_time(self, seconds: float, here: set[int]) -> None:
        """Deadlines, silence and timers come due; the owner renews its lease."""
        self.run(self._pass(seconds, [self.agents[number] for number in sorted(here)]))

    # The supervisors

    @rule(which=Which, whom=Which, how=st.sampled_from(("pick", "assign", "to a queue", "to an agent")))
    def move_by_hand(self, which: int, whom: int, how: str) -> None:
        conversation, agent = self._conversation(which), self.agents[whom % AGENTS]
        if conversation is None:
            return
        principal = principal_of(agent, scopes=SUPERVISOR)
        asked: dict[str, Any] = {"conversation_id": conversation}
        if how == "pick":
            self._act(self.world.run(by_hand.pick, principal, **asked))
        elif how == "assign":
            self._act(self.world.run(by_hand.assign, principal, **asked, body=AssignBody(agent_id=agent)))
        else:
            target = {"queue_id": self.queues[whom % 2]} if how == "to a queue" else {"agent_id": agent}
            body = TransferBody(**target, reason="expertise")
            self._act(self.world.run(by_hand.transfer, principal, **asked, body=body))

    @rule(
        which=Which,
        policy=st.sampled_from(("default", "longest_idle", "least_loaded")),
        auto_accept=st.booleans(),
        rings=st.sampled_from(([], [{"enter_after_seconds": 30}])),
        overflows=st.booleans(),
    )
    def edit_the_policy(self, which: int, policy: str, auto_accept: bool, rings: list[Any], overflows: bool) -> None:
        """Only the first queue overflows, into the second: a circle would be refused."""
        steps = [{"when": {"age_over_seconds": 30}, "do": {"queue": self.queues[1]}}]
        body = QueueBody.model_validate(
            {
                "name": f"Queue {which % 2}",
                "policy": policy,
                "auto_accept": auto_accept,
                "rings": rings,
                "overflow": steps if overflows and not which % 2 else [],
            }
        )
        self.run(self.world.run(queues.update_queue, queue_id=self.queues[which % 2], body=body, version=None))

    @rule(which=Which, joins=st.booleans())
    def change_members(self, which: int, joins: bool) -> None:
        change = queues.add_member if joins else queues.remove_member
        self.run(self.world.run(change, queue_id=self.queues[1], agent_id=self.agents[which % AGENTS]))

    # What holds after each step

    @invariant()
    def everything_is_sound(self) -> None:
        self.checked += 1
        self.clock.advance(STEP_SECONDS)
        faults = self.run(self._faults()) if self.epochs else []
        assert not faults, faults

    async def _faults(self) -> list[Any]:
        async with self.database.transaction() as session:
            found: list[Any] = [*await checks.find_drift(session), *await checks.list_violations(session)]
            found += await checks.list_unbalanced(session, self.clock.now() - LOOKED_BACK)
            for name, statement in WRONG_NOW.items():
                rows = (await session.execute(text(statement))).all()
                found += [(name, *row) for row in rows]
        return found

    # Means

    def _act(self, work: Awaitable[Any]) -> bool:
        """Whether it was done; people may be refused, but only with a stable code."""

        async def tried() -> bool:
            try:
                await work
            except SwitchboardError:
                return False
            return True

        return self.run(tried())

    def _refused_or_repeated(self, quoted: dict[str, Any]) -> None:
        """A repeat of an accept answers the same and changes nothing."""
        before = self._fingerprint()
        self._act(self.world.run(offers.accept_offer, **quoted))
        assert self._fingerprint() == before

    def _decide(self) -> Sequence[Decision]:
        return self.run(memory_of(self.database)).decide(self.clock.now())

    async def _commit(self, epoch: int, decided: Sequence[Decision], *, dies: bool = False) -> bool:
        """Whether there were offers; there may be more then."""
        async with self.database.transaction() as session:
            committed = await commit_decisions(session, self.world.act("router"), epoch, decided)
            if dies:
                raise Crash
        assert not committed.stale, [(rule, offer.ring, offer.parks) for offer, rule in committed.stale]
        return bool(committed.made)

    async def _try_to_acquire(self) -> int | None:
        async with self.database.transaction() as session:
            await renew(session, ROUTER, self.epochs[-1], self.clock.now())
        async with self.database.transaction() as session:
            return await acquire(session, ROUTER, "impatient", self.clock.now())

    async def _beat(self, agents: Sequence[UUID]) -> None:
        for agent in agents:
            await self.world.beat(agent)

    async def _pass(self, seconds: float, here: Sequence[UUID]) -> None:
        self.clock.advance(seconds)
        await self._beat(here)
        for table in self.tables:
            while await self.due.run_once(table):
                pass

    def _conversations(self) -> list[UUID]:
        """In the order in which they were opened."""
        known = self.run(self.world.execute("SELECT id FROM conversation ORDER BY opened_at"))
        return [row.id for row in known]

    def _conversation(self, which: int) -> UUID | None:
        known = self._conversations()
        return known[which % len(known)] if known else None

    def _fingerprint(self) -> tuple[Any, ...]:
        return tuple(self.run(self.world.execute(FINGERPRINT))[0])
