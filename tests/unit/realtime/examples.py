"""One event of each kind that a socket meets, and the people who might get it."""

from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID

from app.access.permissions import ROLE_SCOPES
from app.access.schemas import Principal
from app.events.agents import AgentUpdated, TeamChanged
from app.events.conversations import (
    ConversationOpened,
    ConversationRead,
    ConversationStatusChanged,
    DeliveryChanged,
    MessagePosted,
    MessageReceived,
    NoteAdded,
)
from app.events.customers import CustomerCreated
from app.events.event import Event, Rights
from app.events.routing import (
    OfferEnded,
    OfferMade,
    PresenceChanged,
    PresenceState,
    QueueChanged,
    TransferEnded,
    TransferOffered,
    WorkChanged,
    WrapUpBegan,
    WrapUpEnded,
)
from app.realtime.audience import Reach, Viewer, Visitor, sees_presence

CONVERSATION = UUID(int=100)
SUBJECT = UUID(int=101)
NOW = datetime(2026, 11, 22, 6, 0, tzinfo=UTC)
_MESSAGE: dict[str, Any] = {
    "conversation_id": CONVERSATION,
    "message_id": SUBJECT,
    "sequence": 1,
    "channel": "chat",
    "channel_account_id": SUBJECT,
    "arrived_at": NOW,
}
TRANSFER: dict[str, Any] = {
    "conversation_id": CONVERSATION,
    "offer_id": SUBJECT,
    "from_agent_id": SUBJECT,
    "to_agent_id": SUBJECT,
}
_OFFER: dict[str, Any] = {
    "conversation_id": CONVERSATION,
    "offer_id": SUBJECT,
    "work_id": SUBJECT,
    "queue_id": SUBJECT,
    "agent_id": SUBJECT,
}
_WRAP_UP: dict[str, Any] = {
    "agent_id": SUBJECT,
    "work_id": SUBJECT,
    "conversation_id": CONVERSATION,
    "queue_id": SUBJECT,
}
READY = PresenceState(session="connected", readiness="ready", reason="", penalty="none")
EXAMPLES: tuple[Event, ...] = (
    ConversationOpened(
        conversation_id=CONVERSATION,
        number=7,
        customer_id=SUBJECT,
        contact_point_id=SUBJECT,
        channel="chat",
        channel_account_id=SUBJECT,
        priority=3,
        language="en",
        rights=Rights(),
    ),
    ConversationStatusChanged(
        conversation_id=CONVERSATION,
        before="open",
        after="resolved",
        effective_at=NOW,
        rights=Rights(owner_id=SUBJECT),
        channel="chat",
        priority=3,
        disposition="refund",
    ),
    MessageReceived(**_MESSAGE, message_class="customer", provider_at=None, effective_at=NOW),
    MessagePosted(**_MESSAGE, message_class="agent_public", author_id=SUBJECT, client_id="c1"),
    NoteAdded(conversation_id=CONVERSATION, message_id=SUBJECT, sequence=2, author_id=SUBJECT, arrived_at=NOW),
    DeliveryChanged(conversation_id=CONVERSATION, message_id=SUBJECT, sequence=1, state="read", watermark=True),
    ConversationRead(conversation_id=CONVERSATION, agent_id=SUBJECT, sequence=1),
    WorkChanged(
        conversation_id=CONVERSATION, work_id=SUBJECT, queue_id=SUBJECT, before=None, after="queued", reason="opened"
    ),
    OfferMade(**_OFFER, deadline_at=NOW),
    OfferEnded(**_OFFER, state="declined", reason="busy"),
    TransferOffered(**TRANSFER, deadline_at=NOW),
    TransferEnded(**TRANSFER, state="declined"),
    PresenceChanged(agent_id=SUBJECT, before=None, after=READY),
    WrapUpBegan(**_WRAP_UP, mode="timed", ends_at=NOW),
    WrapUpEnded(**_WRAP_UP, reason="time"),
    QueueChanged(queue_id=SUBJECT, change="updated"),
    TeamChanged(team_id=SUBJECT, change="created"),
    AgentUpdated(agent_id=SUBJECT, fields=("name",)),
    CustomerCreated(customer_id=SUBJECT),
)


def agent(
    agent_id: UUID,
    *,
    role: Literal["agent", "supervisor", "admin"] = "agent",
    visibility: Literal["own", "team", "all"] = "own",
    team_id: UUID | None = None,
) -> Principal:
    return Principal(
        kind="agent", id=agent_id, role=role, scopes=ROLE_SCOPES[role], visibility=visibility, team_id=team_id
    )


def includes(reach: Reach, viewer: Viewer) -> bool:
    """What a reach means, said slowly; the roster finds the same by its indexes."""
    if reach.everyone:
        return True
    if isinstance(viewer, Visitor):
        return viewer.contact_point_id == reach.contact_point_id
    named = viewer.id in reach.agents or viewer.team_id in reach.teams
    return named or (reach.wide and viewer.visibility == "all") or (reach.presence and sees_presence(viewer))
