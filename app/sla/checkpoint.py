"""The state of a conversation's clocks as JSON, and back without loss."""

from typing import Any

from pydantic import TypeAdapter

from app.sla.conversation_clocks import State

_STATE = TypeAdapter(State)


def dump(state: State) -> dict[str, Any]:
    document: dict[str, Any] = _STATE.dump_python(state, mode="json")
    return document


def load(document: dict[str, Any]) -> State:
    """Raises pydantic's ValidationError for anything that `dump` did not make."""
    return _STATE.validate_python(document)
