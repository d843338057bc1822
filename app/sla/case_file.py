"""The file of `switchboard sla`: cases of a calendar, targets and events, read strictly; and the answer to it."""

from codecs import BOM_UTF8
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_core import ErrorDetails

from app.sla import calendar_data, calendars, conversation_clocks
from app.sla.business_hours import BusinessHours
from app.sla.calendars import Calendar, Span
from app.sla.clock import Reading, Target
from app.sla.conversation_state import Rules
from app.sla.facts import Fact

CASES_LIMIT = 100_000
EVENTS_LIMIT = 100_000
DATES_LIMIT = 5_000
PROMISES_LIMIT = 1_000_000
TARGET_LIMIT_SECONDS = 10 * 366 * 24 * 3600
GRACE_LIMIT_SECONDS = 30 * 24 * 3600
DEFAULT_GRACE_SECONDS = 600
FIRST_YEAR, LAST_YEAR = 1970, 2200

MetricName = Literal[
    "queue_wait",
    "first_reply",
    "next_reply",
    "periodic_update",
    "pausable_update",
    "requester_wait",
    "agent_work",
    "first_resolution",
    "total_resolution",
    "group_ownership",
]
DateMetricName = Literal["callback_promise", "followup_due", "approval_step", "complaint_ack", "complaint_decision"]


class WrongFileError(ValueError):
    """`problems` are (path of the field, what is allowed there)."""

    def __init__(self, problems: list[tuple[str, str]]) -> None:
        super().__init__("; ".join(f"{path}: {sentence}" for path, sentence in problems))
        self.problems = problems


def _span(value: Any) -> Span:
    if not isinstance(value, str):
        raise ValueError('a span is text such as "08:30-12:00"')
    return calendars.parse_span(value)


def _instant(value: datetime) -> datetime:
    if not FIRST_YEAR <= value.year <= LAST_YEAR:
        raise ValueError(f"give a time in the years {FIRST_YEAR} to {LAST_YEAR}")
    return value.astimezone(UTC)


def _zone(name: str) -> str:
    calendars.require_zone(name)
    return name


Instant = Annotated[AwareDatetime, AfterValidator(_instant)]
Spans = Annotated[tuple[Annotated[Span, BeforeValidator(_span)], ...], AfterValidator(calendars.require_no_overlap)]


class _Part(BaseModel):
    model_config = ConfigDict(strict=True, extra="allow")


class Weekly(_Part):
    mon: Spans = ()
    tue: Spans = ()
    wed: Spans = ()
    thu: Spans = ()
    fri: Spans = ()
    sat: Spans = ()
    sun: Spans = ()


class CaseCalendar(_Part):
    timezone: Annotated[str, AfterValidator(_zone)]
    weekly: Weekly
    closed: list[date] = Field(default_factory=list, max_length=DATES_LIMIT)
    open: dict[date, Spans] = Field(default_factory=dict, max_length=DATES_LIMIT)
    country: str | None = None
    region: str | None = None

    def as_calendar(self) -> Calendar:
        return Calendar(
            timezone=self.timezone,
            weekly=tuple(getattr(self.weekly, day) for day in calendars.DAYS),
            closed=frozenset(self.closed),
            opened=self.open,
            country=self.country,
            region=self.region,
        )


class CaseTarget(_Part):
    metric: MetricName
    seconds: int = Field(gt=0, le=TARGET_LIMIT_SECONDS)


class MessageEvent(_Part):
    at: Instant
    type: Literal["message"]
    value: Literal["customer", "agent_public", "agent_internal", "bot", "auto_ack", "system", "survey"] = Field(
        alias="class"
    )


class StatusEvent(_Part):
    at: Instant
    type: Literal["status"]
    value: Literal["open", "pending", "on_hold", "snoozed", "resolved", "closed"] = Field(alias="to")


class QueueEvent(_Part):
    at: Instant
    type: Literal["enqueued", "accepted", "dequeued"]
    value: str = Field(default="", alias="reason")


class GroupEvent(_Part):
    at: Instant
    type: Literal["group"]
    value: str | None = Field(alias="to")


class CancelledEvent(_Part):
    at: Instant
    type: Literal["cancelled"]
    value: str = Field(default="", alias="reason")
    metric: MetricName | DateMetricName | None = None
    seq: int = Field(default=0, ge=0, le=PROMISES_LIMIT)


class PromisedEvent(_Part):
    """A promise with its own date. `seq` left out or 0: the next number of its metric."""

    at: Instant
    type: Literal["promised"]
    metric: DateMetricName
    due: Instant
    seq: int = Field(default=0, ge=0, le=PROMISES_LIMIT)
    value: str = Field(default="", alias="note")

    @field_validator("due")
    @classmethod
    def _lies_ahead(cls, due: datetime, info: ValidationInfo) -> datetime:
        if "at" in info.data and due <= info.data["at"]:
            raise ValueError("give a time after at")
        return due


