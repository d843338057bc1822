"""Signed links: whoever holds one may read its file, for a few minutes."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from itsdangerous import BadData, URLSafeSerializer

from app.core.errors import Forbidden, NotFound

SALT = "file-link.1"
GOOD_FOR = timedelta(minutes=10)
MAX_SIGNED = 300


class FileLinks:
    def __init__(self, secret_key: str) -> None:
        if not secret_key:
            raise ValueError("file links need SWITCHBOARD_SECRET_KEY")
        self._serializer = URLSafeSerializer(secret_key, salt=SALT)

    def make(self, attachment_id: UUID, expires_at: datetime) -> str:
        signed: str | bytes = self._serializer.dumps([attachment_id.hex, int(expires_at.timestamp())])
        return signed if isinstance(signed, str) else signed.decode()

    def read(self, signed: str, now: datetime) -> UUID:
        """The attachment. Raises NotFound `file_not_found` for what we did not sign, Forbidden `link_expired`."""
        try:
            if len(signed) > MAX_SIGNED:
                raise ValueError("too long")
            attachment_id, expires = self._serializer.loads(signed)
            expires_at = datetime.fromtimestamp(expires, UTC)
            found = UUID(hex=attachment_id)
        except (BadData, ValueError, TypeError, AttributeError) as error:
            raise NotFound("file_not_found", "There is no such file. Ask for its link again.") from error
        if expires_at <= now:
            raise Forbidden("link_expired", "The link has expired: ask for a new one.")
        return found
