"""What an answer to an offer may do, and why an offer decided in memory may no longer be made."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hmac import compare_digest
from uuid import UUID

from app.core.errors import Conflict


@dataclass(frozen=True, slots=True)
class OfferFacts:
    state: str
    agent_id: UUID
    token: str
    deadline_at: datetime


ENDED = {
    "expired": ("offer_expired", "The time to answer this offer is over; the work went back to its queue."),
    "withdrawn": ("offer_withdrawn", "This offer was withdrawn; wait for the next one."),
    "declined": ("offer_declined", "You have declined this offer."),
    "accepted": ("offer_accepted", "You have accepted this offer already; transfer the conversation instead."),
}


def check_quoted(offer: OfferFacts, *, agent_id: UUID, token: str) -> None:
    """Who answers, quoting what. Raises Conflict `offer_taken` or `stale_token`; nothing changes then."""
    if offer.agent_id != agent_id:
        raise Conflict("offer_taken", "This offer is another agent's.")
    if not compare_digest(offer.token.encode(), token.encode()):
        raise Conflict("stale_token", "The token is not this offer's. Reload your offers and quote the token shown.")


def check_open(offer: OfferFacts, now: datetime) -> None:
    """The server holds the deadline: an answer after it is late even while nobody has recorded the expiry yet.

    Raises Conflict with the code of how the offer ended.
    """
    if offer.state != "pending":
        raise Conflict(*ENDED[offer.state])
    if now >= offer.deadline_at:
        raise Conflict(*ENDED["expired"])


def unmet(requirements: Mapping[str, int], skills: Mapping[str, int]) -> str | None:
    """The first requirement the skills do not meet."""
    return next((skill for skill, least in sorted(requirements.items()) if skills.get(skill, 0) < least), None)
