"""Who may take one waiting work, best first, and how many each rule put out: exact over all agents."""

import heapq
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from app.routing.index import Agent, Slot, Work
from app.routing.lanes import Lane
from app.routing.ranking import Rank

TRACED_CANDIDATES = 5

Standing = tuple[float, ...]
Head = tuple[Standing, tuple[float, ...], Slot, list[Slot], int]


class Findings(NamedTuple):
    """`ranked` holds the best `TRACED_CANDIDATES`; the counts cover everybody who is admitted and qualified.

    staffed = cooling_down + draining + without units + eligible.
    """

    ranked: list[tuple[Rank, Agent]]
    eligible: int
    staffed: int
    cooling_down: int
    draining: int


def find(lane: Lane, work: Work, agents: Mapping[int, Agent], *, draining: bool) -> Findings:
    """Who the lane's ring lets in and who qualifies, ranked; `ranked` is empty if the work must wait.

    `draining`: somebody somewhere drains for a late call.
    """
    if lane.only is not None:
        return _find_only(lane, lane.only, work)
    reach, kind = lane.reach, lane.kind
    barred = _barred(lane, agents) if lane.barred else []
    room = reach.room_for(kind)
    eligible, kept_free = sum(room), 0
    heads = _first_with_room(lane, room, TRACED_CANDIDATES + len(barred) + 1) if eligible else []
    if draining:
        for standing, group in reach.ranked:
            allowed = [agent for agent in group.draining if _fits(lane, agent, work)]
            kept_free += sum(_kept_free(agent, work) and agent not in barred for agent in group.draining)
            eligible += len(allowed)
            heads += [(standing, _load(lane, agent), (agent.idle, agent.idle_hash, agent), [], 0) for agent in allowed]
    eligible -= sum(_fits(lane, agent, work) for agent in barred)
    sticky = agents.get(work.facts.sticky_agent_id.int) if work.facts.sticky_agent_id else None
    if sticky and (sticky.facts.id in lane.barred or not _staffed_in(lane, sticky) or not _fits(lane, sticky, work)):
        sticky = None
    return Findings(_best(heads, lane, sticky), eligible, reach.staffed, len(barred), kept_free)


def drainable(lane: Lane) -> Agent | None:
    """Who should drain for a late call: the lowest used share, then the rank chain. Those on a call already
    are left out: they come back with empty hands anyway.
    """
    if lane.only is not None:
        return None
    best: tuple[float, Standing, Slot] | None = None
    for standing, group in lane.reach.ranked:
        for state, members in group.buckets.items():
            if state.whole or not state.could_hold(lane.kind):
                continue
            first = next((slot for slot in members if slot[2].facts.id not in lane.barred), None)
            if first is not None and (best is None or (state.ledger.used_share, standing, first) < best):
                best = (state.ledger.used_share, standing, first)
    return best[2][2] if best else None


def _barred(lane: Lane, agents: Mapping[int, Agent]) -> list[Agent]:
    known = (agents.get(one.int) for one in lane.barred)
    return [agent for agent in known if agent is not None and _staffed_in(lane, agent)]


def _first_with_room(lane: Lane, room: Sequence[int], enough: int) -> list[Head]:
    """The lists of as many groups as hold enough agents with the units, and of all that stand as high as the last."""
    heads: list[Head] = []
    collected = 0
    last: Standing | None = None
    for (standing, group), count in zip(lane.reach.ranked, room, strict=True):
        if count:
            if collected >= enough and standing != last:
                break
            heads += [(standing, load, members[0], members, 0) for load, members in group.fitting(lane.kind)]
            collected += count
            last = standing
    return heads


def _best(heads: list[Head], lane: Lane, sticky: Agent | None) -> list[tuple[Rank, Agent]]:
    ranked: list[tuple[Rank, Agent]] = []
    if sticky is not None and sticky.group is not None:
        standing = lane.reach.groups[sticky.group]
        ranked.append(((0, *standing, _load(lane, sticky), sticky.idle, sticky.idle_hash), sticky))
    heapq.heapify(heads)
    while heads and len(ranked) < TRACED_CANDIDATES:
        standing, load, slot, members, position = heads[0]
        position += 1
        if position < len(members):
            heapq.heapreplace(heads, (standing, load, members[position], members, position))
        else:
            heapq.heappop(heads)
        agent = slot[2]
        if agent is not sticky and (not lane.barred or agent.facts.id not in lane.barred):
            ranked.append(((1, *standing, load, slot[0], slot[1]), agent))
    return ranked


def _find_only(lane: Lane, only: Agent, work: Work) -> Findings:
    if not only.facts.routable:
        return Findings([], 0, 0, 0, 0)
    if _kept_free(only, work):
        return Findings([], 0, 1, 0, 1)
    if only.state.fit(lane.kind) is None:
        return Findings([], 0, 1, 0, 0)
    unasked = (0.0,) * len(lane.kind.policy.standing)
    rank = (0, *unasked, _load(lane, only), only.idle, only.idle_hash)
    return Findings([(rank, only)], 1, 1, 0, 0)


def _staffed_in(lane: Lane, agent: Agent) -> bool:
    return agent.facts.routable and agent.group in lane.reach.groups


def _kept_free(agent: Agent, work: Work) -> bool:
    """Work due before the one the agent drains for, and that one itself, may still come."""
    return agent.draining_for is not None and agent.draining_for.key < work.key


def _fits(lane: Lane, agent: Agent, work: Work) -> bool:
    return not _kept_free(agent, work) and agent.state.fit(lane.kind) is not None


def _load(lane: Lane, agent: Agent) -> tuple[float, ...]:
    fit = agent.state.fit(lane.kind)
    assert fit is not None
    assert agent.group is not None
    return lane.kind.policy.load(fit, agent.group.blended, lane.kind.whole)
