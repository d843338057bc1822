"""Who gets what of an event: one rule for live delivery and for replay, decided by present rights."""

from dataclasses import dataclass
from enum import Enum, auto
from uuid import UUID

from app.access.schemas import Principal
from app.access.visibility import may_see
from app.events.agents import AgentDisabled, AgentUpdated, ApiKeyChanged, SessionEnded, SkillChanged, TeamChanged
from app.events.conversations import (
    ConversationOpened,
    ConversationRightsChanged,
    ConversationStatusChanged,
    DeliveryChanged,
    MessagePosted,
    MessageReceived,
)
from app.events.event import ConversationEvent, Event, Rights
from app.events.routing import (
    OfferEnded,
    OfferMade,
    PresenceChanged,
    QueueChanged,
    TransferEnded,
    TransferOffered,
    WrapUpBegan,
    WrapUpEnded,
)
from app.events.sla import Addressed

SUPERVISING_ROLES = frozenset({"supervisor", "admin"})
RIGHTS_FIELDS = frozenset({"role", "team", "team_id", "visibility"})
"""Fields of AgentUpdated that change what the agent may see."""
VISITOR_EVENTS = (
    ConversationOpened,
    ConversationStatusChanged,
    ConversationRightsChanged,
    MessageReceived,
    MessagePosted,
    DeliveryChanged,
)


class Delivery(Enum):
    NOTHING = auto()
    EVENT = auto()
    OFFER = auto()
    """The event with the offer and its token: for the agent it is made to."""
    GAINED = auto()
    """The event with the conversation as it stands: the receiver could not see it before."""
    REMOVED = auto()
    RECHECK = auto()
    """The receiver's own rights or session changed: look at both again before anything more is delivered."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """A customer in the widget: sees the conversations of one contact point on one channel account.

    The contact point's id is the visitor's, also before the first message makes it.
    """

    contact_point_id: UUID
    channel_account_id: UUID


Viewer = Principal | Visitor


def delivery_to_agent(principal: Principal, event: Event, present: Rights | None) -> Delivery:
    """`present`: the conversation's rights now; None when the event concerns none, or one that is gone."""
    if isinstance(event, OfferMade | OfferEnded):
        return _offer(principal, event, present)
    if isinstance(event, ConversationEvent):
        return _conversation(principal, event, present)
    if isinstance(event, PresenceChanged | WrapUpBegan | WrapUpEnded):
        return _when(event.agent_id == principal.id or sees_presence(principal))
    if isinstance(event, AgentUpdated | AgentDisabled | SessionEnded):
        return _own_account(principal, event)
    if isinstance(event, ApiKeyChanged):
        return Delivery.RECHECK if event.api_key_id == principal.id else Delivery.NOTHING
    if isinstance(event, QueueChanged):
        return _when("routing:read" in principal.scopes)
    if isinstance(event, TeamChanged | SkillChanged):
        return _when("agents:read" in principal.scopes)
    return Delivery.NOTHING


def delivery_to_visitor(visitor: Visitor, event: Event, contact_point_id: UUID | None) -> Delivery:
    """`contact_point_id`: whose conversation it is. Notes and everything inside the house never pass."""
    return _when(contact_point_id == visitor.contact_point_id and isinstance(event, VISITOR_EVENTS))


def sight(viewer: Viewer) -> tuple[object, ...]:
    """All that decides what a viewer gets. When it changes, what the viewer holds may be too much or too little."""
    if isinstance(viewer, Visitor):
        return viewer.contact_point_id, viewer.channel_account_id
    return viewer.kind, viewer.id, viewer.role, viewer.scopes, viewer.visibility, viewer.team_id


def sees_presence(principal: Principal) -> bool:
    """Programs only. People have the board, one frame a second for all agents: two thousand consoles that lose their
    lines together change two thousand presences, and to tell each of everyone would be millions of frames.
    """
    return principal.kind == "api_key" and "routing:read" in principal.scopes


