"""Who may take one waiting work, best first, and how many each rule put out: exact over all agents."""

from collections.abc import Iterable, Mapping
from itertools import compress
from operator import itemgetter
from typing import NamedTuple

from app.routing.decisions import made
from app.routing.index import Agent, Group, Work
from app.routing.lanes import Lane
from app.routing.loads import Slot
from app.routing.ranking import Rank

TRACED_CANDIDATES = 5

Standing = tuple[float, ...]
Front = tuple[Standing, list[Slot]]
"""Of agents who stand alike the best few who have the units: as they stood, whatever moves afterwards."""
Ranked = tuple[tuple[Standing, Group], list[Slot]]


class Findings(NamedTuple):
    """`winner` is None if the work must wait; the counts cover everybody who is admitted and qualified.

    staffed = cooling_down + draining + without units + eligible. `ahead`, if anybody, is asked before the fronts.
    """

    winner: Agent | None
    fronts: list[Front]
    ahead: tuple[Rank, Agent] | None
    eligible: int
    staffed: int
    cooling_down: int
    draining: int

    def ranked(self) -> list[tuple[Rank, Agent]]:
        """The best `TRACED_CANDIDATES`, the winner first."""
        ranked: list[tuple[Rank, Agent]] = [
            ((1, *standing, load, idle, idle_hash), agent)
            for standing, slots in self.fronts
            for load, idle, idle_hash, agent in slots
        ]
        ranked.sort(key=itemgetter(0))
        return (ranked if self.ahead is None else [self.ahead, *ranked])[:TRACED_CANDIDATES]


def find(lane: Lane, work: Work, agents: Mapping[int, Agent], *, draining: bool) -> Findings:
    """Who the lane's ring lets in and who qualifies, ranked.

    `draining`: somebody somewhere drains for a late call.
    """
    if lane.only is not None:
        return _find_only(lane, lane.only, work)
    reach = lane.reach
    free = reach.look(lane.kind.free)
    eligible = sum(map(len, free))
    # Every group once, at the interpreter's speed; those where nobody has the units are empty lists.
    fronts = compress(zip(reach.ranked, free, strict=True), free)
    if lane.barred or draining or work.facts.sticky_agent_id:
        return _find_with_exceptions(lane, work, agents, eligible, fronts, draining=draining)
    found = _first(fronts, TRACED_CANDIDATES) if eligible else []
    return made(Findings, (_best(found), found, None, eligible, reach.staffed, 0, 0))


def drainable(lane: Lane) -> Agent | None:
    """Who should drain for a late call: the lowest used share, then the rank chain. Those on a call already
    are left out: they come back with empty hands anyway.
    """
    if lane.only is not None:
        return None
    best: tuple[tuple[float, ...], Standing, Slot] | None = None
    for (standing, _), slots in zip(lane.reach.ranked, lane.reach.look(lane.kind.drainable), strict=True):
        first = next((slot for slot in slots if slot[3].facts.id not in lane.barred), None)
        if first is not None and (best is None or (first[0], standing, first) < best):
            best = (first[0], standing, first)
    return best[2][3] if best else None


def _find_with_exceptions(
    lane: Lane, work: Work, agents: Mapping[int, Agent], eligible: int, fronts: Iterable[Ranked], *, draining: bool
) -> Findings:
    """Where somebody may not be asked, is kept free for earlier work, or is asked first."""
    reach = lane.reach
    barred = _barred(lane, agents) if lane.barred else []
    sticky = agents.get(work.facts.sticky_agent_id.int) if work.facts.sticky_agent_id else None
    if sticky and (sticky.facts.id in lane.barred or not _staffed_in(lane, sticky) or not _fits(lane, sticky, work)):
        sticky = None
    found = _first(fronts, TRACED_CANDIDATES + len(barred) + 1)
    kept_free = 0
    if draining:
        for standing, group in reach.ranked:
            allowed = [agent for agent in group.draining if _fits(lane, agent, work)]
            kept_free += sum(_kept_free(agent, work) and agent not in barred for agent in group.draining)
            eligible += len(allowed)
            found += [(standing, [_slot(lane, agent)]) for agent in allowed]
    eligible -= sum(_fits(lane, agent, work) for agent in barred)
    passed_over = {*barred, sticky}
    asked = [(standing, [slot for slot in slots if slot[3] not in passed_over]) for standing, slots in found]
    found = [front for front in asked if front[1]]
    ahead = None if sticky is None else _rank_of_sticky(lane, sticky)
    return Findings(sticky or _best(found), found, ahead, eligible, reach.staffed, len(barred), kept_free)


def _first(fronts: Iterable[Ranked], enough: int) -> list[Front]:
    """Of as many groups as hold enough agents with the units, and of all that stand as high as the last."""
    found: list[Front] = []
    collected = 0
    last: Standing | None = None
    for (standing, _), slots in fronts:
        if collected >= enough and standing != last:
            break
        found.append((standing, slots[:enough]))
        collected += len(slots)
        last = standing
    return found


def _best(fronts: list[Front]) -> Agent | None:
    if not fronts:
        return None
    return (fronts[0] if len(fronts) == 1 else min(fronts))[1][0][3]


def _barred(lane: Lane, agents: Mapping[int, Agent]) -> list[Agent]:
    known = (agents.get(one.int) for one in lane.barred)
    return [agent for agent in known if agent is not None and _staffed_in(lane, agent)]


def _find_only(lane: Lane, only: Agent, work: Work) -> Findings:
    if not only.facts.routable:
        return Findings(None, [], None, 0, 0, 0, 0)
    if _kept_free(only, work):
        return Findings(None, [], None, 0, 1, 0, 1)
    if only.state.fit(lane.kind) is None:
        return Findings(None, [], None, 0, 1, 0, 0)
    unasked = (0.0,) * len(lane.kind.policy.standing)
    return Findings(only, [], ((0, *unasked, *_slot(lane, only)[:3]), only), 1, 1, 0, 0)


def _rank_of_sticky(lane: Lane, sticky: Agent) -> tuple[Rank, Agent]:
    assert sticky.group is not None
    return (0, *lane.reach.groups[sticky.group], *_slot(lane, sticky)[:3]), sticky


def _staffed_in(lane: Lane, agent: Agent) -> bool:
    return agent.facts.routable and agent.group in lane.reach.groups


def _kept_free(agent: Agent, work: Work) -> bool:
    """Work due before the one the agent drains for, and that one itself, may still come."""
    return agent.draining_for is not None and agent.draining_for.key < work.key


def _fits(lane: Lane, agent: Agent, work: Work) -> bool:
    return not _kept_free(agent, work) and agent.state.fit(lane.kind) is not None


def _slot(lane: Lane, agent: Agent) -> Slot:
    fit = agent.state.fit(lane.kind)
    assert fit is not None
    assert agent.group is not None
    load = lane.kind.policy.load(fit, agent.group.blended, lane.kind.whole)
    return load, agent.idle, agent.idle_hash, agent
