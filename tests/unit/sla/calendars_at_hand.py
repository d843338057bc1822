"""Calendars and facts that several tests speak about."""

from datetime import datetime, timedelta

from hypothesis import strategies as st

from app.sla.business_hours import BusinessHours
from app.sla.calendars import DAYS, Calendar, DaySpans, Span, parse_span, require_no_overlap
from app.sla.clock import Target
from app.sla.conversation_state import Rules
from app.sla.facts import Fact
from app.sla.metrics import DATE_METRICS, METRICS

ZONES = ("Asia/Shanghai", "America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Africa/Cairo", "America/Havana")


def day_spans(*texts: str) -> DaySpans:
    return require_no_overlap([parse_span(text) for text in texts])


def weekdays(*texts: str, zone: str = "Asia/Shanghai", country: str | None = None, **days: DaySpans) -> Calendar:
    """The same spans from Monday to Friday; `sat=` and `sun=` for the others."""
    spans = day_spans(*texts)
    weekly = tuple(days.get(day, spans if number < 5 else ()) for number, day in enumerate(DAYS))
    return Calendar(timezone=zone, weekly=weekly, country=country)


def at(text: str) -> datetime:
    """An instant, with its offset."""
    return datetime.fromisoformat(text)


def hours(count: float) -> timedelta:
    return timedelta(hours=count)


def rules(working: BusinessHours, seconds: int = 3_600, **options: object) -> Rules:
    """Every metric with the same target."""
    targets = {name: Target(name, timedelta(seconds=seconds), working) for name in METRICS}
    return Rules(targets, **options)


@st.composite
def spans_of_a_day(draw: st.DrawFn) -> DaySpans:
    cuts = sorted(draw(st.sets(st.integers(0, 1440), max_size=6)))
    spans = [Span(a, b) for a, b in zip(cuts[::2], cuts[1::2], strict=False)]
    if spans and draw(st.booleans()):
        spans[-1] = Span(spans[-1].start_minute, 1440 + draw(st.integers(0, spans[-1].start_minute)))
    return tuple(spans)


@st.composite
def calendars(draw: st.DrawFn) -> Calendar:
    """Any week that opens at least on Wednesdays, in one of six zones."""
    weekly = [draw(spans_of_a_day()) for _ in DAYS]
    weekly[2] = weekly[2] or (Span(9 * 60, 17 * 60),)
    return Calendar(timezone=draw(st.sampled_from(ZONES)), weekly=tuple(weekly))


NOVEMBER = at("2026-10-20T00:00:00+00:00")
instants = st.integers(0, 30 * 86_400).map(lambda second: NOVEMBER + timedelta(seconds=second))
amounts = st.integers(0, 14 * 86_400).map(lambda second: timedelta(seconds=second))

_CLASSES = ("customer", "agent_public", "customer", "agent_public", "agent_internal", "bot", "auto_ack", "survey")
_STATUSES = ("resolved", "open", "resolved", "open", "pending", "on_hold", "snoozed", "closed")
_messages = st.tuples(st.just("message"), st.sampled_from(_CLASSES))
_statuses = st.tuples(st.just("status"), st.sampled_from(_STATUSES))
_others = st.one_of(
    st.tuples(st.sampled_from(("enqueued", "accepted", "dequeued")), st.just("")),
    st.tuples(st.just("group"), st.sampled_from(("", "one", "two"))),
    st.tuples(st.just("cancelled"), st.just("merged")),
)
# Half of it resolves and reopens, often within the grace: that is where a fold can go wrong.
_kinds = st.integers(0, 9).flatmap(lambda n: _statuses if n < 5 else _messages if n < 8 else _others)
_steps = st.one_of(st.integers(0, 300), st.integers(0, 900), st.integers(0, 200_000))


_promises = st.one_of(
    st.tuples(st.just("promised"), st.sampled_from(DATE_METRICS)),
    st.tuples(st.sampled_from(("kept", "cancelled")), st.sampled_from(DATE_METRICS)),
)


@st.composite
def histories(draw: st.DrawFn, max_size: int = 25, *, merges: bool = True) -> list[Fact]:
    """Facts in order, many of them close together or at one instant; some bring another conversation's history."""
    moment, facts = NOVEMBER, []
    kinds = st.one_of(_kinds, _kinds, _kinds, _promises)
    for (kind, value), step in draw(st.lists(st.tuples(kinds, _steps), max_size=max_size)):
        moment += timedelta(seconds=step)
        if value not in DATE_METRICS:
            facts.append(Fact(moment, kind, value))
            continue
        due_at = moment + timedelta(seconds=1 + draw(_steps)) if kind == "promised" else None
        facts.append(Fact(moment, kind, metric=value, due_at=due_at))
    if merges and facts and draw(st.booleans()):
        place = draw(st.integers(0, len(facts) - 1))
        at = facts[place].at
        other = [fact for fact in draw(histories(max_size=12, merges=False)) if fact.at <= at]
        facts.insert(place + 1, Fact(at, "merged", merged=tuple(other)))
    return facts
