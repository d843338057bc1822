"""Statements over the tables of SLA: one a table and batch."""

from app.sla.repository.clocks import (
    PlacedClock,
    delete_clocks,
    list_keys,
    list_told,
    lock_told,
    put_clocks,
)
from app.sla.repository.facts import add_facts, list_facts, list_opened, list_paused
from app.sla.repository.states import (
    find_states,
    list_open,
    list_open_of_customers,
    lock_states,
    move_states_on,
    put_states,
)

__all__ = [
    "PlacedClock",
    "add_facts",
    "delete_clocks",
    "find_states",
    "list_facts",
    "list_keys",
    "list_open",
    "list_open_of_customers",
    "list_opened",
    "list_paused",
    "list_told",
    "lock_states",
    "lock_told",
    "move_states_on",
    "put_clocks",
    "put_states",
]
