"""Each event that consoles hear of, in the words of the document of messages: the connection judges every frame."""

from datetime import UTC, datetime
from uuid import UUID

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from app.events.agents import AgentUpdated
from app.events.conversations import (
    ConversationOpened,
    ConversationRightsChanged,
    MessagePosted,
    MessageReceived,
    NoteAdded,
)
from app.events.event import Event
from app.events.routing import OfferMade
from app.realtime.event_data import AGENT_DATA
from tests.integration.realtime.world import Running, World

WITH_ROWS_OF_THEIR_OWN = {
    ConversationOpened,
    ConversationRightsChanged,
    MessagePosted,
    MessageReceived,
    NoteAdded,
    OfferMade,
}
"""What they say stands in tables; other tests tell them."""
MODELS = tuple(model for model in AGENT_DATA if model not in WITH_ROWS_OF_THEIR_OWN)
st.register_type_strategy(datetime, st.datetimes(timezones=st.just(UTC)))


def about(event: Event, *, conversation_id: UUID, agent_id: UUID) -> Event:
    """The same event of a conversation and an agent that are there, and that takes nobody's rights away."""
    ids = {"conversation_id": conversation_id, "agent_id": agent_id}
    known = {name: value for name, value in ids.items() if name in type(event).model_fields}
    if isinstance(event, AgentUpdated):
        known["fields"] = ("name",)
    return type(event).model_validate(event.model_dump() | known)


@settings(max_examples=1, phases=[Phase.generate], suppress_health_check=list(HealthCheck), deadline=None)
@given(made=st.tuples(*(st.builds(model) for model in MODELS)))
async def test_a_console_hears_every_event_as_the_document_says(
    server: Running, world: World, made: tuple[Event, ...]
) -> None:
    admin = await world.add_person("Zhu Ying", role="admin", visibility="all")
    talk = await world.open(admin)
    client = await server.join(admin)
    assert (await client.next())["type"] == "snapshot"
    await world.append([about(event, conversation_id=talk.id, agent_id=admin.id) for event in made])
    heard = {frame["event"] for frame in await client.through(await world.head()) if frame["type"] == "event"}
    # The reader of these frames leaves presence out.
    assert heard | {"presence.changed"} == {model.type for model in MODELS}
