"""Signatures as the Standard Webhooks specification has them: HMAC-SHA256 over `id.timestamp.body`.

An endpoint's secret is not stored: it follows from the installation's key, the endpoint and a stored salt, so that a
copy of the database signs nothing.
"""

import base64
import hashlib
import hmac
from collections.abc import Sequence
from uuid import UUID

SALT_BYTES = 24
PREFIX = "whsec_"
_PURPOSE = b"switchboard.webhook.1"


def secret_of(secret_key: str, endpoint_id: UUID, salt: bytes) -> bytes:
    """32 bytes."""
    if not secret_key:
        raise ValueError("webhook secrets need SWITCHBOARD_SECRET_KEY")
    return hmac.digest(secret_key.encode(), _PURPOSE + endpoint_id.bytes + salt, hashlib.sha256)


def shown(secret: bytes) -> str:
    """As receivers configure it."""
    return PREFIX + base64.b64encode(secret).decode()


def signature_header(secrets: Sequence[bytes], *, webhook_id: str, timestamp: int, body: bytes) -> str:
    """One signature for each secret, so that receivers may change theirs at any time during a rotation."""
    signed = f"{webhook_id}.{timestamp}.".encode() + body
    return " ".join(f"v1,{base64.b64encode(hmac.digest(each, signed, hashlib.sha256)).decode()}" for each in secrets)
