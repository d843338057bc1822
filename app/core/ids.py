"""UUIDv7 ids (RFC 9562): sortable by the time they were made, so that indexes grow at one end."""

import os
from datetime import UTC, datetime
from uuid import UUID

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def new_id(now: datetime) -> UUID:
    """A fresh id stamped with `now` (millisecond precision, 74 random bits)."""
    since = now - _EPOCH
    # Whole numbers: exact, which a float of seconds is not.
    milliseconds = (since.days * 86_400 + since.seconds) * 1_000 + since.microseconds // 1_000
    made = bytearray(milliseconds.to_bytes(6) + os.urandom(10))
    made[6] = 0x70 | made[6] & 0x0F
    made[8] = 0x80 | made[8] & 0x3F
    return UUID(bytes=bytes(made))
