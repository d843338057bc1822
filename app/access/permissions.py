"""What each role may do: roles to scopes, and how far a role sees by default."""

from app.access.schemas import Role, Visibility

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
_SUPERVISOR = _AGENT | {"routing:write", "channels:read"}
_ADMIN = _SUPERVISOR | {"agents:write", "channels:write", "access:write", "operations"}

SCOPES: dict[Role, frozenset[str]] = {"agent": _AGENT, "supervisor": _SUPERVISOR, "admin": _ADMIN}
DEFAULT_VISIBILITY: dict[Role, Visibility] = {"agent": "own", "supervisor": "team", "admin": "all"}