def gains(principal: Principal, event: Event, present: Rights | None) -> bool:
    return (
        isinstance(event, ConversationRightsChanged) and delivery_to_agent(principal, event, present) is Delivery.GAINED
    )


def _when(allowed: bool) -> Delivery:
    return Delivery.EVENT if allowed else Delivery.NOTHING


def _sees(principal: Principal, rights: Rights | None) -> bool:
    return rights is not None and "conversations:read" in principal.scopes and may_see(principal, rights)


def _conversation(principal: Principal, event: ConversationEvent, present: Rights | None) -> Delivery:
    sees_now = _sees(principal, present)
    if not isinstance(event, ConversationRightsChanged):
        return _when(sees_now or _is_named(principal, event))
    before, after = _sees(principal, event.before), _sees(principal, event.after)
    if sees_now:
        return Delivery.GAINED if after and not before else Delivery.EVENT
    return Delivery.REMOVED if before and not after else Delivery.NOTHING


def _is_named(principal: Principal, event: Event) -> bool:
    """Whoever is asked for help hears of it before they may see the conversation, and whoever asked for a transfer when
    they no longer do; ids and codes are all they learn.
    """
    if isinstance(event, TransferOffered | TransferEnded):
        return principal.id in (event.from_agent_id, event.to_agent_id)
    return (
        isinstance(event, Addressed)
        and "conversations:read" in principal.scopes
        and (principal.id in event.to_agent_ids or principal.team_id in event.to_team_ids)
    )


def _offer(principal: Principal, event: OfferMade | OfferEnded, present: Rights | None) -> Delivery:
    if event.agent_id == principal.id:
        return Delivery.OFFER if isinstance(event, OfferMade) else Delivery.EVENT
    return _when(principal.role in SUPERVISING_ROLES and _sees(principal, present))


def _own_account(principal: Principal, event: AgentUpdated | AgentDisabled | SessionEnded) -> Delivery:
    if event.agent_id != principal.id:
        return Delivery.NOTHING
    if isinstance(event, AgentUpdated) and not RIGHTS_FIELDS.intersection(event.fields):
        return Delivery.EVENT
    return Delivery.RECHECK


@dataclass(frozen=True, slots=True)
class Reach:
    """A superset of an event's receivers, in terms a roster can look up. The rule above still decides on each."""

    agents: frozenset[UUID] = frozenset()
    teams: frozenset[UUID] = frozenset()
    wide: bool = False
    """Everyone whose visibility is `all`."""
    everyone: bool = False
    presence: bool = False
    """Everyone who sees the presence of others."""
    contact_point_id: UUID | None = None


def reach_of(event: Event, present: Rights | None, contact_point_id: UUID | None) -> Reach:
    if isinstance(event, ConversationEvent):
        rights = [present] if present else []
        if isinstance(event, ConversationRightsChanged):
            rights += [event.before, event.after]
        named = {event.agent_id} if isinstance(event, OfferMade | OfferEnded) else set()
        teams: set[UUID] = set()
        if isinstance(event, TransferOffered | TransferEnded):
            named = {event.from_agent_id, event.to_agent_id}
        if isinstance(event, Addressed):
            named, teams = set(event.to_agent_ids), set(event.to_team_ids)
        return Reach(
            agents=frozenset({each.owner_id for each in rights if each.owner_id} | named),
            teams=frozenset({each.team_id for each in rights if each.team_id} | teams),
            wide=True,
            contact_point_id=contact_point_id if isinstance(event, VISITOR_EVENTS) else None,
        )
    if isinstance(event, AgentUpdated | AgentDisabled | SessionEnded):
        return Reach(agents=frozenset({event.agent_id}))
    if isinstance(event, ApiKeyChanged):
        return Reach(agents=frozenset({event.api_key_id}))
    if isinstance(event, PresenceChanged | WrapUpBegan | WrapUpEnded):
        return Reach(agents=frozenset({event.agent_id}), presence=True)
    if isinstance(event, QueueChanged | TeamChanged | SkillChanged):
        return Reach(everyone=True)
    return Reach()
