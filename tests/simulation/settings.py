"""What may be drawn as the settings of a queue: who takes its work how, what follows it, where it goes on."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from app.routing.queue_schemas import QueueBody

POLICIES = ("default", "longest_idle", "least_loaded")
WRAP_UPS = ("none", "timed", "required")
WRAP_UP_SECONDS = 30
RINGS: tuple[list[dict[str, Any]], ...] = ([], [{"enter_after_seconds": 30}])
MEMORIES_SECONDS = (None, 0, 3_600)
WHEN: tuple[dict[str, Any], ...] = ({"age_over_seconds": 30}, {"longer_than": 3}, {"tries_exhausted": True})
SAYS = {"when": {"age_over_seconds": 15}, "do": {"message": {"en": "A little longer."}}}


def settings_of(name: str, ways: Sequence[UUID], *, overflows: bool, **drawn: Any) -> QueueBody:
    """`ways`: the queues that it may overflow into, the next one first; steps that lead in a circle are refused."""
    steps = [SAYS, *({"when": when, "do": {"queue": ways[0]}} for when in WHEN)] if overflows and ways else []
    fixed = {"name": name, "wrap_up_seconds": WRAP_UP_SECONDS, "overflow": steps}
    return QueueBody.model_validate(fixed | drawn)
