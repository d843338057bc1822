"""A batch of events folded into the clocks of their conversations: one statement a table, whatever their number."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core import event_log
from app.core.act import Act
from app.core.event_log import StoredEvent
from app.customers import service as customers
from app.events import catalogue
from app.events.conversations import ConversationMerged, ConversationOpened
from app.events.event import Event
from app.events.sla import ClockFacts, ClocksChanged, SlaCorrected
from app.sla import event_facts, following, repository
from app.sla.acceptance import endings
from app.sla.conversation_state import Changes, ClockKey
from app.sla.duties.service import escalations
from app.sla.event_facts import Subject
from app.sla.facts import Fact
from app.sla.following import ClockRow, Followed, Told, Turn
from app.sla.policies import Book, rules_of
from app.sla.repository import PlacedClock
from app.sla.service import book as books
from app.sla.service import promises

Heard = tuple[StoredEvent, Event]


@dataclass(slots=True)
class Story:
    """What a batch tells of one conversation."""

    subject: Subject
    facts: list[Fact] = field(default_factory=list)


async def follow(session: AsyncSession, act: Act, events: Sequence[StoredEvent]) -> None:
    """Conversations of probes and those opened before the log's beginning have no clocks."""
    told: list[Heard] = []
    for stored in events:
        if stored.type in event_facts.TYPES:
            told.append((stored, catalogue.parse(stored.type, stored.version, stored.payload)))
    changed_customers = {stored.key for stored in events if stored.type == "customer.updated"}
    touched = {stored.key for stored, _ in told}
    touched |= {event.into_id for _, event in told if isinstance(event, ConversationMerged)}
    if changed_customers:
        touched |= set(await repository.list_open_of_customers(session, changed_customers))
    if not touched:
        return
    before = await repository.lock_states(session, touched)
    book = await books.load(session, act, kept={id_ for one in before.values() for id_ in one.selection.values()})
    before |= await _begin(session, book, told, before)
    segments = await _segments(session, before, changed_customers)
    heard = await _hear(session, act, before, told)
    turns: dict[UUID, Turn] = {}
    for conversation_id, followed in before.items():
        subject = heard[conversation_id].subject
        if subject.customer_id in segments:
            attributes = replace(subject.attributes, segments=segments[subject.customer_id])
            subject = replace(subject, attributes=attributes)
        turns[conversation_id] = following.plan(book, followed, subject, heard[conversation_id].facts)
    await carry_out(session, act, book, before, turns)


@dataclass(frozen=True, slots=True)
class Folded:
    """What turns lead to: the conversations that change, and their clocks."""

    after: Mapping[UUID, Followed]
    changes: Mapping[UUID, Changes]


async def carry_out(
    session: AsyncSession, act: Act, book: Book, before: Mapping[UUID, Followed], turns: Mapping[UUID, Turn]
) -> Folded:
    """Fold, store and tell. What is not changed by its turn is not written."""
    folded = await fold(session, book, before, turns)
    moved_on = {key for key, one in folded.after.items() if following.only_moves_on(before[key], one)}
    await repository.put_states(session, {key: one for key, one in folded.after.items() if key not in moved_on})
    await repository.move_states_on(session, {key: folded.after[key] for key in moved_on})
    await repository.add_facts(session, _numbered(before, turns))
    ids = {
        (conversation_id, key): promise_id
        for conversation_id, turn in turns.items()
        for key, promise_id in following.promise_ids(turn.facts).items()
    }
    followed_now = {key: folded.after.get(key, before[key]) for key in turns}
    await _store_clocks(session, act, book, followed_now, folded.changes, ids)
    return folded


async def fold(
    session: AsyncSession, book: Book, before: Mapping[UUID, Followed], turns: Mapping[UUID, Turn]
) -> Folded:
    """Nothing is stored."""
    recomputed = [conversation_id for conversation_id, turn in turns.items() if turn.needs_history]
    history = await repository.list_facts(session, recomputed) if recomputed else {}
    stored_keys = await repository.list_keys(session, recomputed) if recomputed else {}
    after: dict[UUID, Followed] = {}
    changes: dict[UUID, Changes] = {}
    for conversation_id, turn in turns.items():
        followed, changed = following.carry_out(book, before[conversation_id], turn, history.get(conversation_id, ()))
        gone = following.withdrawn(stored_keys.get(conversation_id, ()), changed)
        changes[conversation_id] = changed | dict.fromkeys(gone)
        if followed != before[conversation_id] or not before[conversation_id].facts:
            after[conversation_id] = followed
    return Folded(after, changes)


async def _begin(
    session: AsyncSession,
    book: Book,
    told: Sequence[Heard],
    known: Mapping[UUID, Followed],
) -> dict[UUID, Followed]:
    """The conversations that open in this batch."""
    subjects: dict[UUID, Subject] = {}
    for stored, event in told:
        if stored.key not in known and isinstance(event, ConversationOpened) and not event.synthetic:
            subjects[stored.key] = event_facts.opened(event)
    if not subjects:
        return {}
    writers = await customers.list_summaries(session, list({subject.customer_id for subject in subjects.values()}))
    begun: dict[UUID, Followed] = {}
    for conversation_id, subject in subjects.items():
        writer = writers.get(subject.customer_id)
        attributes = replace(subject.attributes, segments=tuple(writer.segments) if writer is not None else ())
        begun[conversation_id] = following.begin(book, replace(subject, attributes=attributes))
    return begun


