"""UUIDv7 ids (RFC 9562): sortable by the time they were made, so that indexes grow at one end."""

import os
from datetime import UTC, datetime, timedelta
from uuid import UUID

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def new_id(now: datetime) -> UUID:
    """A fresh id stamped with `now` (millisecond precision, 74 random bits)."""
    milliseconds = (now - _EPOCH) // timedelta(milliseconds=1)  # exact, which a float of seconds is not
    random = int.from_bytes(os.urandom(10))
    value = (milliseconds & 0xFFFF_FFFF_FFFF) << 80
    value |= 0x7 << 76 | (random >> 68 & 0xFFF) << 64
    value |= 0b10 << 62 | random & 0x3FFF_FFFF_FFFF_FFFF
    return UUID(int=value)
