"""What a batch of incoming messages does to conversations: decided here, stored elsewhere."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from app.conversations.joining import Join, Standing, choose
from app.conversations.status import UNRESOLVED
from app.conversations.texts import preview
from app.events.conversations import ConversationOpened, ConversationStatusChanged, MessageReceived, Status
from app.events.event import ConversationEvent, Rights

PROVIDER_TIME_TRUSTED_WITHIN = timedelta(minutes=5)
InboundName = tuple[UUID, str]
"""(channel account, provider id): what names an incoming message for ever."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """One incoming message whose sender and channel account are known. Rights and priority are for a new one."""

    channel: str
    channel_account_id: UUID
    provider_id: str
    customer_id: UUID
    contact_point_id: UUID
    thread_key: str | None
    body: str
    attachments: tuple[dict[str, Any], ...]
    provider_at: datetime | None
    language: str
    rights: Rights
    priority: int
    synthetic: bool
    request_id: str
    client_id: str | None
    automatic: bool
    brand: str

    @property
    def name(self) -> InboundName:
        return self.channel_account_id, self.provider_id


@dataclass(frozen=True, slots=True)
class Received:
    """Where a message went. `duplicate`: it had come in before, and this is where it went then."""

    conversation_id: UUID
    message_id: UUID
    sequence: int
    arrived_at: datetime
    duplicate: bool


@dataclass(slots=True)
class Head:
    """A conversation while a batch is applied to it. `number` 0: not stored yet."""

    id: UUID
    number: int
    customer_id: UUID
    contact_point_id: UUID
    channel: str
    channel_account_id: UUID
    status: Status
    rights: Rights
    priority: int
    language: str
    last_sequence: int
    resolved_at: datetime | None
    unanswered_since: datetime | None
    follows_id: UUID | None = None
    synthetic: bool = False
    merged_into_id: UUID | None = None
    brand: str = ""
    """Of a new one: what its channel account speaks for."""
    preview: str = ""
    arrived: int = 0

    @property
    def pair(self) -> tuple[UUID, UUID]:
        return self.channel_account_id, self.contact_point_id

    def standing(self, contact_point_id: UUID) -> Standing:
        return Standing(self.id, self.status, self.resolved_at, self.contact_point_id == contact_point_id)


@dataclass(frozen=True, slots=True)
class NewMessage:
    id: UUID
    head: Head
    sequence: int
    arrival: Arrival
    first: bool
    """It began the conversation."""
    woke_from: Status | None
    """The status the conversation left because of it."""


@dataclass(slots=True)
class Plan:
    """`heads` are all that changed, new ones among them (number 0). `received` is in the order of the arrivals."""

    heads: list[Head] = field(default_factory=list)
    messages: list[NewMessage] = field(default_factory=list)
    received: list[Received] = field(default_factory=list)


def plan(
    arrivals: Sequence[Arrival],
    known: Mapping[InboundName, Received],
    heads: Iterable[Head],
    now: datetime,
    new_id: Callable[[], UUID],
) -> Plan:
    """Give every arrival its conversation, its sequence and its effect.

    `known` are the messages that came in before, those the arrivals answer among them. `heads` are the locked
    conversations that any arrival may join, those among them that others were merged into.
    """
    made = Plan()
    seen = dict(known)
    standing = _Heads(heads)
    for arrival in arrivals:
        before = seen.get(arrival.name)
        if before is not None:
            made.received.append(before)
            continue
        head = _head_for(arrival, seen, standing, now, new_id)
        message = _apply(head, arrival, now, new_id())
        if head.arrived == 1:
            made.heads.append(head)
        made.messages.append(message)
        received = Received(head.id, message.id, message.sequence, now, duplicate=False)
        made.received.append(received)
        seen[arrival.name] = Received(head.id, message.id, message.sequence, now, duplicate=True)
    return made


class _Heads:
    """The conversations of a batch, by id and by (channel account, contact point)."""

    def __init__(self, heads: Iterable[Head]) -> None:
        self.by_id: dict[UUID, Head] = {}
        self.by_pair: defaultdict[tuple[UUID, UUID], list[Head]] = defaultdict(list)
        for head in heads:
            self.add(head)

    def going_on(self, conversation_id: UUID) -> Head | None:
        """The conversation, or the one it was merged into."""
        head = self.by_id.get(conversation_id)
        return head if head is None or head.merged_into_id is None else self.by_id.get(head.merged_into_id)

    def merged_from(self, of_contact: Sequence[Head]) -> Head | None:
        """Whoever writes where nothing is open and the last one was merged writes about the one that goes on."""
        if any(head.status in UNRESOLVED for head in of_contact):
            return None
        over = [head for head in of_contact if head.resolved_at is not None]
        latest = max(over, key=lambda head: head.resolved_at or datetime.min.replace(tzinfo=UTC), default=None)
        return None if latest is None or latest.merged_into_id is None else self.by_id.get(latest.merged_into_id)

    def add(self, head: Head) -> None:
        self.by_id[head.id] = head
        self.by_pair[head.pair].append(head)


def _head_for(
    arrival: Arrival, seen: Mapping[InboundName, Received], heads: _Heads, now: datetime, new_id: Callable[[], UUID]
) -> Head:
    contact = arrival.contact_point_id
    of_contact = heads.by_pair[arrival.channel_account_id, contact]
    own = [head.standing(contact) for head in of_contact]
    answered = seen.get((arrival.channel_account_id, arrival.thread_key)) if arrival.thread_key else None
    thread = heads.going_on(answered.conversation_id) if answered else heads.merged_from(of_contact)
    choice = choose(thread.standing(contact) if thread else None, own, now)
    if isinstance(choice, Join):
        return heads.by_id[choice.conversation_id]
    head = _begin(arrival, new_id(), choice.follows_id)
    heads.add(head)
    return head


def _begin(arrival: Arrival, head_id: UUID, follows_id: UUID | None) -> Head:
    return Head(
        id=head_id,
        number=0,
        customer_id=arrival.customer_id,
        contact_point_id=arrival.contact_point_id,
        channel=arrival.channel,
        channel_account_id=arrival.channel_account_id,
        status="open",
        rights=arrival.rights,
        priority=arrival.priority,
        language=arrival.language,
        last_sequence=0,
        resolved_at=None,
        unanswered_since=None,
        follows_id=follows_id,
        synthetic=arrival.synthetic,
        brand=arrival.brand,
    )


def _apply(head: Head, arrival: Arrival, now: datetime, message_id: UUID) -> NewMessage:
    woke_from = head.status if head.status != "open" else None
    if woke_from is not None:
        head.status, head.resolved_at = "open", None
    head.last_sequence += 1
    head.arrived += 1
    head.preview = preview(arrival.body, arrival.attachments)
    head.unanswered_since = head.unanswered_since or now
    return NewMessage(message_id, head, head.last_sequence, arrival, head.last_sequence == 1, woke_from)


def effective_time(provider_at: datetime | None, arrived_at: datetime) -> datetime:
    """The provider's time where it is near enough to be believed, else our own."""
    if provider_at is not None and abs(arrived_at - provider_at) <= PROVIDER_TIME_TRUSTED_WITHIN:
        return min(provider_at, arrived_at)
    return arrived_at


