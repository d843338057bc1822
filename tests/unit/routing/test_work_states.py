"""The life of a work item: the table, and what a conversation's present state asks of its work."""

from typing import get_args
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import Conflict
from app.events.conversations import Status
from app.events.routing import WorkState
from app.routing.work_states import ENDED_STATUSES, HELD_STATUSES, LIVE, TRANSITIONS, Live, check_transition, next_step

AGENT = UUID(int=1)
STATES = get_args(WorkState)
STATUSES = get_args(Status)


def test_the_table_names_every_state_and_no_final_one_goes_on() -> None:
    assert set(TRANSITIONS) == set(STATES)
    assert {state for state, following in TRANSITIONS.items() if following} == LIVE


@pytest.mark.parametrize("before", STATES)
@pytest.mark.parametrize("after", STATES)
def test_only_what_the_table_lists_is_allowed(before: WorkState, after: WorkState) -> None:
    if after in TRANSITIONS[before]:
        check_transition(before, after)
        return
    with pytest.raises(Conflict) as refused:
        check_transition(before, after)
    assert refused.value.code == "work_state"


@pytest.mark.parametrize(
    ("status", "owner", "live", "step"),
    [
        ("open", None, None, "make_queued"),
        ("open", AGENT, None, "make_owned"),
        ("pending", None, None, "nothing"),
        ("resolved", AGENT, None, "nothing"),
        ("open", None, Live("queued", None, False), "nothing"),
        ("open", None, Live("offered", AGENT, True), "nothing"),
        ("open", AGENT, Live("assigned", AGENT, True), "nothing"),
        ("open", AGENT, Live("assigned", AGENT, False), "resume"),
        ("open", AGENT, Live("parked", AGENT, False), "nothing"),
        ("pending", AGENT, Live("assigned", AGENT, True), "release_units"),
        ("snoozed", AGENT, Live("assigned", AGENT, False), "nothing"),
        ("on_hold", AGENT, Live("parked", AGENT, False), "release_units"),
        ("pending", None, Live("queued", None, False), "cancel"),
        ("snoozed", None, Live("offered", AGENT, True), "cancel"),
        ("resolved", None, Live("queued", None, False), "cancel"),
        ("resolved", None, Live("offered", AGENT, True), "cancel"),
        ("resolved", AGENT, Live("assigned", AGENT, False), "finish"),
        ("closed", AGENT, Live("parked", AGENT, False), "finish"),
    ],
)
def test_the_next_step(status: str, owner: UUID | None, live: Live | None, step: str) -> None:
    assert next_step(status, owner, live) == step


def after(step: str, live: Live | None) -> Live | None:
    """What the service leaves behind when it has taken the step."""
    match step:
        case "make_queued":
            return Live("queued", None, False)
        case "make_owned" | "resume":
            return Live("assigned", AGENT, True)
        case "release_units":
            return Live("assigned", AGENT, False)
        case "cancel" | "finish":
            return None
        case _:
            return live


LIVES = st.none() | st.sampled_from(
    [
        Live("queued", None, False),
        Live("offered", AGENT, True),
        Live("assigned", AGENT, True),
        Live("assigned", AGENT, False),
        Live("parked", AGENT, False),
    ]
)


@given(st.sampled_from(STATUSES), st.none() | st.just(AGENT), LIVES)
def test_a_step_taken_leaves_nothing_to_do_and_every_state_is_sound(
    status: str, owner: UUID | None, live: Live | None
) -> None:
    left = after(next_step(status, owner, live), live)
    assert next_step(status, owner, left) == "nothing"
    if status in ENDED_STATUSES:
        assert left is None
    elif status in HELD_STATUSES:
        assert left is None or left == Live("assigned", AGENT, False)
    else:
        assert left is not None


@pytest.mark.parametrize(
    ("status", "live", "actor", "step"),
    [
        ("resolved", Live("queued", None, False), "visitor:1", "abandon"),
        ("resolved", Live("offered", AGENT, True), "visitor:1", "abandon"),
        ("resolved", Live("assigned", AGENT, True), "visitor:1", "finish"),
        ("resolved", Live("queued", None, False), "agent:1", "cancel"),
        ("pending", Live("queued", None, False), "visitor:1", "cancel"),
        ("resolved", None, "visitor:1", "nothing"),
    ],
)
def test_only_a_customer_who_ends_it_before_anybody_took_it_abandons(
    status: str, live: Live | None, actor: str, step: str
) -> None:
    assert next_step(status, None if live is None else live.agent_id, live, actor=actor) == step
