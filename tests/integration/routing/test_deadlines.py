"""What SLA announces moves the work: nearer, never further, and traced."""

from datetime import datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.act import Act
from app.events.sla import ClockFacts, ClocksChanged, SlaBreached
from app.routing.service.deadlines import obey
from app.routing.service.sla_orders import asked_by
from app.wiring import HOURS
from tests.event_logs import stored
from tests.integration.routing.world import Routed, World


def clock_due(conversation_id: UUID, due_at: datetime, *, metric: str = "first_reply") -> ClocksChanged:
    clock = ClockFacts(
        clock_id=uuid4(),
        metric=metric,
        seq=1,
        state="running",
        started_at=due_at,
        due_at=due_at,
        stopped_at=None,
        breached_at=None,
    )
    return ClocksChanged(conversation_id=conversation_id, clocks=(clock,))


async def hear(world: World, *events: ClocksChanged | SlaBreached) -> None:
    async def obeyed(session: AsyncSession, act: Act) -> None:
        await obey(session, act, asked_by([stored(event, act.now) for event in events]), hours=HOURS)

    await world.run(obeyed)


async def test_a_nearer_due_time_advances_the_virtual_deadline_once(world: World) -> None:
    conversation = await world.add_waiting()
    due_at = world.clock.now() + timedelta(seconds=20)
    for _ in range(2):
        await hear(world, clock_due(conversation, due_at))
    await hear(world, clock_due(conversation, due_at + timedelta(seconds=30)))
    await hear(world, clock_due(conversation, due_at - timedelta(seconds=10), metric="first_resolution"))
    assert (await world.work(conversation)).due_at == due_at
    traces = await world.execute("SELECT outcome FROM routing_decision WHERE outcome = 'due_advanced'")
    assert len(traces) == 1


async def test_a_breach_may_send_an_owned_conversation_back_to_its_queue(world: World, routed: Routed) -> None:
    agent = await world.add_agent()
    conversation = await world.add_waiting()
    await routed()
    await world.accept((await world.offers(conversation))[0])
    now = world.clock.now()
    breached = SlaBreached(
        conversation_id=conversation,
        clock_id=uuid4(),
        metric="next_reply",
        seq=1,
        due_at=now,
        detected_at=now,
        breached_at=now,
        actions=("requeue",),
    )
    await hear(world, breached)
    await hear(world, breached)
    work = await world.work(conversation)
    assert (work.state, work.agent_id, work.sticky_agent_id) == ("queued", None, None)
    assert await world.owner(conversation) is None
    assert await world.used_units(agent) == 0
    await world.assert_sound()
