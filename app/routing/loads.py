"""Loads an agent may have, kept once each, with what fits on them remembered."""

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
from app.routing.ranking import Policy


class Kind:
    """A channel, a weight and the policy's load rule: what decides which loads fit and in which order."""

    __slots__ = ("channel", "policy", "weight", "whole")

    def __init__(self, channel: str, weight: int, policy: Policy) -> None:
        self.channel = channel
        self.weight = weight
        self.policy = policy
        self.whole = channel in WHOLE_AGENT_CHANNELS


class Fits(dict[Kind, Fit | None]):
    """How work of each kind fits on one ledger, worked out when first asked."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def __missing__(self, kind: Kind) -> Fit | None:
        fit = self[kind] = fits(self._ledger, kind.channel, kind.weight)
        return fit


class After(dict[Kind, "State"]):
    """The load after an offer of each kind."""

    def __init__(self, state: "State") -> None:
        self._state = state

    def __missing__(self, kind: Kind) -> "State":
        state = self[kind] = self._state.debited(kind.channel, kind.weight)
        return state


class State:
    """One ledger, kept once, with its arithmetic remembered: agents move among few distinct loads."""

    __slots__ = ("_credited", "_debited", "_known", "after", "fits", "ledger", "whole")

    def __init__(self, ledger: Ledger, known: "dict[Ledger, State]") -> None:
        self.ledger = ledger
        self.whole = ledger.holds_whole_agent_work
        self._known = known
        self.fits = Fits(ledger)
        self.after = After(self)
        self._debited: dict[tuple[str, int], State] = {}
        self._credited: dict[tuple[str, int, bool], State] = {}

    @staticmethod
    def of(ledger: Ledger, known: "dict[Ledger, State]") -> "State":
        state = known.get(ledger)
        if state is None:
            state = known[ledger] = State(ledger, known)
        return state

    def fit(self, kind: Kind) -> Fit | None:
        return self.fits[kind]

    def could_hold(self, kind: Kind) -> bool:
        return could_ever_fit(self.ledger, kind.channel, kind.weight)

    def debited(self, channel: str, weight: int) -> "State":
        after = self._debited.get((channel, weight))
        if after is None:
            after = State.of(debit(self.ledger, channel, weight, forced=True), self._known)
            self._debited[channel, weight] = after
        return after

    def credited(self, channel: str, weight: int, *, engaged: bool) -> "State":
        after = self._credited.get((channel, weight, engaged))
        if after is None:
            after = State.of(credit(self.ledger, channel, weight, engaged=engaged), self._known)
            self._credited[channel, weight, engaged] = after
        return after

    def engaged(self, channel: str, weight: int) -> "State":
        return State.of(engage(self.ledger, channel, weight), self._known)

    def resumed(self, channel: str, weight: int) -> "State":
        return State.of(resume(self.ledger, channel, weight, forced=True), self._known)
