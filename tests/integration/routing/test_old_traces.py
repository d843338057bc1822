"""Why the router decided as it did can be seen for some months, and while the work is not done."""

from uuid import UUID, uuid4

import pytest

from app.routing import jobs
from tests.integration.routing.world import World


async def traces(world: World) -> set[UUID]:
    found = await world.execute("SELECT conversation_id FROM routing_decision WHERE outcome = 'tested'")
    return {row.conversation_id for row in found}


async def test_whole_months_go_but_not_of_a_conversation_that_has_work(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "DELETED_AT_ONCE", 2)
    at_work = await world.add_waiting()
    gone, kept = [uuid4() for _ in range(5)], uuid4()
    for months, conversation in [*((4, each) for each in (*gone, at_work)), (3, kept)]:
        await world.execute(
            "INSERT INTO routing_decision (id, work_id, conversation_id, outcome, trace, decided_at)"
            " SELECT gen_random_uuid(), :id, :id, 'tested', '{}',"
            " date_trunc('month', CAST(:now AS timestamptz), 'UTC') - make_interval(months => :months)"
            " RETURNING outcome",
            id=conversation,
            months=months,
            now=world.clock.now(),
        )
    await jobs.forget_old_traces(world.database, world.clock, keep_months=3)
    assert await traces(world) == {at_work, kept}
