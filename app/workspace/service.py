"""Views over several packages for one reader: nothing is changed here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncSession

from app.access.schemas import Principal
from app.agents import service as agents
from app.conversations import service as conversations
from app.conversations.schemas import Sort, View
from app.core.http import Page, cursor_instant, decode_cursor, encode_cursor
from app.customers import service as customers
from app.routing import service as routing
from app.routing.schemas import MeasuredWaits, QueueDay, QueueLine
from app.routing.service_levels import Formula
from app.routing.waits import Pace
from app.sla.schemas import ClockedSummary
from app.sla.service import faces, opening
from app.sla.service.faces import Pressing, Standing
from app.sla.service.opening import OpeningHours
from app.workspace import repository
from app.workspace.schemas import (
    AgentLine,
    AgentName,
    BoardLine,
    ConversationDesk,
    Kept,
    PressingItem,
    SlaFigures,
    TimelineConversation,
    TimelineItem,
    ViewCounts,
    Wallboard,
)

MESSAGES_AT_ONCE = 50
UTC_ZONE = ZoneInfo("UTC")
RATES_EVERY = timedelta(seconds=10)
NOTHING_MEASURED = MeasuredWaits(answered=0, within_p90=0, median_error_seconds=None)
BEFORE_ALL = (datetime(1970, 1, 1, tzinfo=UTC), UUID(int=0))


async def get_counts(session: AsyncSession, principal: Principal) -> ViewCounts:
    return ViewCounts.model_validate(await repository.get_counts(session, principal), from_attributes=True)


@dataclass(frozen=True, slots=True)
class Day:
    """What a whole day adds up to, and how fast the lines move."""

    kept: Kept
    queues: Mapping[UUID, QueueDay]
    measured: Mapping[UUID, MeasuredWaits]
    moving: Mapping[UUID, Pace]
    hours: Mapping[UUID, OpeningHours]


class Wallboards:
    """The live board: what a whole day adds up to is counted anew only every so often, whoever watches.

    `zone`: whose midnight begins the day.
    """

    def __init__(self, zone: ZoneInfo = UTC_ZONE) -> None:
        self._zone = zone
        self._day: Day | None = None

    async def get(self, session: AsyncSession, principal: Principal, now: datetime) -> Wallboard:
        last = self._day
        if last is None or last.kept.since != _midnight(now, self._zone) or now - last.kept.until >= RATES_EVERY:
            self._day = last = await _load_day(session, now, self._zone)
        return await _wallboard(session, principal, now, last, self._zone)


async def get_wallboard(
    session: AsyncSession,
    principal: Principal,
    now: datetime,
    *,
    zone: ZoneInfo = UTC_ZONE,
    formula: Formula | None = None,
) -> Wallboard:
    """Every queue; the agents the principal may see. `formula`: only this service level."""
    board = await _wallboard(session, principal, now, await _load_day(session, now, zone), zone)
    if formula is not None:
        for line in board.queues:
            line.today.service_levels = [one for one in line.today.service_levels if one.formula == formula]
    return board


async def _wallboard(session: AsyncSession, principal: Principal, now: datetime, day: Day, zone: ZoneInfo) -> Wallboard:
    presences = await routing.list_presences(session, principal)
    ids = [presence.agent_id for presence in presences]
    profiles = {profile.id: profile for profile in await agents.list_facts(session, ids)}
    owned = await repository.count_open_by_owner(session, ids)
    lines = [
        AgentLine(
            agent=AgentName(id=presence.agent_id, name=profiles[presence.agent_id].name),
            team_id=profiles[presence.agent_id].team_id,
            conversations=owned.get(presence.agent_id, 0),
            **presence.model_dump(include=set(AgentLine.model_fields)),
        )
        for presence in presences
        if presence.agent_id in profiles
    ]
    pressing = await faces.count_pressing(session, principal, now)
    return Wallboard(
        as_of=now,
        timezone=zone.key,
        queues=[
            _board_line(line, pressing, day, now) for line in await routing.list_queue_lines(session, now, day.moving)
        ],
        agents=sorted(lines, key=lambda line: line.agent.name.casefold()),
        sla=SlaFigures(
            due_soon=sum(one.due_soon for one in pressing.values()),
            breached_open=sum(one.breached for one in pressing.values()),
            **dict(day.kept),
        ),
    )


def _board_line(line: QueueLine, pressing: Mapping[UUID | None, Pressing], day: Day, now: datetime) -> BoardLine:
    counted = pressing.get(line.queue.id, Pressing())
    hours = day.hours.get(line.calendar_id) if line.calendar_id else None
    return BoardLine(
        **dict(line),
        is_open=hours is None or hours.is_open(now),
        due_soon=counted.due_soon,
        breached=counted.breached,
        # A queue made a moment ago is in the next count.
        today=day.queues.get(line.queue.id) or routing.empty_day(line.target_seconds),
        measured=day.measured.get(line.queue.id, NOTHING_MEASURED),
    )


def _midnight(now: datetime, zone: ZoneInfo) -> datetime:
    """Where clocks jump over midnight, the instant of the jump."""
    return now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0, fold=0).astimezone(UTC)


async def _load_day(session: AsyncSession, now: datetime, zone: ZoneInfo) -> Day:
    since = _midnight(now, zone)
    met, due = await faces.count_kept(session, since, now)
    return Day(
        kept=Kept(since=since, until=now, met=met, due=due),
        queues=await routing.list_days(session, since, now),
        measured=await routing.list_measured(session, now),
        moving=await routing.list_paces(session, now),
        hours=await opening.load_hours(session, await routing.list_calendar_ids(session)),
    )


async def list_pressing(
    session: AsyncSession,
    principal: Principal,
    now: datetime,
    *,
    standing: Standing,
    queue_id: UUID | None,
    cursor: str | None,
    limit: int,
) -> Page[PressingItem]:
    """The clocks behind the wallboard's figures."""
    found = await faces.list_pressing(
        session,
        principal,
        now,
        standing=standing,
        queue_id=queue_id,
        after=_place(cursor) or BEFORE_ALL,
        limit=limit + 1,
    )
    shown = found[:limit]
    summaries = await conversations.summaries_of(
        session, {one.conversation_id for one in shown}, reader_id=principal.id
    )
    items = [
        PressingItem(
            clock_id=one.clock_id, due_at=one.due_at, clock=one.face, conversation=summaries[one.conversation_id]
        )
        for one in shown
    ]
    more = encode_cursor(shown[-1].due_at.isoformat(), str(shown[-1].clock_id)) if len(found) > limit else None
    return Page(items=items, next_cursor=more)


