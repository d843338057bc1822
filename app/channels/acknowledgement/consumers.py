"""The acknowledgement follows the clocks: a first reply that is owed is told to whoever waits for it."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.channels.acknowledgement.service import Started, acknowledge
from app.core.act import Act
from app.core.consumers import Consumer
from app.core.event_log import StoredEvent
from app.events.sla import ClocksChanged

OWED = frozenset({"running", "breached"})


async def handle(session: AsyncSession, act: Act, events: list[StoredEvent]) -> None:
    owed: dict[UUID, Started] = {}
    for stored in events:
        changed = ClocksChanged.model_validate(stored.payload)
        for clock in changed.clocks:
            if clock.metric == "first_reply" and clock.state in OWED:
                owed[changed.conversation_id] = Started(clock.clock_id, stored.request_id)
    if owed:
        await acknowledge(session, act, owed)


ACKNOWLEDGEMENT = Consumer(
    "acknowledgement", frozenset({ClocksChanged.type}), handle, start="head", looks_a_second=10.0
)
