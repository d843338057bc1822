"""Interruption: whatever comes and goes, the ledger is what is held, nobody is above capacity, two wait at most."""

from dataclasses import dataclass, field

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from app.routing.capacity import MAX_PARKED, Ledger, credit, debit, default_weight, engage, fits, ledger_of, resume

CHANNELS = st.sampled_from(["email", "task", "chat", "phone"])


@dataclass
class Books:
    """What an agent holds, kept beside the ledger in the plainest way."""

    offered: list[str] = field(default_factory=list)
    engaged: list[str] = field(default_factory=list)
    parked: list[str] = field(default_factory=list)

    def ledger(self) -> Ledger:
        held = [(channel, default_weight(channel)) for channel in self.engaged]
        offered = [(channel, default_weight(channel)) for channel in self.offered]
        return ledger_of(held, offered=offered, parked=len(self.parked))


class Parking(RuleBasedStateMachine):
    """One agent, and the shell's way with the ledger: what was interrupted goes on as soon as it fits."""

    def __init__(self) -> None:
        super().__init__()
        self.ledger, self.books = ledger_of(), Books()

    @rule(channel=CHANNELS)
    def offer(self, channel: str) -> None:
        fit = fits(self.ledger, channel, default_weight(channel))
        if fit is None:
            return
        self.ledger = debit(self.ledger, channel, default_weight(channel))
        for _, interrupted in fit.parks:
            self.books.engaged.remove(interrupted)
            self.books.parked.append(interrupted)
        self.books.offered.append(channel)

    @precondition(lambda self: self.books.offered)
    @rule(data=st.data())
    def accept(self, data: st.DataObject) -> None:
        channel = data.draw(st.sampled_from(sorted(self.books.offered)))
        self.books.offered.remove(channel)
        self.books.engaged.append(channel)
        self.ledger = engage(self.ledger, channel, default_weight(channel))

    @precondition(lambda self: self.books.offered)
    @rule(data=st.data())
    def decline(self, data: st.DataObject) -> None:
        channel = data.draw(st.sampled_from(sorted(self.books.offered)))
        self.books.offered.remove(channel)
        self.ledger = credit(self.ledger, channel, default_weight(channel), engaged=False)
        self._resume()

    @precondition(lambda self: self.books.engaged)
    @rule(data=st.data())
    def finish(self, data: st.DataObject) -> None:
        channel = data.draw(st.sampled_from(sorted(self.books.engaged)))
        self.books.engaged.remove(channel)
        self.ledger = credit(self.ledger, channel, default_weight(channel))
        self._resume()

    def _resume(self) -> None:
        for channel in list(self.books.parked):
            fit = fits(self.ledger, channel, default_weight(channel))
            if fit is not None and not fit.parks:
                self.ledger = resume(self.ledger, channel, default_weight(channel))
                self.books.parked.remove(channel)
                self.books.engaged.append(channel)

    @invariant()
    def ledger_is_what_is_held(self) -> None:
        assert self.ledger == self.books.ledger()

    @invariant()
    def nobody_is_above_capacity(self) -> None:
        assert self.ledger.used_units <= self.ledger.capacity_units

    @invariant()
    def two_wait_at_most_and_none_that_would_fit(self) -> None:
        assert len(self.books.parked) <= MAX_PARKED
        assert {"chat", "phone"}.isdisjoint(self.books.parked)
        for channel in self.books.parked:
            fit = fits(self.ledger, channel, default_weight(channel))
            assert fit is None or fit.parks


TestParking = Parking.TestCase
