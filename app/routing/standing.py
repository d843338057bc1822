"""The names behind the counts of a trace: which rule keeps each agent from a waiting work."""

from collections.abc import Mapping
from typing import Literal, NamedTuple
from uuid import UUID

from app.routing.decisions import Trace
from app.routing.index import Agent, Work
from app.routing.lanes import Lane
from app.routing.rings import meets

Kept = Literal[
    "not_member", "lacks_requirement", "not_routable", "cooling_down", "draining", "no_free_units", "asked_later"
]
RULES: tuple[Kept, ...] = Kept.__args__  # type: ignore[attr-defined]
"""In the order in which they are asked. `asked_later`: could take it, but the agent of before is asked alone first."""


class Standing(NamedTuple):
    """`kept_out`: by rule, every agent whom it was the first to put out, in the order of their ids."""

    trace: Trace
    requirements: tuple[tuple[str, int], ...]
    kept_out: Mapping[Kept, list[UUID]]


def sort_out(lane: Lane, work: Work, agents: Mapping[int, Agent]) -> dict[Kept, list[UUID]]:
    kept_out: dict[Kept, list[UUID]] = {rule: [] for rule in RULES}
    for number in sorted(agents):
        rule = _first_rule(lane, work, agents[number])
        if rule is not None:
            kept_out[rule].append(agents[number].facts.id)
    return {rule: agent_ids for rule, agent_ids in kept_out.items() if agent_ids}


def _first_rule(lane: Lane, work: Work, agent: Agent) -> Kept | None:
    group, only = agent.group, lane.only is agent
    if not only and (group is None or not lane.reach.admits(group)):
        return "not_member"
    if not meets(agent.facts.skills, lane.reach.terms.requirements):
        return "lacks_requirement"
    if not agent.facts.routable:
        return "not_routable"
    if agent.facts.id in lane.barred:
        return "cooling_down"
    if agent.draining_for is not None and agent.draining_for.key < work.key:
        return "draining"
    if agent.state.fit(lane.kind) is None:
        return "no_free_units"
    return "asked_later" if lane.only is not None and not only else None
