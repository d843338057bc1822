"""What the API takes as a queue's overflow, and what it refuses before anybody looks at queues."""

from typing import Any
from uuid import UUID

import pytest
from pydantic import ValidationError

from app.routing.overflow import MAX_STEPS, parse_steps
from app.routing.queue_schemas import QueueBody

THERE = str(UUID(int=7))
TOLD = {"message": {"en": "A little longer."}}


def queue_with(*steps: dict[str, Any]) -> QueueBody:
    return QueueBody.model_validate({"name": "New", "overflow": list(steps)})


@pytest.mark.parametrize(
    "step",
    [
        {"when": {}, "do": TOLD},
        {"when": {"age_over_seconds": 60, "longer_than": 2}, "do": TOLD},
        {"when": {"age_over_seconds": 0}, "do": TOLD},
        {"when": {"age_over_seconds": "60"}, "do": TOLD},
        {"when": {"nobody_staffed": False}, "do": TOLD},
        {"when": {"nobody_staffed": 1}, "do": TOLD},
        {"when": {"somebody_staffed": True}, "do": TOLD},
        {"when": {"nobody_staffed": True}, "do": {}},
        {"when": {"nobody_staffed": True}, "do": {"message": {}}},
        {"when": {"nobody_staffed": True}, "do": {"message": {"en": " "}}},
        {"when": {"nobody_staffed": True}, "do": {"message": {"en": "x" * 1_001}}},
        {"when": {"nobody_staffed": True}, "do": {"message": {"en": "x\0"}}},
        {"when": {"nobody_staffed": True}, "do": {"message": {"en": "\ud800"}}},
        {"when": {"nobody_staffed": True}, "do": {"message": {"e n": "x"}}},
        {"when": {"nobody_staffed": True}, "do": {"callback": True}},
        {"when": {"nobody_staffed": True}, "do": {"queue": THERE, **TOLD}},
    ],
)
def test_a_step_that_says_nothing_clear_is_refused(step: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        queue_with(step)


def test_more_steps_than_five_and_steps_that_would_never_be_done_are_refused() -> None:
    ages = [{"when": {"age_over_seconds": 1 + number}, "do": TOLD} for number in range(MAX_STEPS + 1)]
    assert len(queue_with(*ages[:-1]).overflow) == MAX_STEPS
    with pytest.raises(ValidationError, match="at most 5 items"):
        queue_with(*ages)
    onward = {"when": {"nobody_staffed": True}, "do": {"queue": THERE}}
    queue_with({"when": {"nobody_staffed": True}, "do": TOLD}, onward)
    with pytest.raises(ValidationError, match="do the same kind of thing"):
        queue_with(onward, {"when": {"nobody_staffed": True}, "do": {"queue": str(UUID(int=8))}})


def test_what_is_stored_says_no_more_than_was_said_and_has_a_key_of_its_own() -> None:
    body = queue_with({"when": {"longer_than": 20}, "do": {"queue": THERE}}, {"when": {"longer_than": 20}, "do": TOLD})
    stored = body.model_dump(mode="json")["overflow"]
    assert stored == [
        {"when": {"longer_than": 20}, "do": {"queue": THERE}},
        {"when": {"longer_than": 20}, "do": TOLD},
    ]
    assert [step.key for step in parse_steps(stored)] == ["longer_than:20:overflowed", "longer_than:20:told"]
