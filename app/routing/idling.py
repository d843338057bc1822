"""Idle chats: a live chat in which nobody writes gives its units back, and takes them again when somebody does."""

from datetime import datetime, timedelta

LIVE_CHAT_CHANNELS = frozenset({"chat"})
IDLE_SECONDS = 600
"""How long neither side has written."""


def idle_check_at(channel: str, wrote_at: datetime) -> datetime | None:
    """When to ask whether anybody has written since. None: work of this channel holds its units until it ends."""
    return wrote_at + timedelta(seconds=IDLE_SECONDS) if channel in LIVE_CHAT_CHANNELS else None


def is_idle(wrote_at: datetime, now: datetime) -> bool:
    return now - wrote_at >= timedelta(seconds=IDLE_SECONDS)
