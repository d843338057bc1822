"""What a policy has done at its thresholds, and whom its ladders ask: the parts that policies are written with."""

from itertools import pairwise
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StrictBool, model_validator

from app.core.numbers import WholeNumber
from app.sla.case_file import TARGET_LIMIT_SECONDS

ACTIONS_LIMIT = 10
LADDER_LIMIT = 10
RINGS_LIMIT = 5
"""As many as a queue may have."""
Code = Annotated[str, Field(pattern=r"^[a-z0-9_]{1,60}$")]
EndpointName = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
Ladder = Literal["functional", "hierarchical"]


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Notify(Part):
    """`lead` and `team` are those of `team_id`, or of the conversation's team if none is named."""

    do: Literal["notify"]
    to: Literal["owner", "lead", "team"]
    team_id: UUID | None = None

    @model_validator(mode="after")
    def _owner_has_no_team(self) -> Self:
        if self.to == "owner" and self.team_id is not None:
            raise ValueError("team_id goes with lead or team, not with owner")
        return self


class RaisePriority(Part):
    do: Literal["raise_priority"]
    to: WholeNumber = Field(ge=0, le=9)


class AdvanceDue(Part):
    """The router serves the conversation by this clock's due time, if that is sooner."""

    do: Literal["advance_due"]


class Requeue(Part):
    """An owner who has not answered gives the conversation back to its queue."""

    do: Literal["requeue"]


class Reassign(Part):
    """To an agent who has the capacity, or to another queue. One of both."""

    do: Literal["reassign"]
    agent_id: UUID | None = None
    queue_id: UUID | None = None

    @model_validator(mode="after")
    def _names_one(self) -> Self:
        if (self.agent_id is None) == (self.queue_id is None):
            raise ValueError("give either agent_id or queue_id")
        return self


class OpenRing(Part):
    """Waiting work asks the agents of this ring of its queue at once; null: of the next one."""

    do: Literal["open_ring"]
    ring: WholeNumber | None = Field(default=None, ge=1, le=RINGS_LIMIT)


class Webhook(Part):
    """The event names the endpoint; whoever delivers webhooks finds it there."""

    do: Literal["webhook"]
    endpoint: EndpointName


class CreateTask(Part):
    """For an agent or a team; for the owner, or else the conversation's team, if neither is named."""

    do: Literal["create_task"]
    title: Code = Field(description="A code that pages translate, such as call_back")
    team_id: UUID | None = None
    agent_id: UUID | None = None

    @model_validator(mode="after")
    def _names_one_at_most(self) -> Self:
        if self.team_id is not None and self.agent_id is not None:
            raise ValueError("give team_id or agent_id, not both")
        return self


Action = Annotated[
    Notify | RaisePriority | AdvanceDue | Requeue | Reassign | OpenRing | Webhook | CreateTask,
    Field(discriminator="do"),
]


class Threshold(Part):
    """At a share of the target, at an absolute rest before it is used up, or at the breach: exactly one of them."""

    percent: WholeNumber | None = Field(default=None, ge=1, le=99)
    rest_seconds: WholeNumber | None = Field(default=None, gt=0, le=TARGET_LIMIT_SECONDS)
    breach: Literal[True] | None = None
    actions: list[Action] = Field(default=[], max_length=ACTIONS_LIMIT)

    @property
    def name(self) -> str:
        if self.percent is not None:
            return f"{self.percent}%"
        return "breach" if self.breach else f"rest:{self.rest_seconds}"

    @model_validator(mode="after")
    def _says_when(self) -> Self:
        if sum(value is not None for value in (self.percent, self.rest_seconds, self.breach)) != 1:
            raise ValueError("give one of percent, rest_seconds and breach")
        return self

    @model_validator(mode="after")
    def _sends_it_one_way(self) -> Self:
        for together in ((Requeue, Reassign), (OpenRing,)):
            if sum(isinstance(action, together) for action in self.actions) > 1:
                raise ValueError("requeue or reassign once, and open_ring once: work cannot go two ways")
        return self


class Step(Part):
    """Whoever is asked so long after the breach: a team, an agent, or the lead of a team (`lead`, with `team_id` or,
    if none is named, of the conversation's team)."""

    after_seconds: WholeNumber = Field(ge=0, le=TARGET_LIMIT_SECONDS)
    team_id: UUID | None = None
    agent_id: UUID | None = None
    lead: StrictBool = False

    @property
    def asked(self) -> tuple[UUID | None, UUID | None, bool]:
        return self.team_id, self.agent_id, self.lead

    @model_validator(mode="after")
    def _names_somebody(self) -> Self:
        if self.agent_id is not None and (self.team_id is not None or self.lead):
            raise ValueError("give either team_id or agent_id; lead goes without agent_id")
        if self.agent_id is None and self.team_id is None and not self.lead:
            raise ValueError("the step names nobody: give team_id, agent_id or lead")
        return self


class Ladders(Part):
    """Whom a breach goes to next: by expertise, by authority. The owner stays owner until somebody accepts."""

    functional: list[Step] = Field(default=[], max_length=LADDER_LIMIT)
    hierarchical: list[Step] = Field(default=[], max_length=LADDER_LIMIT)

    @property
    def named(self) -> tuple[tuple[Ladder, list[Step]], ...]:
        return ("functional", self.functional), ("hierarchical", self.hierarchical)

    @model_validator(mode="after")
    def _leads_upwards(self) -> Self:
        for name, steps in self.named:
            if len({step.asked for step in steps}) < len(steps):
                raise ValueError(f"the {name} ladder comes back to somebody it has asked; name each once")
            if any(later.after_seconds <= earlier.after_seconds for earlier, later in pairwise(steps)):
                raise ValueError(f"the {name} ladder must wait longer for each step")
        return self
