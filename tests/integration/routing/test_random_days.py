"""Random days: any order of acts and failures leaves the ledger equal to what is held, after each step."""

import random
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest

from app.core.due_rows import DueRowRunner
from app.core.errors import SwitchboardError
from app.routing import jobs
from app.routing.queue_schemas import QueueBody
from app.routing.schemas import AssignBody
from app.routing.service import answers, by_hand, ending, offers, presences, queues
from app.routing.service.overflowing import look_at_lines
from app.routing.transfer_schemas import TransferBody
from app.routing.wrap_up_schemas import EndWrapUpBody
from app.wiring import HOURS
from tests.clocks import ManualClock
from tests.integration.routing.world import Routed, World, principal_of

STEPS = 150
MOST_STEPS = 600
"""A day goes on until every kind of act has come about, which chance mostly brings sooner."""
SUPERVISOR = frozenset({"work", "routing:write", "conversations:write"})
CHANNELS = ("chat", "chat", "chat", "email", "voice")
STATUSES = ("open", "pending", "on_hold", "snoozed", "resolved")


class Day:
    """One seeded day; each step is one act of somebody, which may be refused but never leave a trace of harm."""

    def __init__(self, world: World, routed: Routed, clock: ManualClock, seed: int) -> None:
        self.world, self.routed, self.clock = world, routed, clock
        self.random = random.Random(seed)
        self.agents: list[UUID] = []
        self.queues: list[UUID] = [world.queue_id]
        self.due = DueRowRunner(world.database, clock, jobs.due_tables(HOURS))
        self.refused: set[str] = set()

    async def begin(self) -> None:
        self.queues.append(await self.world.add_queue(UUID(int=self.random.getrandbits(128))))
        steps: list[dict[str, Any]] = [
            {"when": {"age_over_seconds": 60}, "do": {"message": {"en": "A little longer."}}},
            {"when": {"tries_exhausted": True}, "do": {"queue": str(self.queues[1])}},
            {"when": {"longer_than": 3}, "do": {"queue": str(self.queues[1])}},
            {"when": {"age_over_seconds": 150}, "do": {"queue": str(self.queues[1])}},
        ]
        body = QueueBody.model_validate({"name": "Overflowing", "overflow": steps})
        await self.world.run(queues.update_queue, queue_id=self.queues[0], body=body)
        await self.world.execute(
            "UPDATE queue SET wrap_up = 'timed', wrap_up_seconds = 60 WHERE id = :id", id=self.queues[-1]
        )
        self.agents = [await self.world.add_agent(languages=("en", "zh")[: number + 1]) for number in range(3)]

    async def open(self) -> None:
        await self.world.add_waiting(
            channel=self.random.choice(CHANNELS),
            language=self.random.choice(("", "en", "zh-CN")),
            queue_id=self.random.choice(self.queues),
            customer_id=await self.somebody_back(),
        )

    async def somebody_back(self) -> UUID | None:
        """At times a customer who was here before."""
        conversation = await self.any_conversation()
        again = conversation is not None and self.random.random() < 0.4
        return await self.world.customer(conversation) if again and conversation else None

    async def route(self) -> None:
        await self.routed()

    async def answer(self) -> None:
        pending = [offer for offer in await self.world.offers() if offer.state == "pending"]
        if not pending:
            return
        offer = self.random.choice(pending)
        answer = {"agent_id": offer.agent_id, "offer_id": offer.id, "token": offer.token}
        if self.random.random() < 0.7:
            await self.world.run(answers.accept_offer, **answer)
        else:
            await self.world.run(offers.decline_offer, **answer, reason="busy")

    async def change_status(self) -> None:
        conversation = await self.any_conversation()
        if conversation is not None:
            actor = self.random.choice(("customer", "visitor:1", f"agent:{self.random.choice(self.agents)}"))
            await self.world.set_status(conversation, self.random.choice(STATUSES), actor=actor)

    async def write(self) -> None:
        conversation = await self.any_conversation()
        if conversation is not None:
            actor = self.random.choice(("customer", f"agent:{self.random.choice(self.agents)}"))
            await self.world.write(conversation, actor=actor)

    async def end_wrap_up(self) -> None:
        rows = await self.world.execute("SELECT id FROM work_item WHERE state = 'wrapping' ORDER BY id")
        if rows:
            lead = principal_of(self.agents[0], scopes=SUPERVISOR)
            work_id = self.random.choice(rows).id
            await self.world.run(ending.end_wrap_up, lead, work_id=work_id, body=EndWrapUpBody())

    async def write_or_wrap_up(self) -> None:
        await self.random.choice((self.write, self.end_wrap_up))()

    async def change_presence(self) -> None:
        agent = self.random.choice(self.agents)
        act = self.random.choice(("ready", "ready", "not_ready", "beat", "clear", "close"))
        if act == "beat":
            await self.world.beat(agent)
        elif act == "clear":
            await self.world.run(presences.clear_penalty, agent_id=agent)
        elif act == "close":
            await self.world.close_socket(agent)
        else:
            await self.world.run(presences.set_presence, agent_id=agent, readiness=act, reason="pause")

    async def by_hand(self) -> None:
        conversation, agent = await self.any_conversation(), self.random.choice(self.agents)
        if conversation is None:
            return
        principal = principal_of(agent, scopes=SUPERVISOR)
        if self.random.random() < 0.3:
            await self.world.run(by_hand.pick, principal, conversation_id=conversation, actor=f"agent:{agent}")
        elif self.random.random() < 0.5:
            body = AssignBody(agent_id=self.random.choice(self.agents), override=self.random.random() < 0.3)
            await self.world.run(by_hand.assign, principal, conversation_id=conversation, body=body)
        else:
            body = self.random.choice(
                (
                    TransferBody(queue_id=self.random.choice(self.queues), reason="expertise"),
                    TransferBody(agent_id=self.random.choice(self.agents), reason="shift_end"),
                )
            )
            await self.world.run(
                by_hand.transfer, principal, conversation_id=conversation, body=body, actor=f"agent:{agent}"
            )

    async def hand_over_warm(self) -> None:
        rows = await self.world.execute("SELECT id, owner_id FROM conversation WHERE owner_id IS NOT NULL ORDER BY id")
        if not rows:
            return
        row = self.random.choice(rows)
        principal = principal_of(row.owner_id, scopes=SUPERVISOR | {"conversations:read"})
        if self.random.random() < 0.2:
            await self.world.run(by_hand.take_back_transfer, principal, conversation_id=row.id)
        else:
            note = self.random.choice(("", "Wants it by Friday"))
            body = TransferBody(agent_id=self.random.choice(self.agents), reason="needs_skill", warm=True, note=note)
            await self.world.run(by_hand.transfer, principal, conversation_id=row.id, body=body)

    async def pass_time(self) -> None:
        self.clock.advance(self.random.choice((0.5, 5, 11, 31, 70, 200, 400)))
        for agent in self.agents:
            if self.random.random() < 0.7:
                await self.world.beat(agent)
        for table in jobs.due_tables(HOURS):
            while await self.due.run_once(table):
                pass

    async def overflow(self) -> None:
        await look_at_lines(self.world.database, self.clock, hours=HOURS)

    async def any_conversation(self) -> UUID | None:
        rows = await self.world.execute("SELECT id FROM conversation ORDER BY id")
        return self.random.choice(rows).id if rows else None

    async def step(self) -> None:
        acts: tuple[Callable[[], Awaitable[Any]], ...] = (
            self.open, self.open, self.route, self.route, self.answer, self.answer, self.answer,
            self.change_status, self.change_presence, self.by_hand, self.hand_over_warm, self.hand_over_warm,
            self.pass_time, self.overflow, self.write_or_wrap_up,
        )  # fmt: skip
        try:
            await self.random.choice(acts)()
        except SwitchboardError as refusal:
            self.refused.add(refusal.code)


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
async def test_after_every_step_the_ledger_is_what_is_held_and_owners_agree(
    world: World, routed: Routed, clock: ManualClock, seed: int
) -> None:
    day = Day(world, routed, clock, seed)
    await day.begin()
    for number in range(MOST_STEPS):
        if number >= STEPS and not await unseen(world):
            break
        await day.step()
        await world.assert_sound()
        assert await disagreements(world) == []
    assert await unseen(world) == set()
    assert await books(world) == []
    parked = await world.execute(
        "SELECT last_error FROM offer WHERE last_error IS NOT NULL UNION ALL SELECT last_error FROM agent_presence"
        " WHERE last_error IS NOT NULL UNION ALL SELECT last_error FROM work_item WHERE last_error IS NOT NULL"
    )
    assert parked == []


