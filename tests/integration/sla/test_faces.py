"""What screens are given of clocks: the most urgent one, all of them, and counts that their lists agree with."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from uuid import UUID, uuid4

import pytest

from app.access.schemas import Principal
from app.access.visibility import may_see
from app.core.http import Page
from app.events.conversations import ConversationRightsChanged
from app.events.event import Rights
from app.sla.service import faces
from app.workspace import service as workspace
from app.workspace.schemas import PressingItem
from tests.integration.sla.world import World

BOSS = Principal("agent", uuid4(), "supervisor", frozenset(), "all")


async def urgent(world: World, conversation_id: UUID) -> tuple[str, str] | None:
    async with world.database.transaction() as session:
        found = await faces.list_faces(session, [conversation_id, uuid4()])
    face = found.get(conversation_id)
    return (face.metric, face.state) if face else None


async def pressing(world: World, standing: faces.Standing, principal: Principal = BOSS) -> list[PressingItem]:
    """Every page of the list, two rows each."""
    items: list[PressingItem] = []
    cursor = None
    async with world.database.transaction() as session:
        while True:
            page: Page[PressingItem] = await workspace.list_pressing(
                session, principal, world.clock.now(), standing=standing, queue_id=None, cursor=cursor, limit=2
            )
            items += page.items
            if (cursor := page.next_cursor) is None:
                return items


def at_noon(world: World) -> None:
    """So that no midnight falls into the test."""
    now = world.clock.now()
    noon = now.replace(hour=12, minute=0, second=0, microsecond=0) + timedelta(days=1)
    world.clock.advance((noon - now).total_seconds())


async def test_the_most_urgent_clock_is_the_breached_one_then_the_nearest_and_the_paused_one_last(
    world: World,
) -> None:
    await world.use_policy(
        targets=[{"metric": "requester_wait", "seconds": 30}, {"metric": "first_resolution", "seconds": 600}]
    )
    conversation_id = await world.open()
    await world.follow()
    assert await urgent(world, conversation_id) == ("requester_wait", "running")
    world.clock.advance(10)
    await world.tell(world.status(conversation_id, "open", "pending"))
    await world.follow()
    assert (await urgent(world, conversation_id) or "")[1] == "running"
    await world.tell(world.we_wrote(conversation_id), world.status(conversation_id, "pending", "open"))
    await world.follow()
    world.clock.advance(40)
    await world.ring()
    assert await urgent(world, conversation_id) == ("requester_wait", "breached")
    await world.tell(world.status(conversation_id, "open", "resolved"))
    await world.follow()
    assert await urgent(world, conversation_id) is None


async def test_a_pause_that_ends_by_itself_needs_no_new_face(world: World) -> None:
    target = {"metric": "requester_wait", "seconds": 600, "longest_pause_seconds": 60}
    await world.use_policy(targets=[target])
    conversation_id = await world.open()
    await world.tell(world.we_wrote(conversation_id), world.status(conversation_id, "open", "pending"))
    await world.follow()
    paused_at = world.clock.now()
    world.clock.advance(90)
    await world.ring()
    async with world.database.transaction() as session:
        face = (await faces.list_faces(session, [conversation_id]))[conversation_id]
    assert (face.state, face.resumes_at) == ("running", paused_at + timedelta(seconds=60))
    assert face.due_at == face.spans[-1][1] == paused_at + timedelta(seconds=660)
    world.clock.advance(480)
    assert len(await pressing(world, "due_soon")) == 1


async def test_the_counts_of_the_board_are_those_of_its_lists_and_of_a_recount(world: World) -> None:
    for _ in range(5):
        await world.open()  # live chat promises the first answer within 60 s
        world.clock.advance(10)
        await world.follow()
    now = world.clock.now()
    rows = await world.execute("SELECT started_at, due_at FROM sla_clock WHERE metric = 'first_reply'")
    for ahead in (0, 5, 12, 30, 90):
        at = now + timedelta(seconds=ahead)
        world.clock.advance((at - world.clock.now()).total_seconds())
        soon = [row for row in rows if row.started_at + timedelta(seconds=45) <= at < row.due_at]
        late = [row for row in rows if row.due_at <= at]
        async with world.database.transaction() as session:
            board = await workspace.get_wallboard(session, BOSS, at)
        [line] = board.queues
        assert (line.due_soon, line.breached) == (len(soon), len(late)), ahead
        assert (board.sla.due_soon, board.sla.breached_open) == (len(soon), len(late)), ahead
        assert len(await pressing(world, "due_soon")) == len(soon)
        breached = await pressing(world, "breached")
        assert [item.due_at for item in breached] == sorted(row.due_at for row in late)


async def test_the_day_counts_what_was_due_since_midnight_and_what_was_kept(world: World) -> None:
    at_noon(world)
    answered, _ = await world.open(), await world.open()
    await world.follow()
    world.clock.advance(20)
    await world.tell(world.we_wrote(answered))
    await world.follow()
    world.clock.advance(60)
    now = world.clock.now()
    async with world.database.transaction() as session:
        figures = (await workspace.get_wallboard(session, BOSS, now)).sla
    assert (figures.met, figures.due) == (1, 2)
    assert figures.since == datetime(now.year, now.month, now.day, tzinfo=UTC)
    async with world.database.transaction() as session:
        figures = (await workspace.get_wallboard(session, BOSS, now + timedelta(days=1))).sla
    assert (figures.met, figures.due) == (0, 0)


async def test_the_live_board_counts_the_day_anew_every_ten_seconds(world: World) -> None:
    at_noon(world)
    await world.open()
    await world.follow()
    live, began = workspace.Wallboards(), world.clock.now()
    counted = {}
    for seconds in (55, 62, 66):
        async with world.database.transaction() as session:
            figures = (await live.get(session, BOSS, began + timedelta(seconds=seconds))).sla
        counted[seconds] = (figures.due, figures.breached_open, figures.until - began)
    assert counted == {
        55: (0, 0, timedelta(seconds=55)),
        62: (0, 1, timedelta(seconds=55)),
        66: (1, 1, timedelta(seconds=66)),
    }


@pytest.mark.parametrize("visibility", ["own", "team", "all"])
async def test_who_counts_sees_what_the_rule_lets_them_see(world: World, visibility: str) -> None:
    me = replace(BOSS, visibility=visibility, team_id=uuid4())
    placed = {}
    for owner_id, team_id in product((None, me.id, uuid4()), (me.team_id, uuid4())):
        placed[await world.open()] = Rights(owner_id=owner_id, team_id=team_id, queue_id=world.queue_id)
    before = Rights(queue_id=world.queue_id)
    await world.tell(
        *(
            ConversationRightsChanged(conversation_id=one, before=before, after=rights, reason="assigned")
            for one, rights in placed.items()
        )
    )
    await world.follow()
    world.clock.advance(61)
    seen = {one for one, rights in placed.items() if may_see(me, rights)}
    assert {item.conversation.id for item in await pressing(world, "breached", me)} == seen
    async with world.database.transaction() as session:
        counted = await faces.count_pressing(session, me, world.clock.now())
    assert sum(one.breached for one in counted.values()) == len(seen)
