"""The automatic acknowledgement over the real door, clocks and consumers."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest

from app.access.schemas import Principal
from app.channels import intake, service
from app.channels.acknowledgement.consumers import ACKNOWLEDGEMENT
from app.channels.schemas import ChannelAccountPatch
from app.conversations import service as conversations
from app.core.act import Act
from app.core.consumers import Consumer, ConsumerRunner
from app.core.log_signal import LogSignal
from app.events import catalogue
from app.sla.calendar_spec import CalendarSpec
from app.sla.consumers import SLA
from app.sla.policies import PolicyBody
from app.sla.service import administration, book
from tests.event_logs import ByHand, opened_by_hand
from tests.integration.channels.world import World

WAIT_SECONDS = 30
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
SHANGHAI = "Asia/Shanghai"


@dataclass
class Shop:
    """A chat account with clocks; its customers write through the door, its consumers run when a test says so."""

    world: World
    log: ByHand

    @property
    def act(self) -> Act:
        return Act(self.world.clock.now(), "tests")

    async def promise(self, spec: dict[str, Any] | None, *, seconds: int = 3600) -> None:
        """A first reply within so long of this calendar's hours; None is round the clock."""
        async with self.world.database.transaction() as session:
            await book.load(session, self.act)
            calendar_id = None
            if spec is not None:
                checked = CalendarSpec.model_validate(spec)
                made = await administration.create_calendar(session, self.act, name=uuid4().hex, spec=checked)
                calendar_id = made.id
            body = PolicyBody.model_validate(
                {
                    "position": 0,
                    "calendar_id": calendar_id,
                    "targets": [{"metric": "first_reply", "seconds": seconds}],
                }
            )
            await administration.create_policy(session, self.act, name=uuid4().hex, body=body)

    async def set(self, when: str, **texts: str) -> None:
        patch = ChannelAccountPatch.model_validate({"acknowledgement": {"when": when, "texts": texts}})
        async with self.world.database.transaction() as session:
            await service.update_account(session, self.act, self.world.account_id, patch)

    async def write(self, visitor: str = "v1", **changes: Any) -> UUID:
        return (await self.write_all([self.world.envelope(visitor, **changes)]))[0]

    async def write_all(self, envelopes: Sequence[Any]) -> list[UUID]:
        async with self.world.database.transaction() as session:
            received = await intake.store(session, self.act, [(envelope, "r1") for envelope in envelopes])
        return [one.conversation_id for one in received]

    async def answer(self, conversation_id: UUID) -> None:
        agent_id = await self.world.add_agent(uuid4().hex)
        principal = Principal(kind="agent", id=agent_id, role="agent", scopes=frozenset(), visibility="all")
        async with self.world.database.transaction() as session:
            await conversations.post_message(
                session, self.act, principal, conversation_id=conversation_id, body="here", client_id="1"
            )

    async def follow(self, *consumers: Consumer) -> None:
        """Everything so far, through each of the consumers in turn, as production runs them."""
        for consumer in consumers or (SLA, ACKNOWLEDGEMENT):
            head = -1
            while head != (head := await self.log.dispatch()):
                pass
            await self._run(consumer, head)
        assert await self.world.rows("SELECT error FROM parked_event") == []

    async def _run(self, consumer: Consumer, head: int) -> None:
        runner = self.runner(consumer)
        await runner.prepare()
        running = asyncio.create_task(runner.run())
        cursor = "SELECT position FROM consumer_cursor WHERE consumer = $1"
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                while await self.world.value(cursor, consumer.name) < head:
                    await asyncio.sleep(0.01)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    def runner(self, consumer: Consumer) -> ConsumerRunner:
        known = frozenset(catalogue.BY_NAME)
        # A small page, so that a life holds several transactions.
        small = replace(consumer, batch=7, looks_a_second=1_000.0)
        return ConsumerRunner(self.world.database, self.world.clock, LogSignal(), [small], known_events=known)

    async def thanks(self, conversation_id: UUID) -> list[str]:
        rows = await self.world.rows(
            "SELECT body FROM message WHERE conversation_id = $1 AND message_class = 'auto_ack' ORDER BY sequence",
            conversation_id,
        )
        return [row["body"] for row in rows]

    def closed_now(self) -> dict[str, Any]:
        """Office hours from 09:00 to 17:00 of every day but today, in Shanghai."""
        today = self.world.clock.now().astimezone(ZoneInfo(SHANGHAI)).date()
        week = {day: ["09:00-17:00"] for day in DAYS}
        return {"timezone": SHANGHAI, "weekly": week, "closed": [today.isoformat()]}


