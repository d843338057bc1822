"""The capacity ledger of one agent: what fits, what a debit and a credit leave behind."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple

from app.core.errors import Conflict

DEFAULT_CAPACITY_UNITS = 100
DEFAULT_WEIGHTS: Mapping[str, int] = {
    "phone": 100,
    "voice": 100,
    "chat": 25,
    "social": 20,
    "sms": 20,
    "email": 10,
    "task": 10,
}
OTHER_CHANNEL_WEIGHT = 20
WHOLE_AGENT_CHANNELS = frozenset({"phone", "voice"})
INTERRUPTING_CHANNELS = WHOLE_AGENT_CHANNELS | {"chat"}
INTERRUPTIBLE_CHANNELS = frozenset({"email", "task"})
MAX_PARKED = 2
LEDGERS_KEPT = 4_096

Held = tuple[str, int]
"""One engagement or live offer: channel and units."""


def default_weight(channel: str) -> int:
    return DEFAULT_WEIGHTS.get(channel, OTHER_CHANNEL_WEIGHT)


@dataclass(frozen=True, slots=True)
class Ledger:
    """Equal loads compare equal: the tuples are sorted and hold no zeros (build it with `ledger_of`).

    `limits` counts conversations per channel. `interruptible` lists what a call or chat may park, heaviest
    first. `parked` counts what waits parked already and holds no units.
    """

    capacity_units: int = DEFAULT_CAPACITY_UNITS
    used_units: int = 0
    counts: tuple[tuple[str, int], ...] = ()
    limits: tuple[tuple[str, int], ...] = ()
    interruptible: tuple[tuple[int, str], ...] = ()
    parked: int = 0

    @property
    def used_share(self) -> float:
        return self.used_units / self.capacity_units if self.capacity_units else 1.0

    @property
    def holds_whole_agent_work(self) -> bool:
        return any(channel in WHOLE_AGENT_CHANNELS for channel, _ in self.counts)


class Fit(NamedTuple):
    """The work fits. `used_share` is the load before it; `parks` is what it interrupts, (units, channel)."""

    used_share: float
    parks: tuple[tuple[int, str], ...]


def ledger_of(
    engaged: Iterable[Held] = (),
    *,
    offered: Iterable[Held] = (),
    capacity_units: int = DEFAULT_CAPACITY_UNITS,
    limits: Mapping[str, int] | None = None,
    parked: int = 0,
) -> Ledger:
    """The ledger as the sum over live offers and engagements, which is what it must always equal."""
    return _sum(tuple(engaged), tuple(offered), capacity_units, tuple(sorted((limits or {}).items())), parked)


@lru_cache(maxsize=LEDGERS_KEPT)
def _sum(
    engaged: tuple[Held, ...],
    offered: tuple[Held, ...],
    capacity_units: int,
    limits: tuple[tuple[str, int], ...],
    parked: int,
) -> Ledger:
    """Agents move among few distinct loads, and each commit asks for those of all its agents twice."""
    items = (*engaged, *offered)
    return Ledger(
        capacity_units=capacity_units,
        used_units=sum(units for _, units in items),
        counts=tuple(sorted(Counter(channel for channel, _ in items).items())),
        limits=limits,
        interruptible=_heaviest_first(
            (units, channel) for channel, units in engaged if channel in INTERRUPTIBLE_CHANNELS
        ),
        parked=parked,
    )


def could_ever_fit(ledger: Ledger, channel: str, weight: int) -> bool:
    """Whether the agent could take the work with empty hands."""
    return weight <= ledger.capacity_units and dict(ledger.limits).get(channel, 1) > 0


def fits(ledger: Ledger, channel: str, weight: int) -> Fit | None:
    """How the work fits, parking as few interruptible works as it must; None when it does not fit."""
    if not could_ever_fit(ledger, channel, weight) or ledger.holds_whole_agent_work:
        return None
    limit = dict(ledger.limits).get(channel)
    if limit is not None and dict(ledger.counts).get(channel, 0) >= limit:
        return None
    may_stay = 0 if channel in WHOLE_AGENT_CHANNELS else ledger.capacity_units - weight
    parks = _parks_needed(ledger, ledger.used_units - may_stay)
    if parks is None or (parks and channel not in INTERRUPTING_CHANNELS):
        return None
    return Fit(ledger.used_share, parks)


def debit(ledger: Ledger, channel: str, weight: int, *, forced: bool = False) -> Ledger:
    """The ledger after an offer, interrupted works parked; a manual assignment is debit, then `engage`.

    `forced` is a supervisor's override (audited by the caller) and may overshoot. Raises Conflict
    `no_capacity` when the work does not fit.
    """
    fit = fits(ledger, channel, weight)
    if fit is None and not forced:
        raise Conflict("no_capacity", "The agent has no free capacity for this work; choose another agent.")
    for units, parked_channel in fit.parks if fit else ():
        ledger = park(ledger, parked_channel, units)
    return _held(ledger, channel, weight)


def engage(ledger: Ledger, channel: str, weight: int) -> Ledger:
    """An offer was accepted: its units stay; from now on the work may be interrupted if its channel may."""
    if channel not in INTERRUPTIBLE_CHANNELS:
        return ledger
    return replace(ledger, interruptible=_heaviest_first((*ledger.interruptible, (weight, channel))))


def credit(ledger: Ledger, channel: str, weight: int, *, engaged: bool = True) -> Ledger:
    """The ledger after a final state of an engagement, or of an offer that was never accepted.

    Raises Conflict `ledger_underflow`: a credit came twice.
    """
    counts = dict(ledger.counts)
    if not counts.get(channel) or weight > ledger.used_units:
        raise Conflict("ledger_underflow", "The ledger holds no such work; rebuild it from offers and work.")
    counts[channel] -= 1
    interruptible = list(ledger.interruptible)
    if engaged and (weight, channel) in interruptible:
        interruptible.remove((weight, channel))
    return replace(
        ledger,
        used_units=ledger.used_units - weight,
        counts=tuple(sorted(item for item in counts.items() if item[1])),
        interruptible=tuple(interruptible),
    )


def park(ledger: Ledger, channel: str, weight: int) -> Ledger:
    """An interrupted work gives back its units and waits. Raises Conflict `too_many_parked`."""
    if ledger.parked >= MAX_PARKED:
        raise Conflict("too_many_parked", f"An agent may have {MAX_PARKED} interrupted works at most.")
    return replace(credit(ledger, channel, weight), parked=ledger.parked + 1)


def resume(ledger: Ledger, channel: str, weight: int, *, forced: bool = False) -> Ledger:
    """A parked work takes its units again. Raises Conflict `no_capacity` when they are gone for now."""
    fit = fits(ledger, channel, weight)
    if not forced and (fit is None or fit.parks or not ledger.parked):
        raise Conflict("no_capacity", "The parked work does not fit yet; finish or park something first.")
    return engage(replace(_held(ledger, channel, weight), parked=ledger.parked - 1), channel, weight)


def _held(ledger: Ledger, channel: str, weight: int) -> Ledger:
    counts = dict(ledger.counts)
    counts[channel] = counts.get(channel, 0) + 1
    return replace(ledger, used_units=ledger.used_units + weight, counts=tuple(sorted(counts.items())))


def _parks_needed(ledger: Ledger, excess_units: int) -> tuple[tuple[int, str], ...] | None:
    parks: list[tuple[int, str]] = []
    for units, channel in ledger.interruptible:
        if excess_units <= 0 or ledger.parked + len(parks) >= MAX_PARKED:
            break
        parks.append((units, channel))
        excess_units -= units
    return tuple(parks) if excess_units <= 0 else None


def _heaviest_first(items: Iterable[tuple[int, str]]) -> tuple[tuple[int, str], ...]:
    return tuple(sorted(items, key=lambda item: (-item[0], item[1])))
