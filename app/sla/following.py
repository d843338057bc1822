"""How the clocks of one conversation follow its events: decided here, stored elsewhere."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from app.events.sla import ClockFace
from app.sla import clock as clocks
from app.sla import conversation_clocks, policies
from app.sla.clock import Clock, Reading, Target
from app.sla.conversation_state import OVER, Changes, ClockKey, Rules, State, clocks_of, target_of
from app.sla.event_facts import Subject
from app.sla.face import face_of
from app.sla.facts import Fact
from app.sla.metrics import DATE_METRICS
from app.sla.policies import Book, PolicyBody, PolicyVersion, Selection
from app.sla.timers import Timer, timers_of

NO_POLICY = PolicyVersion(UUID(int=0), UUID(int=0), "", 0, PolicyBody(position=100_000, dates=[*DATE_METRICS]))
"""For a promise with its own date that no policy speaks of: nothing but its breach is told."""


@dataclass(frozen=True, slots=True)
class Followed:
    """A conversation as stored: `facts` counts those its state was folded from."""

    subject: Subject
    selection: Selection
    state: State
    facts: int

    @property
    def has_ended(self) -> bool:
        """Resolved or closed: it keeps the policies it had."""
        return self.state.status in OVER

    @property
    def is_over(self) -> bool:
        """Nothing that is edited can move it any more. An answer that is still owed may be, also after the end."""
        return self.has_ended and not any(clock.is_open and not clock.used_up_at for clock in clocks_of(self.state))


def only_moves_on(before: Followed, after: Followed) -> bool:
    """Whether what was told means nothing to the clocks: a customer who waits already writes again."""
    told = before.facts > 0 and after.subject == before.subject and after.selection == before.selection
    return told and after.state == replace(before.state, last_at=after.state.last_at)


@dataclass(frozen=True, slots=True)
class Turn:
    """What one batch of events asks of one conversation."""

    subject: Subject
    selection: Selection
    facts: tuple[Fact, ...]
    needs_history: bool


def begin(book: Book, subject: Subject) -> Followed:
    return Followed(subject, policies.select(book, subject.attributes), State(), 0)


def plan(book: Book, before: Followed, subject: Subject, facts: Sequence[Fact]) -> Turn:
    """Another choice of policies, or a fact that counts before one already folded, needs the whole history."""
    selection: Selection = before.selection
    if subject.attributes != before.subject.attributes:
        selection = policies.reselect(book, subject.attributes, before.selection)
    late = any(conversation_clocks.is_late(before.state, fact) for fact in facts)
    needs_history = late or dict(selection) != dict(before.selection)
    return Turn(subject, selection, tuple(facts), needs_history and before.facts > 0)


def carry_out(book: Book, before: Followed, turn: Turn, history: Sequence[Fact]) -> tuple[Followed, Changes]:
    """The conversation after the turn. `history`: its stored facts, if the turn needs them."""
    rules = policies.rules_of(book, turn.selection)
    if turn.needs_history:
        facts = (*history, *turn.facts)
        state, changes = conversation_clocks.recompute(rules, facts, generation=before.state.generation)
    else:
        state, changes = conversation_clocks.fold(rules, before.state, conversation_clocks.in_order(turn.facts))
    return Followed(turn.subject, turn.selection, state, before.facts + len(turn.facts)), changes


@dataclass(frozen=True, slots=True)
class Told:
    """What a stored clock has told so far: timer to the instant it was for."""

    id: UUID
    fired: Mapping[str, datetime]
    detected_at: datetime | None


@dataclass(frozen=True, slots=True)
class ClockRow:
    """One clock as it is to be stored."""

    told: Told
    policy: PolicyVersion
    clock: Clock
    reading: Reading
    timers: tuple[Timer, ...]
    corrects: datetime | None
    """The instant of a breach that was told and is none any more."""
    breached_at: datetime | None
    """By now, which may lie after the clock's last change."""
    face: ClockFace


def row_of(book: Book, rules: Rules, selection: Selection, clock: Clock, told: Told, now: datetime) -> ClockRow:
    # What was told has passed, also where our own transaction began before the timer's and got the clock after it.
    now = max([now, *told.fired.values()])
    target, policy = target_of(rules, clock), policy_of(book, selection, clock.metric)
    breached_at = _breached_by(target, clock, now)
    before = told.fired.get("breach")
    corrects = before if before is not None and before != breached_at else None
    if corrects is not None:
        told = _corrected(told, breached_at, now)
    reading = clocks.read(target, clock, clock.counted_at)
    known = told.fired.get("breach")
    if known is not None and clock.is_open:
        reading = replace(reading, state="breached", breached_at=known, due_at=known)
    timers = tuple(timers_of(target, clock, policy.body, told.fired, now))
    face = face_of(target, clock, reading, clock_id=told.id, policy=policy.name)
    return ClockRow(told, policy, clock, reading, timers, corrects, breached_at, face)


def _corrected(told: Told, breached_at: datetime | None, now: datetime) -> Told:
    """The correction tells where the breach is instead, so that it is not told, nor acted upon, a second time."""
    fired = {name: at for name, at in told.fired.items() if name != "breach"}
    if breached_at is None:
        return replace(told, fired=fired, detected_at=None)
    return replace(told, fired={**fired, "breach": breached_at}, detected_at=now)


def policy_of(book: Book, selection: Selection, metric: str) -> PolicyVersion:
    """NO_POLICY for a promise with its own date, unless the policy chosen for its family names it."""
    version_id = policies.version_for(selection, metric)
    policy = book.versions[version_id] if version_id is not None else NO_POLICY
    return policy if metric not in DATE_METRICS or metric in policy.body.dates else NO_POLICY


def _breached_by(target: Target, clock: Clock, now: datetime) -> datetime | None:
    """Also a breach after the clock's last change, which the clock itself has not counted yet."""
    if clock.used_up_at is None and clock.due_at is not None and now < clock.due_at:
        return None
    return clocks.read(target, clock, max(now, clock.counted_at)).breached_at


def withdrawn(stored: Sequence[ClockKey], computed: Changes) -> list[ClockKey]:
    """Clocks of an earlier computation that the whole history does not know."""
    return [key for key in stored if computed.get(key) is None]


def promise_ids(facts: Iterable[Fact]) -> dict[ClockKey, UUID]:
    """The clock of a promise has the promise's id."""
    return {(fact.metric, fact.seq): UUID(fact.value) for fact in facts if fact.kind == "promised"}


def is_moved(before: State, after: State) -> bool:
    """Whether a promise comes at another time, is new or is gone."""
    return _dues(before) != _dues(after)


def _dues(state: State) -> set[tuple[str, int, datetime | None, datetime | None]]:
    return {(clock.metric, clock.seq, clock.due_at, clock.breached_at) for clock in clocks_of(state)}
