"""Routers of several epochs and many people at once upon the same few offers, on a real PostgreSQL."""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import timedelta
from time import monotonic
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import text

from app.core.database import Database
from app.core.errors import SwitchboardError
from app.core.owners import Deposed, acquire
from app.routing.decisions import Decision
from app.routing.repository import checks
from app.routing.schemas import AssignBody
from app.routing.service import by_hand, offers, presences
from app.routing.service.desk import HolderChanged
from app.routing.service.matching import ROUTER, commit_decisions
from app.routing.service.work import Cause, follow_conversations
from app.routing.transfer_schemas import TransferBody
from tests.clocks import ManualClock
from tests.integration.routing.world import World, principal_of
from tests.simulation.router_truth import WRONG, memory_of

CONNECTIONS = 20
AGENTS = 6
WAITING = 10
"""Topped up before each round, so that the routers have something to decide."""
HOT = 4
"""Of the offers, and of the conversations, that a round's people fight for: few, so that they meet."""
TAKE_OVER_SHARE = 0.3
LEASE_OVER_SECONDS = 5
BETWEEN_ROUNDS_SECONDS = 3
LOOKED_BACK = timedelta(minutes=1)
TRIES = 50
ROUTERS = ("owner decides", "takes over", "deposed commits")
CHANNELS = ("chat", "chat", "chat", "email", "voice")
SUPERVISOR = frozenset({"work", "routing:write", "conversations:write"})

ARRIVALS = (
    "INSERT INTO customer (id, created_at) SELECT id, :now FROM unnest(CAST(:ids AS uuid[])) AS id",
    "INSERT INTO contact_point (id, customer_id, kind, value_normalised, created_at)"
    " SELECT id, id, 'visitor', id::text, :now FROM unnest(CAST(:ids AS uuid[])) AS id",
    "INSERT INTO conversation (id, customer_id, contact_point_id, channel, channel_account_id, status, queue_id,"
    " priority, language, last_sequence, last_public_sequence, preview, preview_class, last_message_at, opened_at)"
    " SELECT id, id, id, channel, CAST(:account AS uuid), 'open', queue_id, 5, '', 1, 1, 'Hello', 'customer', :now,"
    " :now FROM unnest(CAST(:ids AS uuid[]), CAST(:channels AS text[]), CAST(:queues AS uuid[]))"
    " AS new (id, channel, queue_id)",
)
Race = Callable[[], Awaitable[object]]
Clone = Callable[[], AbstractAsyncContextManager[str]]
"""A fresh database at the head of the migrations, by its address."""


@dataclass(frozen=True, slots=True)
class Form:
    """`rounds_a_database`: then a fresh one, so that a round late in the run costs what an early one does."""

    seed: int
    rounds: int
    people: int = 50
    routers: int = 8
    rounds_a_database: int = 250
    no_round_after_seconds: float = 3 * 3600.0


@dataclass(slots=True)
class Story:
    rounds: int = 0
    acts: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)


