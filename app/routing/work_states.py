"""The life of a work item: which state may follow which, and what a conversation's state asks of it."""

from collections.abc import Mapping
from typing import Literal, NamedTuple
from uuid import UUID

from app.core.errors import Conflict
from app.events.routing import WorkState

LIVE: frozenset[WorkState] = frozenset({"queued", "offered", "assigned", "parked", "wrapping"})
OWNED: frozenset[WorkState] = frozenset({"assigned", "parked"})

TRANSITIONS: Mapping[WorkState, frozenset[WorkState]] = {
    "queued": frozenset({"offered", "assigned", "abandoned", "cancelled", "moved"}),
    "offered": frozenset({"assigned", "queued", "abandoned", "cancelled"}),
    "assigned": frozenset({"wrapping", "parked", "queued", "cancelled"}),
    "parked": frozenset({"assigned", "queued", "cancelled"}),
    "wrapping": frozenset({"done", "assigned"}),
    "done": frozenset(),
    "abandoned": frozenset(),
    "cancelled": frozenset(),
    "moved": frozenset(),
}
"""Everything not listed is refused (docs/decisions/0006-routing.md). Back from wrap-up: the customer wrote."""

ENDED_STATUSES = frozenset({"resolved", "closed"})
HELD_STATUSES = frozenset({"pending", "on_hold", "snoozed"})


def check_transition(before: WorkState, after: WorkState) -> None:
    """Raises Conflict `work_state`."""
    if after not in TRANSITIONS[before]:
        raise Conflict("work_state", f"Work that is {before} cannot become {after}. Reload and try again.")


class Live(NamedTuple):
    """The conversation's live work item. `is_idle`: nobody has written since its units were given back for that."""

    state: WorkState
    agent_id: UUID | None
    units_held: bool
    is_idle: bool = False


CUSTOMER = "visitor:"
"""How the actor of a customer begins, who ends the conversation themselves."""

Step = Literal[
    "nothing", "make_queued", "make_owned", "abandon", "cancel", "finish", "reopen", "release_units", "resume"
]


def next_step(status: str, owner_id: UUID | None, live: Live | None, *, actor: str = "") -> Step:
    """What the conversation's present state asks of its work. `actor`: who brought it there.

    A function of the present, not of the event that told of a change: a redelivered or late event finds
    nothing left to do.
    """
    if live is None:
        return _without_work(status, owner_id)
    if live.state == "wrapping":
        return "nothing" if status in ENDED_STATUSES else "reopen"
    if status in ENDED_STATUSES:
        return "finish" if live.state in OWNED else "abandon" if actor.startswith(CUSTOMER) else "cancel"
    if status in HELD_STATUSES:
        return _held(live)
    if live.state == "assigned" and not live.units_held and not live.is_idle:
        return "resume"
    return "nothing"


def _without_work(status: str, owner_id: UUID | None) -> Step:
    if status != "open":
        return "nothing"
    return "make_queued" if owner_id is None else "make_owned"


def _held(live: Live) -> Step:
    """Nobody waits for an answer now: the owner stays and gets the units back, an offer makes no sense."""
    if live.state in ("queued", "offered"):
        return "cancel"
    return "release_units" if live.state == "parked" or live.units_held or live.is_idle else "nothing"