def events_of(message: NewMessage, now: datetime) -> list[ConversationEvent]:
    """What one message tells the log, in order. The head must have its number."""
    head, arrival = message.head, message.arrival
    events: list[ConversationEvent] = []
    effective_at = effective_time(arrival.provider_at, now)
    if message.first:
        events.append(
            ConversationOpened(
                conversation_id=head.id,
                number=head.number,
                customer_id=head.customer_id,
                contact_point_id=head.contact_point_id,
                channel=head.channel,
                channel_account_id=head.channel_account_id,
                priority=head.priority,
                language=head.language,
                rights=head.rights,
                follows_id=head.follows_id,
                synthetic=head.synthetic,
                brand=head.brand,
            )
        )
    if message.woke_from is not None:
        events.append(
            ConversationStatusChanged(
                conversation_id=head.id,
                before=message.woke_from,
                after="open",
                reopened=message.woke_from not in UNRESOLVED,
                effective_at=effective_at,
                rights=head.rights,
                channel=head.channel,
                priority=head.priority,
            )
        )
    events.append(
        MessageReceived(
            conversation_id=head.id,
            message_id=message.id,
            sequence=message.sequence,
            message_class="customer",
            channel=arrival.channel,
            channel_account_id=arrival.channel_account_id,
            provider_at=arrival.provider_at,
            arrived_at=now,
            effective_at=effective_at,
        )
    )
    return events
