"""Who is told of a clock, and who is asked: from what the policy says and who has the conversation at that instant."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from uuid import UUID

from app.sla.actions import CreateTask, Notify, Step
from app.sla.telling import Saying

RECEIVERS_LIMIT = 50
"""People named by one event; a team is named as such, and so has no limit."""


@dataclass(frozen=True, slots=True)
class Scene:
    """Who has the conversation now. `leads` by team: its lead, or its supervisors where it has none."""

    owner_id: UUID | None = None
    team_id: UUID | None = None
    leads: Mapping[UUID, tuple[UUID, ...]] | None = None

    def leads_of(self, team_id: UUID) -> tuple[UUID, ...]:
        return (self.leads or {}).get(team_id, ())[:RECEIVERS_LIMIT]


@dataclass(frozen=True, slots=True)
class Receivers:
    agent_ids: tuple[UUID, ...] = ()
    team_ids: tuple[UUID, ...] = ()

    def __add__(self, other: "Receivers") -> "Receivers":
        """Each once, in the order named."""
        agents, teams = self.agent_ids + other.agent_ids, self.team_ids + other.team_ids
        return Receivers(tuple(dict.fromkeys(agents)), tuple(dict.fromkeys(teams)))


def receivers_of(saying: Saying, scene: Scene) -> Receivers:
    found = asked_by(saying.step, scene) if saying.step is not None else Receivers()
    for action in saying.actions:
        if isinstance(action, Notify):
            found += _notified(action, scene)
    return found


def asked_by(step: Step, scene: Scene) -> Receivers:
    """Whoever may accept by being named. A team without lead and supervisors is asked as a whole."""
    if step.agent_id is not None:
        return Receivers(agent_ids=(step.agent_id,))
    team_id = step.team_id or scene.team_id
    return _lead(team_id, scene) if step.lead else _team(team_id)


def assignee_of(task: CreateTask, scene: Scene) -> tuple[UUID | None, UUID | None]:
    """(agent, team): at most one of them. Neither: nobody has the conversation, and a supervisor finds it."""
    if task.agent_id is not None or task.team_id is not None:
        return task.agent_id, task.team_id
    return (scene.owner_id, None) if scene.owner_id is not None else (None, scene.team_id)


def teams_to_look_up(saying: Saying, team_id: UUID | None) -> Iterator[UUID]:
    """Whose leads must be known; `team_id` is the conversation's."""
    for part in (saying.step, *saying.actions):
        if (isinstance(part, Step) and part.lead) or (isinstance(part, Notify) and part.to == "lead"):
            wanted = part.team_id or team_id
            if wanted is not None:
                yield wanted


def _notified(action: Notify, scene: Scene) -> Receivers:
    if action.to == "owner":
        return Receivers(agent_ids=(scene.owner_id,)) if scene.owner_id is not None else Receivers()
    team_id = action.team_id or scene.team_id
    return _lead(team_id, scene) if action.to == "lead" else _team(team_id)


def _lead(team_id: UUID | None, scene: Scene) -> Receivers:
    leads = scene.leads_of(team_id) if team_id is not None else ()
    return Receivers(agent_ids=leads) if leads else _team(team_id)


def _team(team_id: UUID | None) -> Receivers:
    return Receivers(team_ids=(team_id,)) if team_id is not None else Receivers()
