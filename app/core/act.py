"""An act upon the system: who does it, when, under which request. Every use-case takes one."""

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from app.core import ids
from app.core.clock import Clock


@dataclass(frozen=True, slots=True)
class Act:
    """`actor` is "agent:<id>", "api_key:<id>", "visitor:<id>" or a name of ours such as "router"."""

    now: datetime
    actor: str
    request_id: str = ""

    def new_id(self) -> UUID:
        return ids.new_id(self.now)

    def under(self, request_id: str) -> "Act":
        """The same act as a consequence of another request: a consumer goes on under its event's request id."""
        return replace(self, request_id=request_id)


def system_act(clock: Clock, actor: str, request_id: str = "") -> Act:
    return Act(now=clock.now(), actor=actor, request_id=request_id)
