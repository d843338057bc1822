"""All clocks of a conversation as an incremental fold: state and fact in, state and changed clocks out."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from app.sla import clock as clocks
from app.sla.clock import Clock, Reading, Target
from app.sla.facts import Fact
from app.sla.metrics import METRICS, Metric, Signal

REOPEN_GRACE = timedelta(seconds=600)
GRACE_FACTS_LIMIT = 100
"""Facts remembered after a resolution in case it is undone; with more than that it stands."""
OVER = frozenset({"resolved", "closed"})

ClockKey = tuple[str, int]
"""(metric, seq)"""
Changes = dict[ClockKey, Clock | None]
"""What to store: the clock as it now is, or None for one that turned out never to have started."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What one version of a policy promises one conversation, each target with its calendar.

    A conversation that reopens within the grace was never resolved; zero switches that off.
    """

    targets: Mapping[str, Target]
    reopen_grace: timedelta = REOPEN_GRACE
    bot_answers: bool = False


@dataclass(frozen=True, slots=True)
class State:
    """The checkpoint: all that later facts need, of a size that does not grow with the conversation.

    `clocks` holds the latest clock of each metric; earlier ones are finished and were handed out as changes. A state is
    folded on under the rules it was made with; other targets mean a recompute.
    """

    clocks: Mapping[str, Clock] = field(default_factory=dict)
    status: str = "open"
    created: bool = False
    answered: bool = False
    group: str = ""
    last_at: datetime | None = None
    resolved_at: datetime | None = None
    before_resolution: "Undo | None" = None
    generation: int = 0


@dataclass(frozen=True, slots=True)
class Undo:
    """The state before the resolution, and the facts since: what to fold if it is undone."""

    state: State
    since: tuple[Fact, ...] = ()


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
    turn = _Turn(rules, state)
    turn.take(fact)
    return _remember(rules, state, turn.result(), fact), turn.changes


def read(rules: Rules, clocks_: Iterable[Clock], now: datetime) -> list[Reading]:
    """What these clocks say at `now`, in the order of the targets, then of seq."""
    order = {metric: position for position, metric in enumerate(rules.targets)}
    wanted = sorted(clocks_, key=lambda clock: (order[clock.metric], clock.seq))
    return [clocks.read(rules.targets[clock.metric], clock, now) for clock in wanted]


def retime(rules: Rules, state: State) -> tuple[State, Changes]:
    """The open clocks with due times under an edited calendar: what has elapsed stays, what is left moves."""
    turn = _Turn(rules, state)
    for metric, clock in state.clocks.items():
        if clock.is_open:
            turn.put(clocks.settle(rules.targets[metric], clock))
    return turn.result(), turn.changes


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


class _Turn:
    """The clocks and the situation of a conversation while one fact is taken in."""

    def __init__(self, rules: Rules, state: State) -> None:
        self._rules = rules
        self._state = state
        self._clocks = dict(state.clocks)
        self._generation = state.generation + 1
        self.changes: Changes = {}

    def take(self, fact: Fact) -> None:
        self._state = replace(self._state, last_at=fact.at)
        if not self._state.created:
            self._state = replace(self._state, created=True)
            self._signal(Signal.CREATED, fact.at)
        match fact.kind:
            case "message":
                self._take_message(fact)
            case "status":
                self._take_status(fact.value, fact.at)
            case "enqueued":
                self._cancel("queue_wait", fact.at, "requeued")
                self._signal(Signal.ENQUEUED, fact.at)
            case "accepted":
                self._signal(Signal.ACCEPTED, fact.at)
            case "dequeued":
                self._cancel("queue_wait", fact.at, fact.value or "left_queue")
            case "group":
                self._take_group(fact.value, fact.at)
            case "cancelled":
                for metric in [fact.metric] if fact.metric else list(self._clocks):
                    self._cancel(metric, fact.at, fact.value or "cancelled")

    def put(self, clock: Clock) -> None:
        clock = replace(clock, generation=self._generation)
        self._clocks[clock.metric] = clock
        self.changes[clock.metric, clock.seq] = clock

    def result(self) -> State:
        generation = self._generation if self.changes else self._state.generation
        return replace(self._state, clocks=dict(self._clocks), generation=generation)

    def _take_message(self, fact: Fact) -> None:
        if fact.value == "customer":
            if self._state.status not in ("open", "closed"):
                self._take_status("open", fact.at)
            self._signal(Signal.CUSTOMER_WROTE, fact.at)
            if self._state.answered:
                self._signal(Signal.CUSTOMER_ASKED_AGAIN, fact.at)
        elif fact.value == "agent_public":
            self._take_answer(fact.at)
            self._signal(Signal.AGENT_WROTE, fact.at)
            if self._state.status == "open":
                self._signal(Signal.AGENT_WROTE_WHILE_OPEN, fact.at)
        elif fact.value == "bot" and self._rules.bot_answers:
            self._take_answer(fact.at)

    def _take_answer(self, at: datetime) -> None:
        self._state = replace(self._state, answered=True)
        self._signal(Signal.ANSWERED, at)

    def _take_status(self, status: str, at: datetime) -> None:
        resolved_at = self._state.resolved_at
        if status == "resolved" and resolved_at is None:
            before = Undo(self.result()) if self._rules.reopen_grace else None
            self._signal(Signal.RESOLVED, at)
            self._state = replace(self._state, resolved_at=at, before_resolution=before)
        self._state = replace(self._state, status=status)
        if resolved_at is not None and status not in OVER:
            self._state = replace(self._state, resolved_at=None, before_resolution=None)
            self._signal(Signal.REOPENED, at)
        self._pause_and_resume(status, at)

    def _take_group(self, group: str, at: datetime) -> None:
        if group != self._state.group:
            self._signal(Signal.GROUP_LEFT, at)
        self._state = replace(self._state, group=group)
        if group:
            self._signal(Signal.GROUP_SET, at)

    def _signal(self, signal: Signal, at: datetime) -> None:
        for name, target in self._rules.targets.items():
            metric, clock = METRICS[name], self._clocks.get(name)
            if clock is not None and clock.is_open and signal in metric.stops_on:
                self.put(clocks.stop(target, clock, at))
            elif signal is metric.starts_on and _may_start(metric, clock):
                seq = clock.seq + 1 if clock is not None else 1
                self.put(clocks.start(target, seq, at, paused=self._state.status in metric.pauses_in))
            elif signal is Signal.REOPENED and clock is not None and _may_go_on(metric, clock):
                self.put(clocks.go_on(target, clock, at, paused=self._state.status in metric.pauses_in))

    def _pause_and_resume(self, status: str, at: datetime) -> None:
        for name, clock in list(self._clocks.items()):
            pauses = status in METRICS[name].pauses_in
            if not clock.is_open or pauses == (clock.paused_at is not None):
                continue
            change = clocks.pause if pauses else clocks.resume
            self.put(change(self._rules.targets[name], clock, at))

    def _cancel(self, metric: str, at: datetime, reason: str) -> None:
        clock = self._clocks.get(metric)
        if clock is not None and clock.is_open:
            self.put(clocks.cancel(self._rules.targets[metric], clock, at, reason))


def _may_start(metric: Metric, clock: Clock | None) -> bool:
    return clock is None or (not clock.is_open and metric.again == "each")


def _may_go_on(metric: Metric, clock: Clock) -> bool:
    return metric.again == "goes_on" and not clock.is_open and clock.cancelled_reason is None
