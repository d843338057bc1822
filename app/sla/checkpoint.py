"""The state of a conversation's clocks, and facts that plain columns cannot tell, as JSON and back without loss."""

from functools import lru_cache
from typing import Any

from pydantic import TypeAdapter

from app.sla.conversation_state import State
from app.sla.facts import Fact

STATES_KEPT = 4_096

_STATE = TypeAdapter(State)
_FACT = TypeAdapter(Fact)


def dump(state: State) -> str:
    return _STATE.dump_json(state).decode()


@lru_cache(STATES_KEPT)
def load(document: str) -> State:
    """Most of what is told of a conversation leaves its checkpoint as it is, so the same document comes again.

    Raises pydantic's ValidationError for anything that `dump` did not make.
    """
    return _STATE.validate_json(document)


def dump_fact(fact: Fact) -> dict[str, Any]:
    document: dict[str, Any] = _FACT.dump_python(fact, mode="json")
    return document


def load_fact(document: dict[str, Any]) -> Fact:
    """Raises pydantic's ValidationError for anything that `dump_fact` did not make."""
    return _FACT.validate_python(document)
