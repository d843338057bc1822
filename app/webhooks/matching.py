"""Which endpoint hears which event, and what it is sent."""

import json
from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from app.events.catalogue import EVENTS

ALL_TYPES = "*"
TEST_TYPE = "webhook.test"
"""Sent on demand to one endpoint; it is not in the log."""
EVENT_TYPES = frozenset(event.type for event in EVENTS)
NAMING_TYPES = frozenset(event.type for event in EVENTS if "endpoints" in event.model_fields)
"""Events in which an SLA policy says who else is told, whatever they listen to."""


@dataclass(frozen=True, slots=True)
class Listener:
    id: UUID
    name: str
    event_types: frozenset[str]

    def hears(self, event_type: str, named: Collection[str]) -> bool:
        """`named`: the endpoints the event itself names."""
        return ALL_TYPES in self.event_types or event_type in self.event_types or self.name in named


def body_of(event_type: str, timestamp: str, data: str) -> str:
    """What is sent and signed; `data` is JSON already."""
    return f'{{"type": {json.dumps(event_type)}, "timestamp": {json.dumps(timestamp)}, "data": {data}}}'