@pytest.fixture
async def shop(world: World) -> AsyncIterator[Shop]:
    # Noon in Shanghai of the present day, because the partitions stand at the present.
    noon = datetime.now(UTC).replace(hour=4, minute=0, second=0, microsecond=0)
    world.clock.advance((noon - world.clock.now()).total_seconds())
    async with opened_by_hand(world.database.url, world.clock) as log:
        built = Shop(world, log)
        await built.follow()
        yield built


async def test_a_customer_who_writes_while_it_is_closed_is_told_when_in_their_language(shop: Shop) -> None:
    await shop.promise(shop.closed_now())
    english = await shop.write("v1", language="en")
    chinese = await shop.write("v2", language="zh-CN")
    await shop.follow()
    assert await shop.thanks(english) == ["Thank you for your message. Shop will answer tomorrow by 10:00."]
    assert await shop.thanks(chinese) == ["您好，您的消息已收到，Shop将在明天 10:00 前回复您。"]


async def test_the_time_is_that_on_the_customers_own_wall(shop: Shop) -> None:
    await shop.promise(shop.closed_now())
    nepal = await shop.write("v1", language="en", timezone="Asia/Kathmandu")
    await shop.follow()
    assert await shop.thanks(nepal) == ["Thank you for your message. Shop will answer tomorrow by 07:45."]


async def test_it_answers_nothing_the_clock_runs_on_and_the_list_shows_what_the_customer_said(shop: Shop) -> None:
    await shop.promise(shop.closed_now())
    conversation_id = await shop.write(body="a cracked teapot")
    await shop.follow()
    await shop.follow()
    [clock] = await shop.world.rows(
        "SELECT state, stopped_at FROM sla_clock WHERE conversation_id = $1", conversation_id
    )
    assert (clock["state"], clock["stopped_at"]) == ("running", None)
    [row] = await shop.world.rows(
        "SELECT preview, preview_class, unanswered_since IS NOT NULL AS waits, last_public_sequence, author_id,"
        " direction, visibility, d.state FROM conversation c JOIN message m ON m.conversation_id = c.id"
        " AND m.sequence = 2 JOIN delivery d ON d.message_id = m.id WHERE c.id = $1",
        conversation_id,
    )
    assert tuple(row) == ("a cracked teapot", "customer", True, 2, None, "outbound", "public", "queued")


@pytest.mark.parametrize(("when", "sent"), [("always", True), ("outside_hours", False), ("never", False)])
async def test_the_account_says_when(shop: Shop, when: str, sent: bool) -> None:
    await shop.promise(None)
    await shop.set(when, en="{name_of_brand}: {due}")
    conversation_id = await shop.write(language="en")
    await shop.follow()
    assert await shop.thanks(conversation_id) == (["Shop: today by 05:00 UTC"] if sent else [])


async def test_late_in_the_day_the_answer_is_due_in_the_next_hours_and_is_announced(shop: Shop) -> None:
    await shop.promise({"timezone": SHANGHAI, "weekly": {day: ["09:00-12:30"] for day in DAYS}})
    conversation_id = await shop.write(language="en")
    await shop.follow()
    assert await shop.thanks(conversation_id) == ["Thank you for your message. Shop will answer tomorrow by 09:30."]


async def test_a_promise_that_can_never_be_due_names_no_time(shop: Shop) -> None:
    day = shop.world.clock.now().date().replace(day=1, month=1).isoformat()
    await shop.promise({"timezone": SHANGHAI, "weekly": {}, "open": {day: ["09:00-10:00"]}})
    conversation_id = await shop.write(language="en")
    await shop.follow()
    assert await shop.thanks(conversation_id) == ["Thank you for your message. Shop will answer as soon as possible."]


async def test_it_is_sent_once_in_the_life_of_a_conversation_over_replay_and_more_messages(shop: Shop) -> None:
    await shop.set("always")
    conversation_id = await shop.write()
    await shop.follow()
    await shop.write()
    await shop.follow()
    # As after a crash that lost the cursor and nothing else.
    await shop.world.rows("UPDATE consumer_cursor SET position = 0 WHERE consumer = 'acknowledgement'")
    await shop.follow(ACKNOWLEDGEMENT)
    assert len(await shop.thanks(conversation_id)) == 1
    posted = await shop.world.rows("SELECT payload->>'client_id' AS id FROM event WHERE type = 'message.posted'")
    [clock_id] = await shop.world.rows("SELECT id FROM sla_clock")
    assert [row["id"] for row in posted] == [f"ack:{clock_id['id']}"]