class KeptEvent(_Part):
    """`seq` left out or 0: the oldest open promise of its metric."""

    at: Instant
    type: Literal["kept"]
    metric: DateMetricName
    seq: int = Field(default=0, ge=0, le=PROMISES_LIMIT)
    value: str = Field(default="", alias="note")


AnyEvent = MessageEvent | StatusEvent | QueueEvent | GroupEvent | CancelledEvent | PromisedEvent | KeptEvent
CaseEvent = Annotated[AnyEvent, Field(discriminator="type")]


class Case(_Part):
    calendar: CaseCalendar
    targets: list[CaseTarget]
    events: list[CaseEvent] = Field(max_length=EVENTS_LIMIT)
    now: Instant
    reopen_grace_seconds: int = Field(default=DEFAULT_GRACE_SECONDS, ge=0, le=GRACE_LIMIT_SECONDS)


class CaseFile(_Part):
    cases: list[Case] = Field(max_length=CASES_LIMIT)


def parse(text: bytes) -> CaseFile:
    """Raises WrongFileError, which names every wrong field and what is allowed there."""
    try:
        file = CaseFile.model_validate_json(text.removeprefix(BOM_UTF8))  # as some editors write it
    except ValidationError as error:
        raise WrongFileError([_problem(each) for each in error.errors(include_url=False)]) from error
    problems = [problem for number, case in enumerate(file.cases) for problem in _problems(case, f"cases[{number}]")]
    if problems:
        raise WrongFileError(problems)
    return file


def answer(case: Case, hours: BusinessHours) -> dict[str, Any]:
    """What the clocks of one case say at its `now`; events after that have not happened yet."""
    targets: dict[str, Target] = {
        each.metric: Target(each.metric, timedelta(seconds=each.seconds), hours) for each in case.targets
    }
    rules = Rules(targets, reopen_grace=timedelta(seconds=case.reopen_grace_seconds))
    facts = [_fact(event) for event in case.events if event.at <= case.now]
    _, changes = conversation_clocks.recompute(rules, facts)
    started = [clock for clock in changes.values() if clock is not None]
    return {"clocks": [as_json(reading) for reading in conversation_clocks.read(rules, started, case.now)]}


def as_json(reading: Reading) -> dict[str, Any]:
    elapsed = reading.elapsed / timedelta(seconds=1)
    return {
        "metric": reading.metric,
        "seq": reading.seq,
        "state": reading.state,
        "started_at": reading.started_at.isoformat(),
        "due_at": reading.due_at and reading.due_at.isoformat(),
        "elapsed_seconds": int(elapsed) if elapsed.is_integer() else elapsed,
        "stopped_at": reading.stopped_at and reading.stopped_at.isoformat(),
        "breached_at": reading.breached_at and reading.breached_at.isoformat(),
    }


def unknown_fields(part: BaseModel, path: str = "") -> Iterator[str]:
    """Paths of the fields that mean nothing to us: a misspelt option should not pass in silence."""
    yield from (f"{path}{name}" for name in part.model_extra or {})
    for name, info in type(part).model_fields.items():
        value = getattr(part, name)
        label = f"{path}{info.alias or name}"
        if isinstance(value, BaseModel):
            yield from unknown_fields(value, f"{label}.")
        elif isinstance(value, list):
            for number, each in enumerate(value):
                if isinstance(each, BaseModel):
                    yield from unknown_fields(each, f"{label}[{number}].")


def _problems(case: Case, path: str) -> Iterator[tuple[str, str]]:
    calendar = case.calendar
    if calendar.as_calendar().never_opens():
        yield f"{path}.calendar.weekly", "the calendar has no open time at all; give at least one span"
    try:
        field = "country"
        if calendar.country is not None:
            calendar_data.require_country(calendar.country)
        field = "region"
        if calendar.region is not None:
            calendar_data.require_region(calendar.country, calendar.region)
    except calendar_data.UnknownCountryError as error:
        yield f"{path}.calendar.{field}", str(error)
    names = [target.metric for target in case.targets]
    for number, name in enumerate(names):
        if name in names[:number]:
            yield f"{path}.targets[{number}].metric", f"{name} has a target already; give each metric once"


def _fact(event: AnyEvent) -> Fact:
    if isinstance(event, PromisedEvent):
        return Fact(event.at, event.type, metric=event.metric, seq=event.seq, due_at=event.due)
    if isinstance(event, KeptEvent):
        return Fact(event.at, event.type, metric=event.metric, seq=event.seq)
    if isinstance(event, CancelledEvent):
        return Fact(event.at, event.type, event.value, event.metric or "", event.seq)
    return Fact(event.at, event.type, event.value or "")


def _problem(error: ErrorDetails) -> tuple[str, str]:
    return _path(error["loc"]), error["msg"].removeprefix("Value error, ")


def _path(location: tuple[int | str, ...]) -> str:
    """cases[0].calendar.weekly.mon[1]"""
    steps = list(location)
    if len(steps) > 5 and steps[2] == "events":
        del steps[4]  # pydantic names the kind of event there, which is no field
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps if step != "[key]")
    return text.removeprefix(".") or "the file"
