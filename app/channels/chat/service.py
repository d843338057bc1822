"""What a visitor may do: begin, write, read their own conversation, mark."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.access.origins import is_same_origin
from app.channels import service as channels
from app.channels.chat.adapter import envelope_of
from app.channels.chat.rate_limits import Buckets, Rate
from app.channels.chat.schemas import VisitorIn, WidgetMessageIn
from app.channels.chat.visitor_tokens import GOOD_FOR, VisitorPrincipal, VisitorTokens
from app.channels.files import service as files
from app.channels.intake import Intake
from app.channels.schemas import AccountFacts
from app.conversations import service as conversations
from app.conversations.arrival import Received
from app.conversations.schemas import MessageOut
from app.conversations.texts import check_text
from app.core.act import Act
from app.core.database import Database
from app.core.errors import Forbidden, Unauthenticated
from app.customers.schemas import MAX_NAME
from app.customers.time_zones import known_or_none

# Storing nothing, a visitor is cheap; a school or an office may send a class of them at once.
VISITORS_BY_ADDRESS = Rate(burst=300, per_second=5)
MESSAGES_BY_VISITOR = Rate(burst=20, per_second=1)
# Offices and phone networks share addresses: this one only stops floods.
MESSAGES_BY_ADDRESS = Rate(burst=5_000, per_second=2_000)
READS_BY_VISITOR = Rate(burst=40, per_second=4)
ACCOUNT_KEPT_SECONDS = 5
MAX_ACCOUNTS_KEPT = 1_000


class ChatFront:
    """What the widget's operations and its socket share in one process: tokens, limits, accounts just read."""

    def __init__(self, secret_key: str, database: Database, *, public_url: str = "") -> None:
        self.tokens = VisitorTokens(secret_key)
        self._database = database
        self._public_url = public_url
        self._visitors = Buckets(VISITORS_BY_ADDRESS)
        self._messages = Buckets(MESSAGES_BY_VISITOR)
        self._floods = Buckets(MESSAGES_BY_ADDRESS)
        self._reads = Buckets(READS_BY_VISITOR)
        self._accounts: dict[UUID, tuple[AccountFacts, datetime]] = {}

    async def account_of(self, visitor: VisitorPrincipal, now: datetime) -> AccountFacts:
        """At most five seconds old. Raises Unauthenticated once the account is gone or switched off."""
        kept = self._accounts.get(visitor.channel_account_id)
        if kept is None or (now - kept[1]).total_seconds() > ACCOUNT_KEPT_SECONDS:
            async with self._database.transaction() as session:
                found = await channels.list_facts(session, [visitor.channel_account_id])
            if visitor.channel_account_id not in found or not found[visitor.channel_account_id].enabled:
                raise Unauthenticated("visitor_token_invalid", "The widget's channel account is switched off.")
            if len(self._accounts) >= MAX_ACCOUNTS_KEPT:
                self._accounts.clear()
            kept = (found[visitor.channel_account_id], now)
            self._accounts[visitor.channel_account_id] = kept
        return kept[0]

    def check_origin(self, account: AccountFacts, origin: str | None, host: str) -> None:
        """Raises Forbidden for a page of another origin. Our own pages always may; no Origin is no browser."""
        if origin is None or origin.lower() in account.allowed_origins:
            return
        if not is_same_origin(origin, host=host, public_url=self._public_url):
            raise Forbidden(
                "origin_not_allowed", "This page's origin is not among the channel account's allowed origins."
            )

    def take_visitor(self, address: str, now: datetime) -> None:
        self._visitors.take(address, now)

    def take_message(self, visitor: VisitorPrincipal, address: str, now: datetime) -> None:
        self._messages.take(visitor.id, now)
        self._floods.take(address, now)

    def take_read(self, visitor: VisitorPrincipal, now: datetime) -> None:
        self._reads.take(visitor.id, now)


def begin(front: ChatFront, act: Act, account: AccountFacts, given: VisitorIn) -> tuple[VisitorPrincipal, str]:
    """A new visitor and its token. Nothing is stored before it writes."""
    check_text(given.name, field="name", maximum=MAX_NAME)
    visitor = VisitorPrincipal(
        act.new_id(), account.id, act.now + GOOD_FOR, given.name, given.language, known_or_none(given.timezone)
    )
    return visitor, front.tokens.make(visitor)


async def send_message(
    database: Database, intake: Intake, visitor: VisitorPrincipal, message: WidgetMessageIn, *, request_id: str
) -> Received:
    """Through the door. The same `client_id` again gives the first result."""
    attached: list[dict[str, Any]] = []
    if message.attachments:
        async with database.transaction() as session:
            attached = await files.describe_own(session, visitor.actor, message.attachments)
    return await intake.submit(envelope_of(visitor, message, attached), request_id=request_id)


async def find_conversation(session: AsyncSession, visitor: VisitorPrincipal) -> UUID | None:
    """The one the visitor goes on with, until it is closed."""
    return await conversations.find_of_contact(
        session, contact_point_id=visitor.contact_point_id, channel_account_id=visitor.channel_account_id
    )


async def list_messages(
    session: AsyncSession, visitor: VisitorPrincipal, *, after: int | None, limit: int
) -> tuple[UUID | None, Sequence[MessageOut]]:
    """The visitor's own conversation and its public messages: the first after a sequence, or else the last ones."""
    conversation_id = await find_conversation(session, visitor)
    if conversation_id is None:
        return None, []
    return conversation_id, await conversations.list_public_messages(session, conversation_id, after=after, limit=limit)


async def end(session: AsyncSession, act: Act, visitor: VisitorPrincipal) -> None:
    """The visitor has enough. Who still waited has given up; without a conversation there is nothing to end."""
    conversation_id = await find_conversation(session, visitor)
    if conversation_id is not None:
        await conversations.end_by_customer(session, act, conversation_id=conversation_id)


async def mark(
    session: AsyncSession, act: Act, visitor: VisitorPrincipal, *, state: Literal["delivered", "read"], sequence: int
) -> None:
    """What the visitor's page has shown. Without a conversation there is nothing to mark."""
    conversation_id = await find_conversation(session, visitor)
    if conversation_id is not None:
        await conversations.mark_customer_delivery(
            session, act, conversation_id=conversation_id, state=state, up_to_sequence=sequence
        )
