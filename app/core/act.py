"""An act upon the system: who does it, when, under which request. Every use-case takes one."""

from dataclasses import dataclass
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


def system_act(clock: Clock, actor: str, request_id: str = "") -> Act:
    return Act(now=clock.now(), actor=actor, request_id=request_id)
