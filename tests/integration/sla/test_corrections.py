"""What was told as a breach, less what was corrected, is what the whole history says: whatever undid or moved it."""

import random
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from app.core.act import Act
from app.sla import conversation_clocks, policies, repository
from app.sla.calendar_spec import CalendarSpec
from app.sla.policies import PolicyBody
from app.sla.service import administration, adoption
from app.sla.service import book as books
from tests.integration.sla.world import World

CONVERSATIONS = 6
STEPS = 60
METRICS = ("first_reply", "next_reply", "requester_wait", "total_resolution", "queue_wait")


def spec(dice: random.Random) -> CalendarSpec:
    """Open most of each hour, so that breaches come within minutes and an edit moves them."""
    opens, closes = dice.randint(0, 20), dice.randint(40, 59)
    spans = [f"{hour:02}:{opens:02}-{hour:02}:{closes:02}" for hour in range(24)]
    return CalendarSpec.model_validate({"timezone": "UTC", "weekly": dict.fromkeys(DAYS, spans)})


DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Town:
    """A world in which anything may be edited."""

    def __init__(self, world: World, dice: random.Random) -> None:
        self.world, self.dice = world, dice
        self.calendar_id = self.policy_id = UUID(int=0)
        self.conversations: list[UUID] = []

    def act(self) -> Act:
        return Act(self.world.clock.now(), "tests")

    def body(self) -> PolicyBody:
        targets = [{"metric": metric, "seconds": self.dice.choice((30, 120, 900))} for metric in METRICS]
        return PolicyBody.model_validate({"position": 1, "calendar_id": str(self.calendar_id), "targets": targets})

    async def build(self) -> None:
        async with self.world.database.transaction() as session:
            await books.load(session, self.act())
            made = await administration.create_calendar(session, self.act(), name="Own", spec=spec(self.dice))
            self.calendar_id = made.id
            self.policy_id = (await administration.create_policy(session, self.act(), name="Own", body=self.body())).id
        await self.world.use_policy(
            position=0, conditions={"priorities": [9]}, targets=[{"metric": "first_reply", "seconds": 10}]
        )
        await self.world.use_policy(
            position=0, conditions={"categories": ["legal"]}, targets=[{"metric": "next_reply", "seconds": 15}]
        )
        self.conversations = [await self.world.open(channel="letter") for _ in range(CONVERSATIONS)]

    async def step(self) -> None:
        world, dice, conversation_id = self.world, self.dice, self.dice.choice(self.conversations)
        at = world.clock.now() - timedelta(seconds=dice.choice((0, 0, 20, 200)))
        match dice.choice("aaaaccccsssqpltkm" + "e" * 3 + "f" * 8):
            case "a":
                await world.tell(world.we_wrote(conversation_id, at=at))
            case "c":
                await world.tell(world.customer_wrote(conversation_id, at=at))
            case "s":
                status = dice.choice(("open", "pending", "resolved"))
                await world.tell(world.status(conversation_id, "open", status, at=at))
            case "q":
                await world.tell(world.work(conversation_id, None, "queued"))
            case "p":
                await world.tell(world.priority(conversation_id, 3, dice.choice((3, 9))))
            case "l":
                await world.categorise(conversation_id, dice.choice(("", "legal")))
            case "t":
                due_at = world.clock.now() + timedelta(seconds=dice.choice((10, 300)))
                await world.promise(conversation_id, "callback_promise", due_at)
            case "m" if len(self.conversations) > CONVERSATIONS // 2:
                self.conversations.remove(conversation_id)
                await world.merge(conversation_id, dice.choice(self.conversations))
            case "e":
                await self.edit()
            case _:
                await world.follow()
                await world.ring()

    async def edit(self) -> None:
        async with self.world.database.transaction() as session:
            if self.dice.random() < 0.5:
                await administration.update_calendar(
                    session, self.act(), calendar_id=self.calendar_id, name="Own", spec=spec(self.dice), version=None
                )
            else:
                await administration.update_policy(
                    session, self.act(), policy_id=self.policy_id, name="Own", body=self.body(), version=None
                )
        if self.dice.random() < 0.7:
            await self.adopt()

    async def adopt(self) -> None:
        async with self.world.database.transaction() as session:
            await adoption.adopt(session, self.act(), dry_run=False, after=None, limit=100)


async def told(world: World) -> dict[UUID, datetime]:
    """By clock: the breach that was told last and not taken back."""
    found: dict[UUID, Any] = {}
    for event in await world.events("sla.breached", "sla.corrected"):
        clock_id = UUID(event.payload["clock_id"])
        if event.type == "sla.corrected":
            before = datetime.fromisoformat(event.payload["told_breached_at"])
            assert found.get(clock_id) == before, "corrected once, and only what was told"
        at = event.payload["breached_at"]
        found[clock_id] = datetime.fromisoformat(at) if at else None
    return {clock_id: at for clock_id, at in found.items() if at is not None}


async def said(world: World, conversations: list[UUID]) -> tuple[dict[UUID, datetime], set[UUID]]:
    """What the whole history says: the breach of each clock; and the clocks that were cancelled."""
    async with world.database.transaction() as session:
        stored = await repository.lock_states(session, conversations)
        kept = {version for one in stored.values() for version in one.selection.values()}
        book = await books.load(session, Act(world.clock.now(), "tests"), kept=kept)
        facts = await repository.list_facts(session, conversations)
    breaches, cancelled = {}, set()
    for conversation_id in conversations:
        rules = policies.rules_of(book, stored[conversation_id].selection)
        _, changes = conversation_clocks.recompute(rules, facts[conversation_id])
        rows = await world.clocks(conversation_id)
        clocks = [clock for clock in changes.values() if clock is not None]
        assert set(rows) == {(clock.metric, clock.seq) for clock in clocks}
        now = max(world.clock.now(), *(clock.counted_at for clock in clocks))
        for reading in conversation_clocks.read(rules, clocks, now):
            clock_id = rows[reading.metric, reading.seq].id
            if reading.state == "cancelled":
                cancelled.add(clock_id)
            if reading.breached_at is not None:
                breaches[clock_id] = reading.breached_at
    return breaches, cancelled


@pytest.mark.parametrize("seed", [3, 77, 2_026])
async def test_what_was_told_less_what_was_corrected_is_what_recompute_says(world: World, seed: int) -> None:
    dice = random.Random(seed)
    world.clock.advance(3600 - world.clock.now().timestamp() % 3600)  # so that a seed is one story
    town = Town(world, dice)
    await town.build()
    everything = list(town.conversations)
    for _ in range(STEPS):
        world.clock.advance(dice.choice((1, 5, 30, 120)))
        await town.step()
    await world.follow()
    await world.follow()
    await town.adopt()
    await world.follow()
    await world.ring()
    breaches, cancelled = await said(world, everything)
    known = await told(world)
    assert len(breaches) > 3
    assert {key: at for key, at in known.items() if key not in cancelled} == {
        key: at for key, at in breaches.items() if key not in cancelled
    }, seed
    assert {key: known[key] for key in cancelled & set(known)}.items() <= breaches.items(), seed
