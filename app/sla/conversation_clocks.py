"""All clocks of a conversation as an incremental fold: state and fact in, state and changed clocks out."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime

from app.sla import clock as clocks
from app.sla.clock import Clock, Reading
from app.sla.conversation_state import OVER, Changes, ClockKey, Rules, State, target_of
from app.sla.conversation_turn import Turn
from app.sla.facts import Fact
from app.sla.metrics import DATE_METRICS

GRACE_FACTS_LIMIT = 100
"""Facts remembered after a resolution in case it is undone; with more than that it stands."""


class LateFactError(ValueError):
    """The fact counts before one already folded: recompute from the whole history."""


def is_late(state: State, fact: Fact) -> bool:
    return state.last_at is not None and fact.at < state.last_at


def in_order(facts: Iterable[Fact]) -> list[Fact]:
    """By the instant at which they count; those of one instant stay in the order given."""
    return sorted(facts, key=lambda fact: fact.at)


def recompute(rules: Rules, facts: Iterable[Fact], *, generation: int = 0) -> tuple[State, Changes]:
    """The same as folding the facts one by one. Give the old state's generation to silence the timers set under it."""
    return fold(rules, State(generation=generation), in_order(facts))


def fold(rules: Rules, state: State, facts: Iterable[Fact]) -> tuple[State, Changes]:
    """Facts in order. Raises LateFactError. The result does not depend on how the facts are cut into batches."""
    changes: Changes = {}
    for fact in facts:
        state, changed = apply(rules, state, fact)
        changes |= changed
    return state, changes


def apply(rules: Rules, state: State, fact: Fact) -> tuple[State, Changes]:
    """One fact. Raises LateFactError."""
    if is_late(state, fact):
        raise LateFactError(f"the fact of {fact.at} is older than {state.last_at}: recompute")
    if undoes_resolution(rules, state, fact):
        return _undo_and_apply(rules, state, fact)
    turn = Turn(rules, state)
    turn.take(fact)
    if fact.merged:
        turn.absorb(recompute(rules, fact.merged)[0], fact.at)
    return _remember(rules, state, turn.result(), fact), turn.changes


def read(rules: Rules, clocks_: Iterable[Clock], now: datetime) -> list[Reading]:
    """What these clocks say at `now`, in the order of the targets, then the promises with their own date; by seq."""
    order = {metric: position for position, metric in enumerate((*rules.targets, *DATE_METRICS))}
    wanted = sorted(clocks_, key=lambda clock: (order[clock.metric], clock.seq))
    return [clocks.read(target_of(rules, clock), clock, now) for clock in wanted]


def reopens(state: State, fact: Fact) -> bool:
    """Any status but resolved or closed does, and so does the customer, until the conversation is closed."""
    if state.resolved_at is None:
        return False
    if fact.kind == "status":
        return fact.value not in OVER
    return fact.kind == "message" and fact.value == "customer" and state.status != "closed"


def undoes_resolution(rules: Rules, state: State, fact: Fact) -> bool:
    if state.before_resolution is None or state.resolved_at is None or not rules.reopen_grace:
        return False
    return reopens(state, fact) and fact.at - state.resolved_at <= rules.reopen_grace


def _undo_and_apply(rules: Rules, state: State, fact: Fact) -> tuple[State, Changes]:
    """Fold again what came after the resolution, as if it had never been."""
    assert state.before_resolution is not None
    generation = state.generation + 1
    restored = {
        metric: clock if clock == state.clocks.get(metric) else replace(clock, generation=generation)
        for metric, clock in state.before_resolution.state.clocks.items()
    }
    before = replace(state.before_resolution.state, clocks=restored, generation=generation)
    after, changes = fold(rules, before, (*state.before_resolution.since, fact))
    put_back: Changes = {(metric, clock.seq): clock for metric, clock in restored.items()}
    return after, dict(_withdrawn(state, after)) | put_back | changes


def _remember(rules: Rules, before: State, after: State, fact: Fact) -> State:
    """Keep the fact for an undo of the resolution that came before it, or forget the undo when its time is over."""
    undo = before.before_resolution
    if undo is None or after.before_resolution is None or after.resolved_at is None:
        return after
    if fact.at - after.resolved_at > rules.reopen_grace or len(undo.since) >= GRACE_FACTS_LIMIT:
        return replace(after, before_resolution=None)
    return replace(after, before_resolution=replace(undo, since=(*undo.since, fact)))


def _withdrawn(before: State, after: State) -> Iterator[tuple[ClockKey, None]]:
    for metric, clock in before.clocks.items():
        kept = after.clocks[metric].seq if metric in after.clocks else 0
        yield from (((metric, seq), None) for seq in range(kept + 1, clock.seq + 1))
