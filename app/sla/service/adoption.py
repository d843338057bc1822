"""Edits of policies and calendars on conversations that are under way: tried dry with counts, then adopted."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.act import Act
from app.sla import clock as clocks
from app.sla import conversation_clocks, following, policies, repository
from app.sla.conversation_state import target_of
from app.sla.facts import Fact
from app.sla.following import Followed, Turn
from app.sla.policies import Book, PolicyBody, PolicyVersion, Selection
from app.sla.schemas import AdoptResult, TrialBody, TrialLine, TrialResult
from app.sla.service import book as books
from app.sla.service.follow import carry_out, fold

START = UUID(int=0)
Counts = dict[str, Counter[str]]
"""Metric to state to number of clocks."""


async def adopt(session: AsyncSession, act: Act, *, dry_run: bool, after: UUID | None, limit: int) -> AdoptResult:
    """Choose again for one page of the open conversations, and count what is left by the calendars as they are now."""
    page = await repository.list_open(session, after=after or START, limit=limit)
    states = repository.find_states if dry_run else repository.lock_states
    followed = await states(session, page)
    book = await books.load(
        session, act, kept={version for one in followed.values() for version in one.selection.values()}
    )
    turns = {key: _again(book, one) for key, one in followed.items()}
    if dry_run:
        folded = await fold(session, book, followed, turns)
    else:
        folded = await carry_out(session, act, book, followed, turns)
    changed = {key for key, one in followed.items() if dict(turns[key].selection) != dict(one.selection)}
    moved = {key for key, one in folded.after.items() if following.is_moved(followed[key].state, one.state)}
    return AdoptResult(
        dry_run=dry_run,
        looked_at=len(page),
        changed=len(changed),
        moved=len(moved),
        affected=len(changed | moved),
        next_after=page[-1] if len(page) == limit else None,
    )


def _again(book: Book, one: Followed) -> Turn:
    """One that has ended keeps its policies; what it still owes is counted by the calendars as they are now."""
    adopted = policies.adopt(book, one.subject.attributes, one.selection)
    selection = one.selection if one.has_ended else adopted
    return Turn(one.subject, selection, (), needs_history=one.facts > 0)


async def try_policy(session: AsyncSession, act: Act, trial: TrialBody) -> TrialResult:
    """What the clocks of recorded conversations would say, beside what they say. Nothing is stored."""
    ids = await repository.list_opened(session, from_at=trial.opened_from, to_at=trial.opened_to, limit=trial.limit + 1)
    page = ids[: trial.limit]
    followed = await repository.find_states(session, page)
    history = await repository.list_facts(session, page)
    book = await books.load(session, act)
    tried = _with(book, act.new_id(), trial.replaces_policy_id, trial.body)
    before: Counts = {}
    after: Counts = {}
    changed = 0
    for conversation_id, one in followed.items():
        old = policies.select(book, one.subject.attributes)
        new = policies.select(tried, one.subject.attributes)
        says = _count(before, book, old, history[conversation_id], act.now)
        changed += says != _count(after, tried, new, history[conversation_id], act.now)
    lines = [
        TrialLine(metric=metric, before=dict(before.get(metric, {})), after=dict(after.get(metric, {})))
        for metric in sorted(before.keys() | after.keys())
    ]
    return TrialResult(conversations=len(followed), changed=changed, complete=len(ids) <= trial.limit, lines=lines)


def _with(book: Book, version_id: UUID, replaces: UUID | None, body: PolicyBody) -> Book:
    version = PolicyVersion(version_id, replaces or version_id, "(tried)", 0, body)
    kept = [policy for policy in book.current if policy.policy_id != replaces]
    return replace(book, current=policies.in_order([*kept, version]), versions={**book.versions, version_id: version})


def _count(
    counts: Counts, book: Book, selection: Selection, facts: Sequence[Fact], now: datetime
) -> list[tuple[str, int, str, datetime | None]]:
    """Adds the clocks of one conversation to `counts`, and gives them."""
    rules = policies.rules_of(book, selection)
    _, changes = conversation_clocks.recompute(rules, facts)
    found = []
    for (metric, seq), clock in sorted(changes.items()):
        if clock is not None:
            reading = clocks.read(target_of(rules, clock), clock, max(now, clock.counted_at))
            counts.setdefault(metric, Counter())[reading.state] += 1
            found.append((metric, seq, str(reading.state), reading.due_at))
    return found
