"""Loads an agent may have, kept once each, with what fits on them remembered."""

from typing import TYPE_CHECKING

from app.routing.capacity import (
    WHOLE_AGENT_CHANNELS,
    Fit,
    Ledger,
    could_ever_fit,
    credit,
    debit,
    engage,
    fits,
    resume,
)
from app.routing.ranking import Policy, get_policy

if TYPE_CHECKING:
    from app.routing.index import Agent, Group

Slot = tuple[tuple[float, ...], float, int, "Agent"]
"""(load, since when idle, stable hash, agent): in this order the last rank rules put agents of one profile."""
Lists = dict["Group", list[Slot]]
Place = tuple[tuple[float, ...], Lists]


class Kind:
    """A channel, a weight and the policy's load rule: what decides which loads fit and in which order. `bit` stands
    for it in `State.fitting`; `free` lists who of each group has the units for it just now, the best first, and
    `drainable` of whole-agent work who could drain for it, the lowest used share first.
    """

    __slots__ = ("bit", "channel", "drainable", "free", "policy", "weight", "whole")

    def __init__(self, channel: str, weight: int, policy: Policy, bit: int) -> None:
        self.channel = channel
        self.weight = weight
        self.policy = policy
        self.bit = bit
        self.whole = channel in WHOLE_AGENT_CHANNELS
        self.free: Lists = {}
        self.drainable: Lists = {}

    @property
    def lists(self) -> tuple[Lists, ...]:
        return (self.free, self.drainable) if self.whole else (self.free,)


class Loads:
    """All loads and kinds that came up, each kept once: agents move among few distinct loads."""

    def __init__(self) -> None:
        self.states: dict[Ledger, State] = {}
        self.kinds: dict[tuple[str, int, str], Kind] = {}
        self._ranks: dict[tuple[float, ...], tuple[float, ...]] = {}

    def once(self, rank: tuple[float, ...]) -> tuple[float, ...]:
        """Equal ones are one and the same, so that nothing need look into them to find them equal."""
        return self._ranks.setdefault(rank, rank)

    def state(self, ledger: Ledger) -> "State":
        state = self.states.get(ledger)
        if state is None:
            state = self.states[ledger] = State(ledger, self)
        return state

    def kind(self, channel: str, weight: int, policy: str) -> Kind:
        kind = self.kinds.get((channel, weight, policy))
        if kind is None:
            kind = Kind(channel, weight, get_policy(policy), 1 << len(self.kinds))
            self.kinds[channel, weight, policy] = kind
            for state in self.states.values():
                state.learn(kind)
        return kind


class State:
    """One ledger with its arithmetic remembered. `fits` tells how work of each kind fits, `fitting` has the bits of the
    kinds that do and `places` the lists where those who have this load stand, each with the load by which they stand
    there: of agents without a whole-agent channel, and of those with one.
    """

    __slots__ = ("_credited", "_debited", "_loads", "_offered", "fits", "fitting", "ledger", "places", "whole")

    def __init__(self, ledger: Ledger, loads: Loads) -> None:
        self.ledger = ledger
        self.whole = ledger.holds_whole_agent_work
        self.fits: dict[Kind, Fit | None] = {}
        self.fitting = 0
        self.places: tuple[list[Place], list[Place]] = ([], [])
        self._offered: dict[Kind, State] = {}
        self._loads = loads
        self._debited: dict[tuple[str, int], State] = {}
        self._credited: dict[tuple[str, int, bool], State] = {}
        for kind in loads.kinds.values():
            self.learn(kind)

    def learn(self, kind: Kind) -> None:
        fit = self.fits[kind] = fits(self.ledger, kind.channel, kind.weight)
        if fit is not None:
            self.fitting |= kind.bit
            for blended, places in enumerate(self.places):
                places.append((self._loads.once(kind.policy.load(fit, bool(blended), kind.whole)), kind.free))
        if kind.whole and not self.whole and self.could_hold(kind):
            for places in self.places:
                places.append((self._loads.once((self.ledger.used_share,)), kind.drainable))

    def fit(self, kind: Kind) -> Fit | None:
        return self.fits[kind]

    def could_hold(self, kind: Kind) -> bool:
        return could_ever_fit(self.ledger, kind.channel, kind.weight)

    def offered(self, kind: Kind) -> "State":
        """The load after an offer of this kind."""
        after = self._offered.get(kind)
        if after is None:
            after = self._offered[kind] = self.debited(kind.channel, kind.weight)
        return after

    def debited(self, channel: str, weight: int) -> "State":
        after = self._debited.get((channel, weight))
        if after is None:
            after = self._loads.state(debit(self.ledger, channel, weight, forced=True))
            self._debited[channel, weight] = after
        return after

    def credited(self, channel: str, weight: int, *, engaged: bool) -> "State":
        after = self._credited.get((channel, weight, engaged))
        if after is None:
            after = self._loads.state(credit(self.ledger, channel, weight, engaged=engaged))
            self._credited[channel, weight, engaged] = after
        return after

    def engaged(self, channel: str, weight: int) -> "State":
        return self._loads.state(engage(self.ledger, channel, weight))

    def resumed(self, channel: str, weight: int) -> "State":
        return self._loads.state(resume(self.ledger, channel, weight, forced=True))
