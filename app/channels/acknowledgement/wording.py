"""The words of an acknowledgement: when an answer can be expected, as one says it in the customer's language."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TypeVar
from zoneinfo import ZoneInfo

from app.channels.acknowledgement.settings import PLACEHOLDER, ShippedText

FALLBACK = "en"
EXAMPLE_TIME = "09:30"
WITHOUT_A_PLACE = frozenset({"UTC", "Etc/UTC", "Etc/GMT", "GMT"})
"""Zones in which no customer lives: the time is told with its zone."""
ENGLISH_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
ENGLISH_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
CHINESE_DAYS = ("周一", "周二", "周三", "周四", "周五", "周六", "周日")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class DueTime:
    """A time on the wall, to the minute: `days` from the customer's today."""

    day: date
    time: str
    days: int
    same_year: bool


@dataclass(frozen=True, slots=True)
class Wording:
    """What is shipped for one language. `due` gives the words for {due}."""

    with_time: str
    without_time: str
    due: Callable[[DueTime], str]


def _english(due: DueTime) -> str:
    if due.days <= 1:
        return f"{'tomorrow' if due.days else 'today'} by {due.time}"
    year = "" if due.same_year else f" {due.day.year}"
    day, month = ENGLISH_DAYS[due.day.weekday()], ENGLISH_MONTHS[due.day.month - 1]
    return f"on {day} {due.day.day} {month}{year} by {due.time}"


def _chinese(due: DueTime) -> str:
    if due.days <= 1:
        return f"{'明天' if due.days else '今天'} {due.time} 前"
    year = "" if due.same_year else f"{due.day.year}年"
    return f"{year}{due.day.month}月{due.day.day}日（{CHINESE_DAYS[due.day.weekday()]}）{due.time} 前"


def _figures(due: DueTime) -> str:
    return f"{due.day.isoformat()} {due.time}"


SHIPPED: Mapping[str, Wording] = {
    "en": Wording(
        "Thank you for your message. {name_of_brand} will answer {due}.",
        "Thank you for your message. {name_of_brand} will answer as soon as possible.",
        _english,
    ),
    "zh-CN": Wording(
        "您好，您的消息已收到，{name_of_brand}将在{due}回复您。",
        "您好，您的消息已收到，{name_of_brand}会尽快回复您。",
        _chinese,
    ),
}


def shipped_texts() -> list[ShippedText]:
    """By language, with their placeholders. The example of {due} is tomorrow's."""
    example = DueTime(date(2026, 1, 2), EXAMPLE_TIME, days=1, same_year=True)
    return [
        ShippedText(
            language=language, with_time=one.with_time, without_time=one.without_time, due_example=one.due(example)
        )
        for language, one in SHIPPED.items()
    ]


def acknowledge(
    own_texts: Mapping[str, str],
    *,
    language: str,
    brand: str,
    due_at: datetime | None,
    now: datetime,
    zone: ZoneInfo,
) -> str:
    """The message: the account's own text in the customer's language, the shipped one, then both in English.

    A time that has passed, or never comes, is not named: an own text that asks for it gives way to the shipped one.
    """
    due = due_time(due_at, now, zone) if due_at is not None and due_at > now else None
    for wanted in (language, FALLBACK):
        own, shipped = in_language(own_texts, wanted), in_language(SHIPPED, wanted)
        if own is not None and (due is not None or "{due}" not in own):
            return _fill(own, brand, _words(shipped, due))
        if shipped is not None:
            return _fill(shipped.with_time if due is not None else shipped.without_time, brand, _words(shipped, due))
    raise AssertionError("the fallback language is shipped")


def due_time(due_at: datetime, now: datetime, zone: ZoneInfo) -> DueTime:
    """Rounded up to the minute, so that it is never earlier than promised; midnight is the end of the day before."""
    whole = due_at.replace(second=0, microsecond=0)
    local = (whole if whole == due_at else whole + timedelta(minutes=1)).astimezone(zone)
    day, time = local.date(), f"{local:%H:%M}"
    if time == "00:00":
        day, time = day - timedelta(days=1), "24:00"
    if zone.key in WITHOUT_A_PLACE:
        time += " UTC"
    today = now.astimezone(zone).date()
    return DueTime(day, time, (day - today).days, day.year == today.year)


def in_language(texts: Mapping[str, T], language: str) -> T | None:
    """The very tag, or else the first of the same language: zh-CN serves zh, zh-Hans and zh-TW."""
    wanted = language.lower()
    by_tag = {tag.lower(): text for tag, text in texts.items()}
    if wanted in by_tag:
        return by_tag[wanted]
    primary = wanted.partition("-")[0]
    return next((text for tag, text in by_tag.items() if tag.partition("-")[0] == primary), None)


def _words(wording: Wording | None, due: DueTime | None) -> str:
    if due is None:
        return ""
    return wording.due(due) if wording is not None else _figures(due)


def _fill(text: str, brand: str, due: str) -> str:
    values = {"name_of_brand": brand, "due": due}
    return PLACEHOLDER.sub(lambda match: values[match[1]], text)