async def _segments(
    session: AsyncSession, followed: Mapping[UUID, Followed], changed_customers: set[UUID]
) -> dict[UUID, tuple[str, ...]]:
    wanted = changed_customers & {one.subject.customer_id for one in followed.values()}
    found = await customers.list_summaries(session, list(wanted)) if wanted else {}
    return {customer_id: tuple(summary.segments) for customer_id, summary in found.items()}


async def _hear(
    session: AsyncSession, act: Act, before: Mapping[UUID, Followed], told: Sequence[Heard]
) -> dict[UUID, Story]:
    """What the batch means to each conversation, in the order of the log."""
    merged = {event.conversation_id for _, event in told if isinstance(event, ConversationMerged)} & set(before)
    earlier = await repository.list_facts(session, merged) if merged else {}
    stories = {conversation_id: Story(one.subject) for conversation_id, one in before.items()}
    for stored, event in told:
        story = stories.get(stored.key)
        if story is None:
            continue
        if isinstance(event, ConversationMerged) and event.into_id in stories:
            told_there = [*earlier[stored.key], *story.facts]
            stories[event.into_id].facts.append(event_facts.merge_of(told_there, stored.occurred_at))
            await promises.carry_over(session, act, conversation_id=stored.key, into_id=event.into_id)
        story.subject = event_facts.after(story.subject, event)
        story.facts += event_facts.facts_of(event, stored.occurred_at, stored.actor)
    return stories


def _numbered(before: Mapping[UUID, Followed], turns: Mapping[UUID, Turn]) -> list[tuple[UUID, int, Fact]]:
    return [
        (conversation_id, number, fact)
        for conversation_id, turn in turns.items()
        for number, fact in enumerate(turn.facts, start=before[conversation_id].facts + 1)
    ]


async def _store_clocks(
    session: AsyncSession,
    act: Act,
    book: Book,
    followed: Mapping[UUID, Followed],
    changes: Mapping[UUID, Changes],
    ids: Mapping[tuple[UUID, ClockKey], UUID],
) -> None:
    """`ids`: those that clocks of this batch have from elsewhere."""
    keys = [(conversation_id, key) for conversation_id, changed in changes.items() for key in changed]
    told = await repository.lock_told(session, keys)
    placed: list[PlacedClock] = []
    gone: list[UUID] = []
    events: list[Event] = []
    for conversation_id, changed in changes.items():
        one = followed[conversation_id]
        rules = rules_of(book, one.selection)
        rows: list[ClockRow] = []
        withdrawn: list[tuple[ClockKey, Told]] = []
        for key, clock in changed.items():
            known = told.get((conversation_id, key))
            if clock is not None:
                fresh = known or Told(ids.get((conversation_id, key)) or act.new_id(), {}, None)
                rows.append(following.row_of(book, rules, one.selection, clock, fresh, act.now))
            elif known is not None:
                withdrawn.append((key, known))
        placed += [PlacedClock(conversation_id, one.subject, row) for row in rows]
        gone += [known.id for _, known in withdrawn]
        events += _announcements(conversation_id, rows, withdrawn)
    await repository.delete_clocks(session, gone)
    await repository.put_clocks(session, placed)
    events += await escalations.end_with_clocks(session, act, endings([one.row for one in placed], gone))
    await event_log.append(session, act, events)


def _announcements(
    conversation_id: UUID, rows: Sequence[ClockRow], withdrawn: Sequence[tuple[ClockKey, Told]]
) -> list[Event]:
    if not rows and not withdrawn:
        return []
    corrections = [
        SlaCorrected(
            conversation_id=conversation_id,
            clock_id=row.told.id,
            metric=row.clock.metric,
            seq=row.clock.seq,
            told_breached_at=row.corrects,
            breached_at=row.breached_at,
        )
        for row in rows
        if row.corrects is not None
    ]
    corrections += [
        SlaCorrected(
            conversation_id=conversation_id,
            clock_id=known.id,
            metric=metric,
            seq=seq,
            told_breached_at=known.fired["breach"],
            breached_at=None,
        )
        for (metric, seq), known in withdrawn
        if "breach" in known.fired
    ]
    facts = tuple(clock_facts(row) for row in rows)
    gone = tuple(known.id for _, known in withdrawn)
    return [ClocksChanged(conversation_id=conversation_id, clocks=facts, withdrawn=gone), *corrections]


def clock_facts(row: ClockRow) -> ClockFacts:
    reading = row.reading
    return ClockFacts(
        clock_id=row.told.id,
        metric=reading.metric,
        seq=reading.seq,
        state=reading.state,
        started_at=reading.started_at,
        due_at=reading.due_at,
        stopped_at=reading.stopped_at,
        breached_at=reading.breached_at,
        face=row.face,
    )
