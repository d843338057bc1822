"""Routing follows the log: work for conversations that open, wake or end, what they are about, who lost them,
deadlines of SLA, disabled agents."""

from collections.abc import Mapping
from functools import partial
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.act import Act
from app.core.consumers import Consumer
from app.core.event_log import StoredEvent
from app.routing.idling import LIVE_CHAT_CHANNELS
from app.routing.service.crossing import until_uncrossed
from app.routing.service.deadlines import obey
from app.routing.service.hours import Hours
from app.routing.service.presences import retire
from app.routing.service.recategorising import Recategorised, reapply
from app.routing.service.sla_orders import SLA_TYPES, Asked, asked_by
from app.routing.service.waking import wake
from app.routing.service.warm_transfers import note_lost
from app.routing.service.work import Cause, follow_conversations
from app.routing.work_states import ENDED_STATUSES

STATUS_CHANGED = "conversation.status_changed"
CONVERSATION_TYPES = frozenset({"conversation.opened", STATUS_CHANGED})
CATEGORISED = "conversation.categorised"
RIGHTS_CHANGED = "conversation.rights_changed"
MESSAGE_TYPES = frozenset({"message.received", "message.posted"})
LOOKS_A_SECOND = 50.0
"""A customer waits for what this consumer does."""
WAKING_LOOKS_A_SECOND = 4.0
"""The owner has the message already. Slowly, because nearly all that is written is in chats that are not idle."""


async def handle(session: AsyncSession, act: Act, events: list[StoredEvent], *, hours: Hours) -> None:
    causes = {event.key: Cause(event.actor, event.request_id) for event in events if event.type in CONVERSATION_TYPES}
    told, asked = _recategorised(events), asked_by(events)
    # Work that is there already first: it may need locks of agents, which come before work that is being made.
    await _ask_again(
        session,
        act,
        {key: one for key, one in told.items() if key not in causes},
        {key: one for key, one in asked.items() if key not in causes},
        hours,
    )
    if causes:
        await until_uncrossed(session, lambda: follow_conversations(session, act, causes, hours=hours))
    await _ask_again(
        session,
        act,
        {key: one for key, one in told.items() if key in causes},
        {key: one for key, one in asked.items() if key in causes},
        hours,
    )
    for event in events:
        if event.type == "agent.disabled":
            await retire(session, act.under(event.request_id), event.key)
    await note_lost(session, act, {event.key for event in events if _is_loss(event)})


async def wake_chats(session: AsyncSession, act: Act, events: list[StoredEvent], *, hours: Hours) -> None:
    """One statement for a page of messages, and no more where none of their chats is idle."""
    chats = [event for event in events if event.payload["channel"] in LIVE_CHAT_CHANNELS]
    written = {event.key: Cause(event.actor, event.request_id) for event in chats}
    await until_uncrossed(session, lambda: wake(session, act, written, hours=hours))


async def _ask_again(
    session: AsyncSession, act: Act, told: Mapping[UUID, Recategorised], asked: Mapping[UUID, Asked], hours: Hours
) -> None:
    """Rules of those whose category was told, then what SLA asks of these."""
    if told:
        await until_uncrossed(session, lambda: reapply(session, act, told, hours=hours))
    if asked:
        await until_uncrossed(session, lambda: obey(session, act, asked, hours=hours))


def _is_loss(event: StoredEvent) -> bool:
    """Whether who had the conversation has it no longer, or need not."""
    if event.type == RIGHTS_CHANGED:
        before = event.payload["before"]["owner_id"]
        return before is not None and event.payload["after"]["owner_id"] != before
    return event.type == STATUS_CHANGED and event.payload["after"] in ENDED_STATUSES


def _recategorised(events: list[StoredEvent]) -> dict[UUID, Recategorised]:
    """By conversation: the category before the first of these events, and the last one's request."""
    told: dict[UUID, Recategorised] = {}
    for event in events:
        if event.type == CATEGORISED:
            first = told.get(event.key)
            told[event.key] = Recategorised(first.before if first else event.payload["before"], event.request_id)
    return told


def consumers(hours: Hours) -> tuple[Consumer, ...]:
    """`hours`: the opening hours in which targets of new work are counted."""
    types = CONVERSATION_TYPES | SLA_TYPES | {"agent.disabled", CATEGORISED, RIGHTS_CHANGED}
    return (
        Consumer("routing", types, partial(handle, hours=hours), start="beginning", looks_a_second=LOOKS_A_SECOND),
        Consumer(
            "chat_waking",
            MESSAGE_TYPES,
            partial(wake_chats, hours=hours),
            start="head",
            looks_a_second=WAKING_LOOKS_A_SECOND,
        ),
    )
