from dataclasses import dataclass, field
from typing import ClassVar
from uuid import UUID

import pytest

from app.access.schemas import Principal
from app.channels.adapter import ChannelAdapter, ChannelLimits, Failed, InboundRequest, Outcome, Retry, Sent
from app.channels.envelope import InboundEnvelope
from app.channels.intake import Intake
from app.channels.jobs import MAX_TRIES, delivery_table
from app.channels.schemas import AccountFacts
from app.conversations import service as conversations
from app.conversations.schemas import OutgoingMessage
from app.core.act import Act
from app.core.due_rows import DueRowRunner
from app.core.errors import Conflict
from tests.integration.channels.world import World


@dataclass
class Scripted:
    """An adapter that answers as told, and keeps what it was given."""

    kind: ClassVar[str] = "chat"
    limits: ClassVar[ChannelLimits] = ChannelLimits(4_000, 0, 0)
    outcomes: list[Outcome]
    sent: list[OutgoingMessage] = field(default_factory=list)

    def verify(self, account: AccountFacts, request: InboundRequest) -> None: ...

    def normalise(self, account: AccountFacts, request: InboundRequest) -> list[InboundEnvelope]:
        return []

    async def send(self, message: OutgoingMessage) -> Outcome:
        self.sent.append(message)
        return self.outcomes.pop(0) if len(self.outcomes) > 1 else self.outcomes[0]


@pytest.fixture
async def mei(world: World) -> Principal:
    agent_id = await world.add_agent("Mei")
    return Principal("agent", agent_id, "agent", frozenset(), "team", world.team_id)


async def reply(world: World, intake: Intake, mei: Principal, *bodies: str) -> list[UUID]:
    conversation_id = (await intake.submit(world.envelope())).conversation_id
    ids = []
    for body in bodies:
        async with world.database.transaction() as session:
            act = Act(world.clock.now(), mei.actor)
            posted = await conversations.post_message(
                session, act, mei, conversation_id=conversation_id, body=body, client_id=body
            )
            ids.append(posted.message_id)
    return ids


async def work_off(world: World, adapter: ChannelAdapter, rounds: int = 1) -> None:
    table = delivery_table({"chat": adapter})
    for _ in range(rounds):
        await DueRowRunner(world.database, world.clock, [table]).run_once(table)
        world.clock.advance(301)


async def test_replies_go_out_once_and_in_order(world: World, intake: Intake, mei: Principal) -> None:
    await reply(world, intake, mei, "one", "two")
    adapter = Scripted([Sent("p1"), Sent("p2")])
    await work_off(world, adapter, rounds=3)
    assert [message.body for message in adapter.sent] == ["one", "two"]
    assert adapter.sent[0].contact_value == "v1"
    assert {tuple(row) for row in await world.rows("SELECT state, provider_id, run_at FROM delivery")} == {
        ("sent", "p1", None),
        ("sent", "p2", None),
    }


async def test_a_channel_that_cannot_take_it_now_is_asked_again(world: World, intake: Intake, mei: Principal) -> None:
    await reply(world, intake, mei, "one")
    adapter = Scripted([Retry("busy"), Retry("busy"), Sent()])
    await work_off(world, adapter, rounds=4)
    assert len(adapter.sent) == 3
    assert await world.value("SELECT state FROM delivery") == "sent"


async def test_endless_retries_fail_and_a_failed_message_is_sent_again_by_a_click(
    world: World, intake: Intake, mei: Principal
) -> None:
    message_id = (await reply(world, intake, mei, "one"))[0]
    await work_off(world, Scripted([Retry("busy")]), rounds=MAX_TRIES + 2)
    assert tuple((await world.rows("SELECT state, error_code FROM delivery"))[0]) == ("failed", "busy")

    for expected in ("queued", None):
        async with world.database.transaction() as session:
            act = Act(world.clock.now(), mei.actor)
            if expected is None:
                with pytest.raises(Conflict, match="not sent twice"):
                    await conversations.resend(session, act, mei, message_id=message_id)
            else:
                await conversations.resend(session, act, mei, message_id=message_id)
    await work_off(world, Scripted([Sent()]))
    assert await world.value("SELECT state FROM delivery") == "sent"


async def test_a_refused_message_is_told_at_once(world: World, intake: Intake, mei: Principal) -> None:
    await reply(world, intake, mei, "one")
    await work_off(world, Scripted([Failed("blocked")]))
    assert await world.value("SELECT error_code FROM delivery") == "blocked"
    assert await world.value("SELECT count(*) FROM event WHERE type = 'message.delivery_changed'") == 1
