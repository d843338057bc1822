"""Which agent: policies as ordered lists of small named rank rules, the lower value first."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from uuid import UUID

from app.core.errors import InvalidInput
from app.routing.capacity import Fit

FIT_BAND_LEVELS = 2

Rank = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Standing:
    """What ranks all agents of one profile alike, for one demand."""

    queues_served: int
    skills: Mapping[str, int]
    wanted: tuple[str, ...]


StandingRule = Callable[[Standing], float]
LoadRule = Callable[[Fit, bool, bool], tuple[float, ...]]
"""(how it fits, agent has a whole-agent channel, work is of a whole-agent channel)."""


def least_versatile(standing: Standing) -> float:
    """Keep those who can serve many queues free for the work that only they can do."""
    return standing.queues_served


def skill_fit(standing: Standing) -> float:
    """The higher proficiency first, in bands, so that a single level does not outweigh the load."""
    if not standing.wanted:
        return 0
    return -sum(band(standing.skills.get(skill, 0)) for skill in standing.wanted) / len(standing.wanted)


def band(level: int) -> int:
    return (level + FIT_BAND_LEVELS - 1) // FIT_BAND_LEVELS


def pack_or_spread(fit: Fit, agent_is_blended: bool, work_is_whole: bool) -> tuple[float, ...]:
    """Interrupt nobody if possible. Calls, and teams without calls: the lowest used share. Digital work in a
    blended team is packed, so that somebody stays free for a call.
    """
    if agent_is_blended and not work_is_whole:
        return (len(fit.parks), 1, -fit.used_share)
    return (len(fit.parks), 0, fit.used_share)


def spread(fit: Fit, agent_is_blended: bool, work_is_whole: bool) -> tuple[float, ...]:
    return (len(fit.parks), fit.used_share)


def only_avoid_interruption(fit: Fit, agent_is_blended: bool, work_is_whole: bool) -> tuple[float, ...]:
    return (len(fit.parks),)


@dataclass(frozen=True, slots=True)
class Policy:
    """Sticky first, then these, then longest since last accepted, then a stable hash: a rank never ties.

    `rules` holds the names in the order of a rank vector's values.
    """

    name: str
    standing: tuple[StandingRule, ...]
    load: LoadRule
    rules: tuple[str, ...]


def _policy(name: str, standing: tuple[StandingRule, ...], load: LoadRule) -> Policy:
    named = (*(rule.__name__ for rule in standing), load.__name__)
    return Policy(name, standing, load, ("sticky", *named, "longest_idle", "stable_hash"))


POLICIES: Mapping[str, Policy] = {
    policy.name: policy
    for policy in (
        _policy("default", (least_versatile, skill_fit), pack_or_spread),
        _policy("longest_idle", (), only_avoid_interruption),
        _policy("least_loaded", (), spread),
    )
}


def get_policy(name: str) -> Policy:
    if name not in POLICIES:
        raise InvalidInput("unknown_policy", f"Policy must be one of {', '.join(sorted(POLICIES))}.")
    return POLICIES[name]


def stable_hash(agent_id: UUID) -> int:
    """The same in every process and run, and unrelated to the order in which agents were made."""
    return int.from_bytes(blake2b(agent_id.bytes, digest_size=8).digest())
