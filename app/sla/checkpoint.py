"""The state of a conversation's clocks, and facts that plain columns cannot tell, as JSON and back without loss."""

from typing import Any

from pydantic import TypeAdapter

from app.sla.conversation_state import State
from app.sla.facts import Fact

_STATE = TypeAdapter(State)
_FACT = TypeAdapter(Fact)


def dump(state: State) -> str:
    return _STATE.dump_json(state).decode()


def load(document: str) -> State:
    """Raises pydantic's ValidationError for anything that `dump` did not make."""
    return _STATE.validate_json(document)


def dump_fact(fact: Fact) -> dict[str, Any]:
    document: dict[str, Any] = _FACT.dump_python(fact, mode="json")
    return document


def load_fact(document: dict[str, Any]) -> Fact:
    """Raises pydantic's ValidationError for anything that `dump_fact` did not make."""
    return _FACT.validate_python(document)
