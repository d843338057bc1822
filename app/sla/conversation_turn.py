"""One fact taken in by the clocks of a conversation: which start, stop, pause, go on or are withdrawn."""

from dataclasses import replace
from datetime import datetime

from app.sla import clock as clocks
from app.sla.clock import Clock, Target
from app.sla.conversation_state import OVER, Changes, Rules, State, Undo, promise_key, target_of
from app.sla.facts import Fact
from app.sla.metrics import CARRIED_BY_MERGE, DATE_METRICS, METRICS, Metric, Signal
from app.sla.wall_clock import WALL


class Turn:
    """The clocks and the situation of a conversation while one fact is taken in."""

    def __init__(self, rules: Rules, state: State) -> None:
        self._rules = rules
        self._state = state
        self._clocks = dict(state.clocks)
        self._promises = dict(state.promises)
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
                    self._cancel(metric, fact.at, fact.value or "cancelled", fact.seq)
            case "promised":
                self._promise(fact)
            case "kept":
                clock = self._promise_meant(fact.metric, fact.seq)
                if clock is not None:
                    self.put(clocks.stop(target_of(self._rules, clock), clock, fact.at))

    def absorb(self, theirs: State, at: datetime) -> None:
        """The open clocks of a conversation that is merged into this one: of each metric the earliest start goes on."""
        for name, clock in theirs.clocks.items():
            if clock.is_open:
                self._keep_earliest(self._owed_as(name), clock, at)

    def put(self, clock: Clock) -> None:
        clock = replace(clock, generation=self._generation)
        self.changes[clock.metric, clock.seq] = clock
        if clock.metric not in DATE_METRICS:
            self._clocks[clock.metric] = clock
        elif clock.is_open:
            self._promises[promise_key(clock.metric, clock.seq)] = clock
        else:
            self._promises.pop(promise_key(clock.metric, clock.seq), None)

    def result(self) -> State:
        generation = self._generation if self.changes else self._state.generation
        return replace(self._state, clocks=dict(self._clocks), promises=dict(self._promises), generation=generation)

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

    def _cancel(self, metric: str, at: datetime, reason: str, seq: int = 0) -> None:
        clock = self._promise_meant(metric, seq) if metric in DATE_METRICS else self._clocks.get(metric)
        if clock is not None and clock.is_open:
            self.put(clocks.cancel(target_of(self._rules, clock), clock, at, reason))

    def _promise(self, fact: Fact) -> None:
        """Given twice with one number, it is given once."""
        seq = fact.seq or self._state.promised.get(fact.metric, 0) + 1
        if fact.due_at is None or promise_key(fact.metric, seq) in self._promises:
            return
        last = max(seq, self._state.promised.get(fact.metric, 0))
        self._state = replace(self._state, promised={**self._state.promised, fact.metric: last})
        since = fact.since or fact.at
        target = Target(fact.metric, max(fact.due_at - since, clocks.ZERO), WALL)
        self.put(clocks.start(target, seq, since, paused=False))

    def _promise_meant(self, metric: str, seq: int) -> Clock | None:
        if seq:
            return self._promises.get(promise_key(metric, seq))
        opened = [clock for clock in self._promises.values() if clock.metric == metric]
        return min(opened, key=lambda clock: clock.seq, default=None)

    def _owed_as(self, name: str) -> str:
        """Whoever was answered once already is owed a next reply, never a second first one."""
        own = self._clocks.get("first_reply")
        return "next_reply" if name == "first_reply" and own is not None and not own.is_open else name

    def _keep_earliest(self, name: str, theirs: Clock, at: datetime) -> None:
        target, own = self._rules.targets.get(name), self._clocks.get(name)
        if target is None:
            return
        if own is not None and own.is_open:
            if theirs.started_at < own.started_at:
                self._take_over(target, theirs, own.seq, at)
        elif name in CARRIED_BY_MERGE:
            self._take_over(target, theirs, own.seq + 1 if own is not None else 1, at)

    def _take_over(self, target: Target, theirs: Clock, seq: int, at: datetime) -> None:
        """With what it counted where it came from; whether it pauses is up to this conversation from now on."""
        if theirs.metric != target.metric:  # replies never pause, so that from its start on says it all
            theirs = clocks.count(target, clocks.start(target, seq, theirs.started_at, paused=False), at)
        pauses = self._state.status in METRICS[target.metric].pauses_in
        change = clocks.pause if pauses else clocks.resume
        clock = replace(theirs, seq=seq)
        self.put(clock if pauses == (clock.paused_at is not None) else change(target, clock, at))


def _may_start(metric: Metric, clock: Clock | None) -> bool:
    return clock is None or (not clock.is_open and metric.again == "each")


def _may_go_on(metric: Metric, clock: Clock) -> bool:
    return metric.again == "goes_on" and not clock.is_open and clock.cancelled_reason is None
