"""The due rows of deliveries: each outgoing message on its way to its channel."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from prometheus_client import Counter
from sqlalchemy.ext.asyncio import AsyncSession

from app.channels.adapter import ChannelAdapter, Failed, Outcome, Retry, Sent
from app.conversations import service as conversations
from app.core.act import Act
from app.core.database import Database
from app.core.due_rows import DueTable
from app.core.metrics import at_nought

DELIVERED = Counter("switchboard_deliveries_total", "Outgoing messages by their channel's last word", ["outcome"])
at_nought(DELIVERED, ("sent", "failed"))
MAX_TRIES = 8
"""Over about eight minutes. Then the message has failed, and the agent may send it again."""


class DeliveryPutOff(Exception):
    """The channel cannot take the message now: the row's back-off decides when to try again."""


def delivery_table(adapters: Mapping[str, ChannelAdapter]) -> DueTable:
    """The due table of outgoing messages, sent by the adapter of their channel, in order within a conversation."""

    async def perform(database: Database, act: Act, message_id: UUID) -> Outcome:
        async with database.transaction() as session:
            message = await conversations.find_outgoing(session, message_id)
        if message is None:
            return Failed("message_missing")
        adapter = adapters.get(message.channel)
        if adapter is None:
            return Failed("channel_unknown")
        outcome = await adapter.send(message)
        if isinstance(outcome, Retry):
            if message.try_number >= MAX_TRIES:
                return Failed(outcome.code)
            raise DeliveryPutOff(outcome.code)
        return outcome

    return DueTable(
        name="delivery",
        id_column="message_id",
        record=_record,
        perform=perform,
        order=("conversation_id", "sequence"),
        max_attempts=MAX_TRIES + 2,
    )


async def _record(session: AsyncSession, act: Act, message_id: UUID, outcome: Any) -> None:
    DELIVERED.labels("sent" if isinstance(outcome, Sent) else "failed").inc()
    if isinstance(outcome, Sent):
        await conversations.record_sent(session, act, message_id, provider_id=outcome.provider_id)
    else:
        await conversations.record_failed(session, act, message_id, error_code=outcome.code)