async def unseen(world: World) -> set[str]:
    """What has not come about yet this day."""
    seen = {row.state for row in await world.execute("SELECT DISTINCT state FROM work_item")}
    if await world.execute("SELECT id FROM offer WHERE from_agent_id IS NOT NULL LIMIT 1"):
        seen.add("asked a colleague")
    return {"assigned", "queued", "moved", "asked a colleague"} - seen


async def disagreements(world: World) -> list[Any]:
    """Work and conversation must name the same owner, and only open ones hold units."""
    found: list[Any] = await world.execute(
        "SELECT work_item.id, work_item.state, work_item.agent_id, conversation.owner_id, conversation.status"
        " FROM work_item JOIN conversation ON conversation.id = work_item.conversation_id"
        " WHERE (state IN ('assigned', 'parked') AND agent_id IS DISTINCT FROM owner_id)"
        " OR (state IN ('queued', 'offered') AND owner_id IS NOT NULL)"
        " OR (state = 'assigned' AND units_held <> (status = 'open' AND idle_sequence IS NULL))"
        " OR (state IN ('queued', 'offered') AND status <> 'open')"
    )
    return found


async def books(world: World) -> list[Any]:
    """By the log: in each queue as much came in as left or is there; what moved out of one came into another."""
    found: list[Any] = await world.execute(
        "WITH told AS (SELECT CAST(payload->>'queue_id' AS uuid) AS queue_id, payload->>'before' AS before,"
        "  payload->>'after' AS after, payload->>'reason' AS reason FROM event WHERE type = 'work.changed'),"
        " counted AS (SELECT queue_id, count(*) FILTER (WHERE before IS NULL) AS came,"
        "  count(*) FILTER (WHERE after IN ('done', 'abandoned', 'cancelled', 'moved')) AS went FROM told GROUP BY 1),"
        " there AS (SELECT queue_id, count(*) FILTER (WHERE ended_at IS NULL) AS open FROM work_item"
        "  WHERE state <> 'consulted' GROUP BY 1)"  # only an offer, beside the work that it is about
        " SELECT queue_id, came, went, open FROM counted FULL JOIN there USING (queue_id) WHERE came <> went + open"
        " UNION ALL SELECT NULL, o.out, i.into, 0 FROM"
        " (SELECT count(*) AS out FROM told WHERE after = 'moved' AND reason = 'overflowed') AS o,"
        " (SELECT count(*) AS into FROM told WHERE before IS NULL AND reason = 'overflowed') AS i WHERE o.out <> i.into"
    )
    return found
