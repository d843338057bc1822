"""What people read about clocks: those of one conversation, those due soon, and how many promises were kept."""

from datetime import datetime
from uuid import UUID

import asyncpg
from sqlalchemy.ext.asyncio import AsyncSession

from app.access.schemas import Principal
from app.conversations import service as conversations
from app.core.act import Act
from app.core.database import driver_connection
from app.core.errors import InvalidInput
from app.core.http import Page, cursor_instant, decode_cursor, encode_cursor
from app.sla import clock as clocks
from app.sla import conversation_clocks, explanation, following, pause_audit, policies, repository
from app.sla.clock import Clock, Target
from app.sla.conversation_state import target_of
from app.sla.explanation import Segment
from app.sla.following import Followed
from app.sla.pause_audit import UnansweredPause
from app.sla.policies import Book, PolicyVersion
from app.sla.schemas import (
    Attainment,
    AttainmentBy,
    AttainmentLine,
    CandidateView,
    ClockView,
    ConversationClocks,
    DueClock,
    SegmentView,
    UnansweredPauseView,
)
from app.sla.service import book as books

GROUP_COLUMNS = {"channel": "c.channel", "queue": "c.queue_id", "team": "c.team_id", "policy": "p.name"}


async def explain_clocks(
    session: AsyncSession, act: Act, principal: Principal, conversation_id: UUID
) -> ConversationClocks:
    """From the whole history, with what counted and what did not. NotFound when the caller may not see it."""
    await conversations.get_summary(session, principal, conversation_id)
    found = await repository.find_states(session, [conversation_id])
    if conversation_id not in found:
        return ConversationClocks(as_of=act.now, clocks=[], policies=[])
    followed = found[conversation_id]
    book = await books.load(session, act, kept=followed.selection.values())
    rules = policies.rules_of(book, followed.selection)
    facts = (await repository.list_facts(session, [conversation_id]))[conversation_id]
    _, changes = conversation_clocks.recompute(rules, facts)
    segments = explanation.explain(rules, facts, max(act.now, followed.state.last_at or act.now))
    stored = await repository.list_told(session, conversation_id)
    views = [
        _clock_view(
            stored[key].id,
            stored[key].detected_at,
            target_of(rules, clock),
            clock,
            following.policy_of(book, followed.selection, clock.metric),
            segments.get(key, []),
            act.now,
        )
        for key, clock in sorted(changes.items())
        if clock is not None and key in stored
    ]
    return ConversationClocks(
        as_of=act.now,
        clocks=views,
        policies=_candidates(book, followed),
        unanswered_pauses=[_pause_view(pause) for pause in pause_audit.unanswered_pauses(facts)],
    )


def _pause_view(pause: UnansweredPause) -> UnansweredPauseView:
    return UnansweredPauseView(
        start_at=pause.start_at,
        end_at=pause.end_at,
        status=pause.status,
        by=pause.by or None,
        team=pause.team or None,
    )


def _candidates(book: Book, followed: Followed) -> list[CandidateView]:
    return [
        CandidateView(family=one.family, policy=one.policy.name, policy_version=one.policy.version, lost_by=one.lost_by)
        for one in policies.explain_selection(book, followed.subject.attributes, followed.selection)
    ]


def _clock_view(
    clock_id: UUID,
    detected_at: datetime | None,
    target: Target,
    clock: Clock,
    policy: PolicyVersion,
    segments: list[Segment],
    now: datetime,
) -> ClockView:
    reading = clocks.read(target, clock, max(now, clock.counted_at))
    return ClockView(
        clock_id=clock_id,
        metric=reading.metric,
        seq=reading.seq,
        state=reading.state,
        policy=policy.name,
        policy_version=policy.version,
        target_seconds=clock.target.total_seconds(),
        elapsed_seconds=reading.elapsed.total_seconds(),
        rest_seconds=(clock.target - reading.elapsed).total_seconds(),
        started_at=reading.started_at,
        due_at=reading.due_at,
        stopped_at=reading.stopped_at,
        breached_at=reading.breached_at,
        detected_at=detected_at,
        segments=[SegmentView(start_at=s.start_at, end_at=s.end_at, why=s.why, status=s.status) for s in segments],
    )


_VISIBLE = """
($1::text = 'all' OR s.owner_id = $2 OR (s.team_id = $3 AND ($1::text = 'team' OR s.owner_id IS NULL)))
"""
_DUE_SOON = f"""
SELECT c.id, c.conversation_id, c.metric, c.seq, c.state, c.due_at, s.owner_id, s.team_id, s.queue_id
FROM sla_clock c JOIN sla_state s USING (conversation_id)
WHERE c.stopped_at IS NULL AND c.due_at IS NOT NULL AND (c.due_at, c.id) > ($4, $5) AND c.due_at <= $6 AND {_VISIBLE}
ORDER BY c.due_at, c.id LIMIT $7
"""
LONG_AGO, NOBODY = datetime.fromisoformat("1970-01-01T00:00:00+00:00"), UUID(int=0)


async def list_due(
    session: AsyncSession, principal: Principal, *, until: datetime, cursor: str | None, limit: int
) -> Page[DueClock]:
    """Open clocks by their due time, the breached ones first; of conversations the caller may see."""
    after = decode_cursor(cursor, (cursor_instant, UUID)) if cursor else (LONG_AGO, NOBODY)
    connection = await driver_connection(session)
    rows = await connection.fetch(
        _DUE_SOON, principal.visibility, principal.id, principal.team_id, *after, until, limit + 1
    )
    more = encode_cursor(rows[limit - 1]["due_at"].isoformat(), str(rows[limit - 1]["id"])) if rows[limit:] else None
    return Page(items=[_due(row) for row in rows[:limit]], next_cursor=more)


def _due(row: asyncpg.Record) -> DueClock:
    values = dict(row)
    return DueClock(clock_id=values.pop("id"), **values)


async def attainment(
    session: AsyncSession, act: Act, *, due_from: datetime, due_to: datetime, by: AttainmentBy
) -> Attainment:
    """By when it was due, never by when it was answered: a promise not yet due is neither kept nor broken.

    Cancelled clocks owe nothing. Raises InvalidInput `empty_interval`.
    """
    if due_from >= due_to:
        raise InvalidInput("empty_interval", "Give a due_from before due_to.")
    group = f"{GROUP_COLUMNS[by]}::text" if by in GROUP_COLUMNS else "NULL::text"
    connection = await driver_connection(session)
    rows = await connection.fetch(
        f"SELECT c.metric, {group} AS grp, count(*) AS due,"
        " count(*) FILTER (WHERE c.state <> 'breached' AND c.breached_at IS NULL AND c.stopped_at IS NOT NULL) AS met"
        " FROM sla_clock c LEFT JOIN sla_policy_version v ON v.id = c.policy_version_id"
        " LEFT JOIN sla_policy p ON p.id = v.policy_id"
        " WHERE c.due_at >= $1 AND c.due_at < $2 AND c.due_at <= $3 AND c.state <> 'cancelled'"
        " GROUP BY 1, 2 ORDER BY 1, 2",
        due_from,
        due_to,
        act.now,
    )
    lines = [
        AttainmentLine(
            metric=row["metric"],
            group=row["grp"],
            due=row["due"],
            met=row["met"],
            share=round(row["met"] / row["due"], 4) if row["due"] else None,
        )
        for row in rows
    ]
    return Attainment(due_from=due_from, due_to=due_to, by=by, lines=lines)
