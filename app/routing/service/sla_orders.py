"""What a batch of SLA's announcements asks of the work of each conversation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.core.event_log import StoredEvent
from app.events.sla import ClockEvent, ClocksChanged, EscalationAccepted, SlaBreached, SlaWarned

WAITED_FOR = frozenset({"queue_wait", "first_reply", "next_reply"})
"""The promises that serving the conversation keeps; a resolution is not nearer for having been offered sooner."""
TOLD: Mapping[str, type[ClockEvent]] = {SlaWarned.type: SlaWarned, SlaBreached.type: SlaBreached}
SLA_TYPES = frozenset({ClocksChanged.type, EscalationAccepted.type, *TOLD})
NEXT_RING = 0


@dataclass(frozen=True, slots=True)
class Destination:
    """Where the work is to go: to an agent, to a queue, or, with neither, back to its own queue.

    `chosen_by` is the actor of an agent who accepted an escalation, and so may go above capacity.
    """

    agent_id: UUID | None = None
    queue_id: UUID | None = None
    chosen_by: str = ""


@dataclass(slots=True)
class Asked:
    """`ring`: the number of the ring to open, or NEXT_RING; None opens none. Of several destinations the last wins."""

    due_at: datetime | None = None
    clock: str = ""
    ring: int | None = None
    destination: Destination | None = None
    request_id: str = ""

    @property
    def is_nothing(self) -> bool:
        return self.due_at is None and self.ring is None and self.destination is None

    @property
    def is_only_sooner(self) -> bool:
        return self.due_at is not None and self.ring is None and self.destination is None

    def advance(self, due_at: datetime | None, clock: str) -> None:
        if due_at is not None and (self.due_at is None or due_at < self.due_at):
            self.due_at, self.clock = due_at, clock


def asked_by(events: Sequence[StoredEvent]) -> dict[UUID, Asked]:
    """By conversation. Of clocks that changed twice in a batch, the last word counts."""
    latest: dict[tuple[UUID, str], tuple[datetime | None, str]] = {}
    asked: dict[UUID, Asked] = {}
    for event in events:
        if event.type not in SLA_TYPES:
            continue
        one = asked.setdefault(event.key, Asked(request_id=event.request_id))
        if event.type == ClocksChanged.type:
            # As JSON: there are thousands a second, and the log took them from the model.
            for clock in event.payload["clocks"]:
                runs = clock["state"] == "running" and clock["metric"] in WAITED_FOR and clock["due_at"] is not None
                due_at = datetime.fromisoformat(clock["due_at"]) if runs else None
                latest[event.key, f"{clock['metric']}:{clock['seq']}"] = due_at, clock["metric"]
        elif event.type == EscalationAccepted.type:
            _hear_accepted(one, EscalationAccepted.model_validate(event.payload), event.actor)
        else:
            _hear_told(one, TOLD[event.type].model_validate(event.payload))
    for (conversation_id, _), (due_at, metric) in latest.items():
        asked[conversation_id].advance(due_at, metric)
    return asked


def _hear_accepted(one: Asked, event: EscalationAccepted, actor: str) -> None:
    """By expertise: whoever accepts serves it. By authority the owner stays."""
    if event.ladder == "functional":
        one.destination = Destination(agent_id=event.accepted_by, chosen_by=actor)


def _hear_told(one: Asked, event: ClockEvent) -> None:
    if "advance_due" in event.actions:
        one.advance(event.due_at, event.metric)
    if "open_ring" in event.actions:
        one.ring = event.ring or NEXT_RING
    if "requeue" in event.actions:
        one.destination = Destination()
    if "reassign" in event.actions:
        one.destination = Destination(event.reassign_agent_id, event.reassign_queue_id)
