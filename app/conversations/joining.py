"""Which conversation an incoming message joins."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from app.conversations.status import UNRESOLVED
from app.events.conversations import Status

REOPENS_WITHIN = timedelta(hours=72)


@dataclass(frozen=True, slots=True)
class Standing:
    """A conversation as the join rule sees it. `of_contact`: the writer's own contact point on the same account."""

    id: UUID
    status: Status
    resolved_at: datetime | None
    of_contact: bool


@dataclass(frozen=True, slots=True)
class Join:
    conversation_id: UUID


@dataclass(frozen=True, slots=True)
class Begin:
    """A new conversation; `follows_id` is the one it comes after."""

    follows_id: UUID | None


def choose(thread: Standing | None, others: Iterable[Standing], now: datetime) -> Join | Begin:
    """Thread first; else the contact's unresolved one; else its last one resolved within 72 h; else a new one.

    `thread` is the conversation the message answers by the provider's thread, `others` are the contact's own on this
    channel account. At most one of a contact's conversations is unresolved, so a resolved thread reopens only when it
    is the contact's own and no other is open. Closed never reopens.
    """
    own = list(others)
    unresolved = next((one for one in own if one.status in UNRESOLVED), None)
    if thread is not None and thread.status in UNRESOLVED:
        return Join(thread.id)
    if unresolved is not None:
        return Join(unresolved.id)
    if thread is not None and thread.of_contact and thread.status == "resolved":
        return Join(thread.id)
    latest = max(own, key=_resolved_at, default=None)
    if latest is not None and latest.status == "resolved" and now - _resolved_at(latest) <= REOPENS_WITHIN:
        return Join(latest.id)
    followed = thread or latest
    return Begin(followed.id if followed else None)


def _resolved_at(standing: Standing) -> datetime:
    if standing.resolved_at is None:
        raise ValueError(f"conversation {standing.id} is {standing.status} without a time of resolution")
    return standing.resolved_at
