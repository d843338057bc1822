"""Which scopes there are, and which role holds which."""

from collections.abc import Collection
from typing import Literal, get_args

Role = Literal["agent", "supervisor", "admin"]
Scope = Literal[
    "conversations:read",
    "conversations:write",
    "customers:read",
    "customers:write",
    "agents:read",
    "agents:write",
    "routing:read",
    "routing:write",
    "work",
    "channels:read",
    "channels:write",
    "access:write",
    "sla:statutory",
    "webhooks:read",
    "webhooks:write",
    "operations",
]
SCOPES: frozenset[str] = frozenset(get_args(Scope))
PERSONAL_SCOPES = frozenset({"work"})
"""Only a person has a presence and gets offers, so no API key holds these."""

_AGENT = frozenset(
    {
        "conversations:read",
        "conversations:write",
        "customers:read",
        "customers:write",
        "agents:read",
        "routing:read",
        "work",
    }
)
ROLE_SCOPES: dict[str, frozenset[str]] = {
    "agent": _AGENT,
    "supervisor": _AGENT | {"routing:write"},
    "admin": SCOPES,
}
DEFAULT_VISIBILITY: dict[str, Literal["own", "team", "all"]] = {"agent": "own", "supervisor": "team", "admin": "all"}


def scopes_beyond(held: Collection[str], wanted: Collection[str]) -> list[str]:
    """The wanted scopes that somebody holding `held` may not pass on; empty: all of them may be passed on.

    Nobody gives more than they hold. Personal scopes come with being a person and are not passed on at all.
    """
    return sorted(set(wanted) - set(held) - PERSONAL_SCOPES)