async def list_conversations(
    session: AsyncSession,
    principal: Principal,
    *,
    view: View,
    statuses: Sequence[str],
    queue_id: UUID | None,
    channel: str | None,
    customer_id: UUID | None,
    sort: Sort,
    cursor: str | None,
    limit: int,
) -> Page[ClockedSummary]:
    """One page of what the caller may see, each with its most urgent clock."""
    summaries, place = await conversations.list_summaries(
        session,
        principal,
        view=view,
        statuses=statuses,
        queue_id=queue_id,
        channel=channel,
        customer_id=customer_id,
        sort=sort,
        after=_place(cursor),
        limit=limit,
    )
    return Page(items=await faces.with_faces(session, summaries), next_cursor=_next(place))


async def get_conversation(session: AsyncSession, principal: Principal, conversation_id: UUID) -> ClockedSummary:
    """Raises NotFound for a conversation the caller may not see."""
    [clocked] = await faces.with_faces(session, [await conversations.get_summary(session, principal, conversation_id)])
    return clocked


async def list_customer_conversations(
    session: AsyncSession, principal: Principal, customer_id: UUID, *, cursor: str | None, limit: int
) -> Page[ClockedSummary]:
    """The customer's conversations the caller may see, the latest first."""
    summaries, place = await conversations.list_summaries(
        session, principal, customer_id=customer_id, after=_place(cursor), limit=limit
    )
    return Page(items=await faces.with_faces(session, summaries), next_cursor=_next(place))


async def list_timeline(
    session: AsyncSession, principal: Principal, customer_id: UUID, *, cursor: str | None, limit: int
) -> Page[TimelineItem]:
    """The customer's messages on all channels, newest first, of the conversations the caller may see."""
    seen = await repository.list_customer_conversations(session, principal, customer_id)
    rows = await repository.page_messages(session, list(seen), before=_place(cursor), limit=limit + 1)
    shown = rows[:limit]
    next_cursor = encode_cursor(shown[-1].arrived_at.isoformat(), str(shown[-1].id)) if len(rows) > limit else None
    return Page(items=await _timeline_items(session, shown, seen), next_cursor=next_cursor)


async def _timeline_items(
    session: AsyncSession, rows: Sequence[Row[Any]], seen: dict[UUID, Row[Any]]
) -> list[TimelineItem]:
    contents = await conversations.load_contents(session, [row.id for row in rows])
    return [
        TimelineItem(
            conversation=TimelineConversation.model_validate(seen[row.conversation_id], from_attributes=True),
            message=contents[row.id],
        )
        for row in rows
        if row.id in contents
    ]


async def get_desk(session: AsyncSession, principal: Principal, conversation_id: UUID) -> ConversationDesk:
    """Raises NotFound for a conversation the caller may not see."""
    summary = await get_conversation(session, principal, conversation_id)
    customer = await customers.get(session, summary.customer.id)
    messages = await conversations.list_messages(
        session, principal, conversation_id, before=None, limit=MESSAGES_AT_ONCE
    )
    return ConversationDesk(conversation=summary, customer=customer, messages=messages)


def _next(place: tuple[datetime, UUID] | None) -> str | None:
    return encode_cursor(place[0].isoformat(), str(place[1])) if place else None


def _place(cursor: str | None) -> tuple[datetime, UUID] | None:
    if cursor is None:
        return None
    at, row_id = decode_cursor(cursor, (cursor_instant, UUID))
    return at, row_id