async def test_consumers_that_die_at_any_moment_thank_each_customer_once(shop: Shop) -> None:
    await shop.set("always")
    envelopes = [shop.world.envelope(f"v{number}") for number in range(60)]
    conversation_ids = await shop.write_all(envelopes)
    await shop.follow(SLA)
    await shop.log.dispatch()
    for milliseconds in range(0, 60, 4):
        lives = [asyncio.create_task(shop.runner(ACKNOWLEDGEMENT).run()) for _ in range(2)]
        await asyncio.wait(lives, timeout=milliseconds / 1000)
        for life in lives:
            life.cancel()
        await asyncio.gather(*lives, return_exceptions=True)
    await shop.follow(ACKNOWLEDGEMENT)
    assert [len(await shop.thanks(one)) for one in conversation_ids] == [1] * 60


async def test_a_contact_is_thanked_once_an_hour_whatever_they_begin(shop: Shop) -> None:
    await shop.set("always")
    first = await shop.write("robot")
    await shop.follow()
    await shop.world.rows("UPDATE conversation SET status = 'closed' WHERE id = $1", first)
    second = await shop.write("robot")
    await shop.follow()
    assert (second != first, await shop.thanks(second)) == (True, [])
    await shop.world.rows("UPDATE conversation SET status = 'closed' WHERE id = $1", second)
    shop.world.clock.advance(3601)
    third = await shop.write("robot")
    await shop.follow()
    assert len(await shop.thanks(third)) == 1


async def test_two_conversations_of_one_contact_in_one_batch_are_thanked_once(shop: Shop) -> None:
    await shop.set("always")
    second_account = uuid4()
    await shop.world.rows(
        "INSERT INTO channel_account (id, kind, name, public_key, queue_id, settings, created_at)"
        " SELECT $1, kind, 'Second shop', 'key', queue_id, settings, created_at FROM channel_account",
        second_account,
    )
    first = await shop.write("robot")
    second = await shop.write("robot", channel_account_id=second_account)
    await shop.follow()
    assert sorted([len(await shop.thanks(first)), len(await shop.thanks(second))]) == [0, 1]


async def test_a_conversation_that_is_over_does_not_take_the_thanks_of_the_next(shop: Shop) -> None:
    await shop.set("always")
    first = await shop.write()
    await shop.world.rows("UPDATE conversation SET status = 'closed' WHERE id = $1", first)
    second = await shop.write()
    await shop.follow()
    assert (await shop.thanks(first), len(await shop.thanks(second))) == ([], 1)


async def test_whoever_was_answered_meanwhile_is_not_thanked(shop: Shop) -> None:
    await shop.set("always")
    known_to_the_clocks, unknown = await shop.write("v1"), await shop.write("v2")
    await shop.follow(SLA)
    await shop.answer(unknown)
    await shop.follow(ACKNOWLEDGEMENT)
    await shop.answer(known_to_the_clocks)
    await shop.follow()
    assert await shop.thanks(unknown) == []
    assert len(await shop.thanks(known_to_the_clocks)) == 1


async def test_after_an_outage_the_late_are_not_thanked_and_no_promise_that_has_passed_is_named(shop: Shop) -> None:
    await shop.set("always")
    late = await shop.write("v1", language="en")
    shop.world.clock.advance(3000)
    recent = await shop.write("v2", language="en")
    await shop.follow(SLA)
    shop.world.clock.advance(601)
    await shop.follow(ACKNOWLEDGEMENT)
    assert await shop.thanks(late) == []
    assert await shop.thanks(recent) == ["Thank you for your message. Shop will answer as soon as possible."]


async def test_what_a_machine_wrote_is_not_answered_by_a_machine(shop: Shop) -> None:
    await shop.set("always")
    bounce = await shop.write("postmaster", automatic=True)
    await shop.follow()
    assert await shop.thanks(bounce) == []


async def test_a_probe_gets_none(shop: Shop) -> None:
    await shop.set("always")
    await shop.world.rows("UPDATE channel_account SET synthetic = true")
    conversation_id = await shop.write()
    await shop.follow()
    assert await shop.thanks(conversation_id) == []
