"""How long somebody in line will wait: how fast the agents of a queue come free, and the place in the line."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

PRIOR_HANDLING_SECONDS: Mapping[str, float] = {"phone": 300, "voice": 300, "email": 900, "task": 900}
OTHER_PRIOR_SECONDS = 600.0
HANDLING_WEIGHT = 0.03
"""Of the newest in the moving mean: some sixty of the latest make it up."""
LEAST_HANDLING_SECONDS = 1.0
Z_90 = 1.2815515655446004
"""The normal distribution's 90th percentile."""
MINUTE = 60
SPOKEN_STEPS = ((600, 60), (3600, 300), (math.inf, 900))
"""(below so many seconds, told in steps of so many): nobody should read more into an estimate than there is."""


@dataclass(frozen=True, slots=True)
class QueueLoad:
    """`channel` and `units`: of the work that comes there. `demand`: work that came lately or waits, a count."""

    channel: str
    units: int
    handling_seconds: float
    demand: int
    offer_seconds: float
    """How long an offer may ring; 0 where it is accepted at once."""


@dataclass(frozen=True, slots=True)
class AgentLoad:
    """An agent to whom work is offered now, with what the agent holds."""

    queues: frozenset[UUID]
    capacity_units: int
    used_units: int
    channel_limits: Mapping[str, int] = field(default_factory=dict)
    used_by_channel: Mapping[str, int] = field(default_factory=dict)

    def slots(self, load: QueueLoad) -> int:
        """How much of this queue's work the agent could do at once, with empty hands."""
        return min(self.capacity_units // load.units, self.channel_limits.get(load.channel, self.capacity_units))

    def free_slots(self, load: QueueLoad) -> int:
        room = (self.capacity_units - self.used_units) // load.units
        limit = self.channel_limits.get(load.channel)
        if limit is not None:
            room = min(room, limit - self.used_by_channel.get(load.channel, 0))
        return max(0, room)


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a line moves. `rate`: slots that come free for this queue each second, all of them being busy;
    `free`: slots that are free for it now."""

    rate: float
    free: float
    offer_seconds: float


@dataclass(frozen=True, slots=True)
class Estimate:
    """Half of those who stand there wait no longer than `p50_seconds`, nine of ten no longer than `p90_seconds`."""

    p50_seconds: float
    p90_seconds: float


def handling_seconds(channel: str, latest: Sequence[float]) -> float:
    """The exponentially weighted mean of what the latest took, oldest first, beginning at the channel's prior."""
    mean = PRIOR_HANDLING_SECONDS.get(channel, OTHER_PRIOR_SECONDS)
    for seconds in latest:
        mean += HANDLING_WEIGHT * (max(seconds, 0.0) - mean)
    return max(mean, LEAST_HANDLING_SECONDS)


def paces(queues: Mapping[UUID, QueueLoad], agents: Iterable[AgentLoad]) -> dict[UUID, Pace]:
    """The rate at which slots come free: the sum over agents of their share on this queue / handling time.

    An agent's share on a queue is that queue's part of the work that all of the agent's queues bring.
    """
    rates, free = dict.fromkeys(queues, 0.0), dict.fromkeys(queues, 0.0)
    for agent in agents:
        served = [queue_id for queue_id in agent.queues if queue_id in queues]
        whole = sum(_content(queues[queue_id]) for queue_id in served)
        for queue_id in served:
            load = queues[queue_id]
            share = _content(load) / whole
            rates[queue_id] += share * agent.slots(load) / load.handling_seconds
            free[queue_id] += share * agent.free_slots(load)
    return {queue_id: Pace(rates[queue_id], free[queue_id], load.offer_seconds) for queue_id, load in queues.items()}


def _content(load: QueueLoad) -> float:
    """A queue without any work lately still has a little of its agents."""
    return (load.demand + 1) * load.handling_seconds


def estimate(position: int, pace: Pace) -> Estimate | None:
    """For who is `position`-th of those who wait without an offer, 1 being next. None: nothing can be said.

    The k-th waits for k releases, Gamma(k, rate), k counted from the first who finds no free slot. Its quantiles are by
    Wilson and Hilferty, within 2 % of the exact ones. Whoever finds a free slot waits while an offer rings.
    """
    if pace.rate <= 0:
        return None
    behind = position - math.floor(pace.free + 1e-9)
    if behind <= 0:
        return Estimate(0.0, pace.offer_seconds)
    p50, p90 = (_gamma_quantile(behind, z) / pace.rate for z in (0.0, Z_90))
    return Estimate(p50, max(p90, pace.offer_seconds))


def _gamma_quantile(shape: int, z: float) -> float:
    """Of the gamma distribution with rate 1, at the normal distribution's quantile `z`."""
    ninth = 1 / (9 * shape)
    return shape * (1 - ninth + z * math.sqrt(ninth)) ** 3


def spoken_seconds(seconds: float) -> int:
    """Rounded up to what may be told a customer: whole minutes, then five, then fifteen; one minute at least."""
    step = next(step for below, step in SPOKEN_STEPS if seconds < below)
    return max(MINUTE, math.ceil(seconds / step) * step)
