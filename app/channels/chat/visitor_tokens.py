"""Visitor tokens: signed, so that a message of the widget needs no look-up to know who sends it."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from itsdangerous import BadData, URLSafeSerializer

from app.core.errors import Unauthenticated

GOOD_FOR = timedelta(days=30)
MAX_TOKEN = 4_096
SALT = "switchboard.visitor.1"
MAX_TOKENS_KEPT = 10_000


@dataclass(frozen=True, slots=True)
class VisitorPrincipal:
    """A visitor of one channel account, with the name, language and time zone it gave itself.

    The visitor's id is also the id of its contact point, once it has written.
    """

    id: UUID
    channel_account_id: UUID
    expires_at: datetime
    name: str = ""
    language: str = ""
    timezone: str = ""

    @property
    def actor(self) -> str:
        return f"visitor:{self.id}"

    @property
    def contact_point_id(self) -> UUID:
        return self.id


class VisitorTokens:
    def __init__(self, secret_key: str) -> None:
        if not secret_key:
            raise ValueError("visitor tokens need SWITCHBOARD_SECRET_KEY")
        self._serializer = URLSafeSerializer(secret_key, salt=SALT)
        self._checked: dict[str, VisitorPrincipal] = {}
        """Tokens whose signature was good, which it stays; only their time runs out."""

    def make(self, visitor: VisitorPrincipal) -> str:
        expires = int(visitor.expires_at.timestamp())
        claims: str | bytes = self._serializer.dumps(
            [
                visitor.id.hex,
                visitor.channel_account_id.hex,
                expires,
                visitor.name,
                visitor.language,
                visitor.timezone,
            ]
        )
        return claims if isinstance(claims, str) else claims.decode()

    def read(self, token: str, now: datetime) -> VisitorPrincipal:
        """Raises Unauthenticated: `visitor_token_invalid`, `visitor_token_expired`."""
        visitor = self._checked.get(token)
        if visitor is None:
            visitor = self._check(token)
            if len(self._checked) >= MAX_TOKENS_KEPT:
                self._checked.clear()
            self._checked[token] = visitor
        if visitor.expires_at <= now:
            raise Unauthenticated("visitor_token_expired", "The visitor token has expired: ask for a new one.")
        return visitor

    def _check(self, token: str) -> VisitorPrincipal:
        try:
            if len(token) > MAX_TOKEN:
                raise ValueError("too long")
            # Tokens of an earlier release end with the language.
            visitor_id, account_id, expires, name, language, *zone = self._serializer.loads(token)
            expires_at = datetime.fromtimestamp(expires, UTC)
            return VisitorPrincipal(UUID(hex=visitor_id), UUID(hex=account_id), expires_at, name, language, *zone)
        except (BadData, ValueError, TypeError, AttributeError) as error:
            raise Unauthenticated(
                "visitor_token_invalid", "This is no visitor token of ours: ask for a new one."
            ) from error