class Races:
    """One database's rounds. What is drawn comes from the seed; the order of the transactions does not."""

    def __init__(self, database: Database, form: Form, story: Story, seed: str) -> None:
        self.clock = ManualClock()
        self.world = World(database, self.clock)
        self.form, self.story = form, story
        self.random = random.Random(seed)
        self.agents: list[UUID] = []
        self.queues: list[UUID] = []
        self.epochs: list[int] = []
        self.touched: set[UUID] = set()
        self.decided: Sequence[Decision] = ()

    async def begin(self) -> None:
        await self.world.build()
        self.queues = [self.world.queue_id, await self.world.add_queue(uuid4())]
        self.agents = [await self.world.add_agent() for _ in range(AGENTS)]
        async with self.world.database.transaction() as session:
            added = "INSERT INTO queue_member (queue_id, agent_id) SELECT :queue, id FROM agent"
            await session.execute(text(added), {"queue": self.queues[1]})
        for name in ("first", "second"):
            self.clock.advance(LEASE_OVER_SECONDS)
            self.epochs.append(await self.world.acquire_router(name))

    async def round(self) -> None:
        await self._prepare()
        people = await self._people()
        taking_over = self.random.random() < TAKE_OVER_SHARE
        if taking_over:
            self.clock.advance(LEASE_OVER_SECONDS)
        races = [*people, *self._routers(taking_over)]
        self.random.shuffle(races)
        await asyncio.gather(*(self._run(name, race) for name, race in races))
        await self._settle()
        await self._check()
        self.story.rounds += 1

    # Before

    async def _prepare(self) -> None:
        now = self.clock.advance(BETWEEN_ROUNDS_SECONDS)
        async with self.world.database.transaction() as session:
            await presences.beat(session, now, agent_ids=self.agents)
        waiting = await self._column("SELECT conversation_id FROM work_item WHERE state = 'queued'")
        await self._open(WAITING - len(waiting))

    async def _open(self, count: int) -> None:
        """So many customers at once, each with a conversation that waits."""
        if count <= 0:
            return
        ids = [uuid4() for _ in range(count)]
        values = {
            "ids": ids,
            "channels": [self.random.choice(CHANNELS) for _ in ids],
            "queues": [self.random.choice(self.queues) for _ in ids],
            "account": self.world.account_id,
            "now": self.clock.now(),
        }
        async with self.world.database.transaction() as session:
            for statement in ARRIVALS:
                used = {name: value for name, value in values.items() if f":{name}" in statement}
                await session.execute(text(statement), used)
        await self._follow(ids)

    async def _column(self, statement: str) -> list[Any]:
        return [row[0] for row in await self.world.execute(statement)]

    # The routers

    def _routers(self, taking_over: bool) -> list[tuple[str, Race]]:
        """One true owner, at times one that takes over or two that try, the others deposed long since."""
        takers = self.random.choice((1, 2)) if taking_over else 0
        owner = self.epochs[-1]
        races: list[tuple[str, Race]] = [("owner decides", lambda: self._decide(owner, is_true=not takers))]
        races += [("takes over", self._take_over) for _ in range(takers)]
        for _ in range(self.form.routers - len(races)):
            epoch = self.random.choice(self.epochs[:-1])
            races.append(("deposed commits", lambda epoch=epoch: self._commit(epoch, self.decided, is_deposed=True)))
        return races

    async def _decide(self, epoch: int, *, is_true: bool = False, is_deposed: bool = False) -> None:
        """As the router does it: a memory of the tables, decisions, their commit; the tables have moved on by then."""
        self.decided = (await memory_of(self.world.database)).decide(self.clock.now())
        await self._commit(epoch, self.decided, is_true=is_true, is_deposed=is_deposed)

    async def _commit(
        self, epoch: int, decided: Sequence[Decision], *, is_true: bool = False, is_deposed: bool = False
    ) -> None:
        """The deposed ones wake with what was last decided, by them or by others: all of it once looked right."""
        try:
            async with self.world.database.transaction() as session:
                committed = await commit_decisions(session, self.world.act("router"), epoch, decided)
        except Deposed:
            self.story.acts["deposed"] += 1
            if is_true:
                self.story.faults.append(f"epoch {epoch} was deposed though nobody took over")
            return
        self.story.acts["commits"] += 1
        self.story.acts["offers"] += len(committed.made)
        for _, rule in committed.stale:
            self.story.refused[f"stale: {rule}"] += 1
        if is_deposed:
            self.story.faults.append(f"epoch {epoch} committed though {self.epochs[-1]} had begun")

    async def _take_over(self) -> None:
        async with self.world.database.transaction() as session:
            epoch = await acquire(session, ROUTER, str(uuid4()), self.clock.now())
        if epoch is None:
            self.story.refused["another took over"] += 1
            return
        before, _ = self.epochs[-1], self.epochs.append(epoch)
        self.story.acts["takeovers"] += 1
        await self._decide(epoch, is_true=True)
        await self._commit(before, self.decided, is_deposed=True)

    # The people

    async def _people(self) -> list[tuple[str, Race]]:
        pending = await self.world.execute(
            "SELECT id, agent_id, token, conversation_id FROM offer WHERE state = 'pending' ORDER BY id"
        )
        live = await self._column(
            "SELECT conversation_id FROM work_item WHERE state IN ('queued', 'offered', 'assigned', 'parked')"
            " ORDER BY conversation_id"
        )
        hot = self.random.sample(pending, min(HOT, len(pending)))
        known = [offer.conversation_id for offer in hot]
        others = self.random.sample(live, min(HOT, len(live)))
        self.touched = {*known, *others}
        draws = (self._of_offer, self._of_offer, self._of_offer, self._of_presence, self._by_hand, self._of_customer)
        return [self.random.choice(draws)(hot, sorted(self.touched)) for _ in range(self.form.people)]

    def _of_offer(self, hot: list[Any], _: list[UUID]) -> tuple[str, Race]:
        if not hot:
            return self._of_presence(hot, _)
        offer = self.random.choice(hot)
        quoted: dict[str, Any] = {"agent_id": offer.agent_id, "offer_id": offer.id, "token": offer.token}
        name = self.random.choice(
            ("accept", "accept", "accept", "accept of another's", "stale accept", "decline", "expiry")
        )
        if name == "decline":
            return name, lambda: self.world.run(offers.decline_offer, **quoted, reason="busy")
        if name == "expiry":
            return name, lambda: self.world.run(offers.expire_offer, offer.id)
        if name == "accept of another's":
            quoted["agent_id"] = self.random.choice(self.agents)
        if name == "stale accept":
            quoted["token"] = "stale"
        return name, lambda: self.world.run(offers.accept_offer, **quoted)

    def _of_presence(self, _hot: list[Any], _: list[UUID]) -> tuple[str, Race]:
        agent = self.random.choice(self.agents)
        name = self.random.choice(("ready", "ready", "ready", "not ready", "penalty cleared", "silence"))
        if name == "penalty cleared":
            return name, lambda: self.world.run(presences.clear_penalty, agent_id=agent)
        if name == "silence":
            return name, lambda: self.world.run(presences.check_silence, agent)
        readiness = name.replace(" ", "_")
        return name, lambda: self.world.run(presences.set_presence, agent_id=agent, readiness=readiness, reason="break")

    def _by_hand(self, _hot: list[Any], known: list[UUID]) -> tuple[str, Race]:
        if not known:
            return self._of_presence(_hot, known)
        conversation, agent = self.random.choice(known), self.random.choice(self.agents)
        principal = principal_of(agent, scopes=SUPERVISOR)
        name = self.random.choice(("pick", "assign", "transfer to a queue", "transfer to an agent"))
        if name == "pick":
            return name, lambda: self.world.run(by_hand.pick, principal, conversation_id=conversation)
        if name == "assign":
            given = AssignBody(agent_id=agent)
            return name, lambda: self.world.run(by_hand.assign, principal, conversation_id=conversation, body=given)
        to_queue = name == "transfer to a queue"
        body = TransferBody(
            queue_id=self.random.choice(self.queues) if to_queue else None,
            agent_id=None if to_queue else agent,
            reason="expertise",
        )
        return name, lambda: self.world.run(by_hand.transfer, principal, conversation_id=conversation, body=body)

    def _of_customer(self, _hot: list[Any], known: list[UUID]) -> tuple[str, Race]:
        if not known:
            return self._of_presence(_hot, known)
        conversation = self.random.choice(known)
        status = self.random.choice(("resolved", "resolved", "resolved", "pending", "open"))
        return f"conversation {status}", lambda: self._set_status(conversation, status)

    async def _set_status(self, conversation_id: UUID, status: str) -> None:
        await self.world.execute(
            "UPDATE conversation SET status = :status WHERE id = :id AND status <> 'resolved'",
            id=conversation_id,
            status=status,
        )
        await self._follow([conversation_id])

    async def _follow(self, ids: Sequence[UUID]) -> None:
        """As the consumer does: when an answer crossed it, it asks again."""
        causes = {conversation_id: Cause("customer", "request-1") for conversation_id in ids}
        for _ in range(TRIES):
            try:
                await self.world.run(follow_conversations, causes)
                return
            except HolderChanged:
                self.story.refused["holder changed"] += 1
        raise RuntimeError(f"the work of {ids} changed hands {TRIES} times")

    # After

    async def _run(self, name: str, race: Race) -> None:
        self.story.acts[name] += 1
        try:
            await race()
        except SwitchboardError as refusal:
            self.story.refused[f"{name}: {refusal.code}"] += 1
            if name in ROUTERS:
                self.story.faults.append(f"{name}: {refusal.code}: the router would throw its memory away")
        except Exception as error:  # anything else is a fault of the product, and the round goes on
            self.story.faults.append(f"{name}: {error!r}")

    async def _settle(self) -> None:
        """The consumer comes last: it has heard of every status by then."""
        await self._follow(sorted(self.touched))

    async def _check(self) -> None:
        async with self.world.database.transaction() as session:
            drift, violations = await checks.find_drift(session), await checks.list_violations(session)
            violations += await checks.list_unbalanced(session, self.clock.now() - LOOKED_BACK)
            found = {name: (await session.execute(text(statement))).all() for name, statement in WRONG.items()}
        where = f"round {self.story.rounds + 1}"
        self.story.faults += [f"{where}: drift {one}" for one in drift]
        self.story.faults += [f"{where}: {rule} {subject}" for rule, subject in violations]
        self.story.faults += [f"{where}: {name}: {rows}" for name, rows in found.items() if rows]


async def run_races(form: Form, clone: Clone) -> Story:
    """Ends early at the first fault: what follows from it would only hide it."""
    story, until = Story(), monotonic() + form.no_round_after_seconds
    while story.rounds < form.rounds and not story.faults and monotonic() < until:
        async with clone() as url:
            database = Database(url, application_name="races", pool_size=CONNECTIONS)
            races = Races(database, form, story, f"{form.seed}/{story.rounds}")
            await races.begin()
            last = min(story.rounds + form.rounds_a_database, form.rounds)
            while story.rounds < last and not story.faults and monotonic() < until:
                await races.round()
            await database.close()
    return story
