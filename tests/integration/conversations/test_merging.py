"""Two conversations become one: who may say so, what is closed, and where later messages go."""

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from app.access.schemas import Principal
from app.channels.intake import Intake
from app.conversations import service
from app.core.act import Act
from app.core.errors import Conflict, Forbidden, InvalidInput, NotFound
from tests.integration.channels.world import World

SUPERVISOR = Principal(
    kind="agent", id=UUID(int=1), role="supervisor", scopes=frozenset({"routing:write"}), visibility="all"
)
AGENT = replace(SUPERVISOR, role="agent", scopes=frozenset())


async def merge(
    world: World, merged: UUID, into: UUID, *, who: Principal = SUPERVISOR, other_customer: bool = True
) -> None:
    async with world.database.transaction() as session:
        await service.merge(
            session,
            Act(world.clock.now(), who.actor),
            who,
            conversation_id=merged,
            into_id=into,
            other_customer=other_customer,
        )


async def summary(world: World, conversation_id: UUID) -> Any:
    async with world.database.transaction() as session:
        return (await service.summaries_of(session, [conversation_id], reader_id=None))[conversation_id]


async def opened(world: World, intake: Intake, visitor: str, provider_id: str | None = None) -> UUID:
    return (await intake.submit(world.envelope(visitor, provider_id))).conversation_id


async def test_the_merged_one_is_closed_and_says_where_it_went(world: World, intake: Intake) -> None:
    merged = await opened(world, intake, "ada")
    world.clock.advance(60)
    into = await opened(world, intake, "bob")
    asked_at = (await summary(world, merged)).unanswered_since
    await merge(world, merged, into)
    closed, goes_on = await summary(world, merged), await summary(world, into)
    assert (closed.status, closed.merged_into_id, closed.unanswered_since) == ("closed", into, None)
    assert (goes_on.status, goes_on.unanswered_since) == ("open", asked_at)
    assert (await world.event_types(merged))[-2:] == ["conversation.merged", "conversation.status_changed"]
    await merge(world, merged, into)
    assert (await world.event_types(merged)).count("conversation.merged") == 1


async def test_later_messages_of_the_merged_one_join_the_one_that_goes_on(world: World, intake: Intake) -> None:
    merged, into = await opened(world, intake, "ada", "<one@mail>"), await opened(world, intake, "bob")
    await merge(world, merged, into)
    by_contact = await intake.submit(world.envelope("ada"))
    by_thread = await intake.submit(world.envelope("eve", thread_key="<one@mail>"))
    assert (by_contact.conversation_id, by_thread.conversation_id) == (into, into)


async def test_whoever_has_another_open_conversation_goes_on_there(world: World, intake: Intake) -> None:
    merged, into = await opened(world, intake, "ada"), await opened(world, intake, "bob")
    await merge(world, merged, into)
    async with world.database.transaction() as session:
        act = Act(world.clock.now(), "tests")
        await service.resolve(session, act, SUPERVISOR, conversation_id=into, disposition="done")
    world.clock.advance(60)
    begun = await intake.submit(world.envelope("ada"))
    assert begun.conversation_id not in (merged, into)
    assert (await summary(world, begun.conversation_id)).follows_id == into
    assert (await intake.submit(world.envelope("ada"))).conversation_id == begun.conversation_id


async def test_a_chain_of_merges_leads_to_its_end_in_one_step(world: World, intake: Intake) -> None:
    first, second, third = [await opened(world, intake, visitor) for visitor in ("ada", "bob", "eve")]
    await merge(world, first, second)
    await merge(world, second, third)
    assert (await summary(world, first)).merged_into_id == third
    assert (await intake.submit(world.envelope("ada"))).conversation_id == third


async def test_two_customers_are_joined_only_by_a_supervisors_yes(world: World, intake: Intake) -> None:
    merged, into = await opened(world, intake, "ada"), await opened(world, intake, "bob")
    with pytest.raises(Conflict, match="other_customer"):
        await merge(world, merged, into, other_customer=False)
    with pytest.raises(Forbidden, match="supervisor"):
        await merge(world, merged, into, who=AGENT)
    await world.rows(
        "UPDATE conversation SET customer_id = (SELECT customer_id FROM conversation WHERE id = $1) WHERE id = $2",
        into, merged,
    )  # fmt: skip
    await merge(world, merged, into, who=AGENT, other_customer=False)
    assert (await summary(world, merged)).status == "closed"


async def test_only_what_one_sees_and_what_is_open_can_be_merged(world: World, intake: Intake) -> None:
    merged, into, third = [await opened(world, intake, visitor) for visitor in ("ada", "bob", "eve")]
    with pytest.raises(InvalidInput, match="another"):
        await merge(world, merged, merged)
    with pytest.raises(NotFound):
        await merge(world, merged, into, who=replace(SUPERVISOR, visibility="own"))
    await merge(world, merged, into)
    with pytest.raises(Conflict, match="merged before"):
        await merge(world, merged, third)
    with pytest.raises(Conflict, match="merged before"):
        await merge(world, third, merged)


async def test_a_category_is_told_when_it_changes(world: World, intake: Intake) -> None:
    conversation_id = await opened(world, intake, "ada")
    for category in ("billing", "billing", ""):
        async with world.database.transaction() as session:
            act = Act(world.clock.now(), "tests")
            await service.set_category(session, act, SUPERVISOR, conversation_id=conversation_id, category=category)
    assert (await summary(world, conversation_id)).category == ""
    assert (await world.event_types(conversation_id)).count("conversation.categorised") == 2
