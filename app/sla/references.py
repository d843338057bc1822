"""Whom and what a policy names besides its calendar, each with its path in the body."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from app.sla.actions import OpenRing
from app.sla.policies import PolicyBody

Kind = Literal["agent", "team", "queue"]


@dataclass(frozen=True, slots=True)
class Reference:
    path: str
    kind: Kind
    id: UUID


@dataclass(frozen=True, slots=True)
class RingReference:
    path: str
    ring: int


def named_by(body: PolicyBody) -> Iterator[Reference]:
    for number, queue_id in enumerate(body.conditions.queue_ids):
        yield Reference(f"conditions.queue_ids.{number}", "queue", queue_id)
    for path, part in _parts(body):
        for kind in ("agent", "team", "queue"):
            id_: UUID | None = getattr(part, f"{kind}_id", None)
            if id_ is not None:
                yield Reference(f"{path}.{kind}_id", kind, id_)


def rings_named_by(body: PolicyBody) -> Iterator[RingReference]:
    for path, part in _parts(body):
        if isinstance(part, OpenRing) and part.ring is not None:
            yield RingReference(f"{path}.ring", part.ring)


def _parts(body: PolicyBody) -> Iterator[tuple[str, object]]:
    """Actions and steps with their paths."""
    for number, threshold in enumerate(body.thresholds):
        for place, action in enumerate(threshold.actions):
            yield f"thresholds.{number}.actions.{place}", action
    for name, steps in body.ladders.named:
        for number, step in enumerate(steps):
            yield f"ladders.{name}.{number}", step
