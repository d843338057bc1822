"""When log-ins are refused: failed tries are counted by login and by address, and too many block for a while."""

import hashlib
import ipaddress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

WINDOW_SECONDS = 15 * 60
BLOCK_SECONDS = 15 * 60
LOGIN_TRIES = 10
"""A person who mistypes gets through; a guesser has 960 tries a day."""
ADDRESS_TRIES = 50
"""Higher, because an office shares one address."""
IPV6_NETWORK_BITS = 64
"""One customer of a provider holds a whole /64."""


@dataclass(frozen=True, slots=True)
class Tally:
    failures: int
    window_started_at: datetime
    blocked_until: datetime | None = None


def login_key(login: str) -> str:
    """Hashed, because people type their password into the login field."""
    return "login:" + hashlib.sha256(login.strip().lower().encode()).hexdigest()


def address_key(address: str) -> str:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "address:unknown"
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped:
            return f"address:{parsed.ipv4_mapped}"
        return f"address:{ipaddress.IPv6Network((int(parsed), IPV6_NETWORK_BITS), strict=False)}"
    return f"address:{parsed}"


def blocked_seconds(tally: Tally, now: datetime) -> int:
    """Whole seconds until another try is allowed; 0 when it is allowed now."""
    if tally.blocked_until is None or tally.blocked_until <= now:
        return 0
    return int((tally.blocked_until - now).total_seconds()) + 1


def after_try(tally: Tally, now: datetime, *, tries: int) -> Tally:
    """The tally with one more try counted. The try that reaches `tries` is still made; the next one is blocked.

    Tries are counted before the password is checked, so that many at once cannot slip through; `after_success` takes
    a good one back.
    """
    is_new_window = now - tally.window_started_at >= timedelta(seconds=WINDOW_SECONDS)
    if is_new_window or tally.blocked_until is not None:
        tally = Tally(failures=0, window_started_at=now)
    failures = tally.failures + 1
    blocked_until = now + timedelta(seconds=BLOCK_SECONDS) if failures >= tries else None
    return replace(tally, failures=failures, blocked_until=blocked_until)


def after_success(tally: Tally, *, tries: int) -> Tally:
    """Take the good try back, and with it the block that it caused."""
    failures = max(tally.failures - 1, 0)
    return replace(tally, failures=failures, blocked_until=tally.blocked_until if failures >= tries else None)
