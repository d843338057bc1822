"""When an answer can be expected, in words: never before it was promised, never a promise that has passed."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.channels.acknowledgement.wording import SHIPPED, acknowledge, due_time, shipped_texts

BERLIN, SHANGHAI = "Europe/Berlin", "Asia/Shanghai"
WORDS = [
    # now, due, zone, English, Chinese
    ("2026-10-09T14:00+02:00", "2026-10-09T16:30+02:00", BERLIN, "today by 16:30", "今天 16:30 前"),
    ("2026-10-09T23:00+08:00", "2026-10-10T09:30+08:00", SHANGHAI, "tomorrow by 09:30", "明天 09:30 前"),
    (
        *("2026-10-09T18:00+08:00", "2026-10-12T09:30+08:00", SHANGHAI),
        *("on Monday 12 October by 09:30", "10月12日（周一）09:30 前"),
    ),
    (
        *("2026-09-30T18:00+08:00", "2026-10-08T08:30+08:00", SHANGHAI),
        *("on Thursday 8 October by 08:30", "10月8日（周四）08:30 前"),
    ),
    # The year is told when it is another one, and left out on the days that need no date.
    (
        *("2026-12-30T18:00+01:00", "2027-01-04T09:00+01:00", BERLIN),
        *("on Monday 4 January 2027 by 09:00", "2027年1月4日（周一）09:00 前"),
    ),
    ("2026-12-31T18:00+01:00", "2027-01-01T09:00+01:00", BERLIN, "tomorrow by 09:00", "明天 09:00 前"),
    # The night the clocks go forward and the night they go back: the wall's own time.
    ("2026-03-28T23:00+01:00", "2026-03-29T03:30+02:00", BERLIN, "tomorrow by 03:30", "明天 03:30 前"),
    ("2026-10-25T01:00+02:00", "2026-10-25T02:30+01:00", BERLIN, "today by 02:30", "今天 02:30 前"),
    # Another day for the customer than for UTC.
    ("2026-10-09T23:30+00:00", "2026-10-10T01:00+00:00", SHANGHAI, "today by 09:00", "今天 09:00 前"),
    # Midnight ends the day before; a time between two minutes is the later one.
    ("2026-10-09T14:00+08:00", "2026-10-10T00:00+08:00", SHANGHAI, "today by 24:00", "今天 24:00 前"),
    ("2026-10-09T23:59:10+08:00", "2026-10-09T23:59:40+08:00", SHANGHAI, "today by 24:00", "今天 24:00 前"),
    ("2026-10-09T14:00:20+08:00", "2026-10-09T14:01:20+08:00", SHANGHAI, "today by 14:02", "今天 14:02 前"),
    ("2026-10-09T14:00+00:00", "2026-10-09T16:30+00:00", "UTC", "today by 16:30 UTC", "今天 16:30 UTC 前"),
]


@pytest.mark.parametrize(("now", "due", "zone", "english", "chinese"), WORDS)
def test_the_due_time_in_words(now: str, due: str, zone: str, english: str, chinese: str) -> None:
    told = due_time(datetime.fromisoformat(due), datetime.fromisoformat(now), ZoneInfo(zone))
    assert SHIPPED["en"].due(told) == english
    assert SHIPPED["zh-CN"].due(told) == chinese


YEAR_SECONDS = 365 * 24 * 3600
NOW = datetime(2026, 10, 9, 8, tzinfo=UTC)
OWN = {"en": "Back {due}. {name_of_brand}", "de": "Antwort bis {due}.", "zh-CN": "稍等，{due}回复"}
TEXTS = [
    # own texts, language, seconds until due (None: never), the message
    ({}, "en-GB", 3600, "Thank you for your message. Lotus will answer today by 17:00."),
    ({}, "zh", 3600, "您好，您的消息已收到，Lotus将在今天 17:00 前回复您。"),
    ({}, "zh-Hans-CN", None, "您好，您的消息已收到，Lotus会尽快回复您。"),
    ({}, "fr", 3600, "Thank you for your message. Lotus will answer today by 17:00."),
    ({}, "", 3600, "Thank you for your message. Lotus will answer today by 17:00."),
    ({}, "en", -1, "Thank you for your message. Lotus will answer as soon as possible."),
    ({}, "en", 0, "Thank you for your message. Lotus will answer as soon as possible."),
    (OWN, "en", 3600, "Back today by 17:00. Lotus"),
    (OWN, "ZH-cn", 3600, "稍等，今天 17:00 前回复"),
    (OWN, "fr", 3600, "Back today by 17:00. Lotus"),
    # No words for the time are shipped in German: figures, which need none.
    (OWN, "de-AT", 3600, "Antwort bis 2026-10-09 17:00."),
    # An own text whose time cannot be told gives way.
    (OWN, "en", None, "Thank you for your message. Lotus will answer as soon as possible."),
    ({"en": "We are on it."}, "en", None, "We are on it."),
    # The customer's language comes before the account's own words.
    ({"en": "We are on it."}, "zh-CN", None, "您好，您的消息已收到，Lotus会尽快回复您。"),
]


@pytest.mark.parametrize(("own", "language", "seconds", "message"), TEXTS)
def test_the_message_in_the_customers_language(
    own: dict[str, str], language: str, seconds: int | None, message: str
) -> None:
    due_at = None if seconds is None else NOW + timedelta(seconds=seconds)
    zone = ZoneInfo(SHANGHAI)
    assert acknowledge(own, language=language, brand="Lotus", due_at=due_at, now=NOW, zone=zone) == message


def test_the_shipped_texts_are_shown_as_they_are_sent() -> None:
    zone, now = ZoneInfo(BERLIN), datetime(2026, 10, 9, 7, 30, tzinfo=UTC)
    for text in shipped_texts():
        said = [
            acknowledge({}, language=text.language, brand="Lotus", due_at=due_at, now=now, zone=zone)
            for due_at in (now + timedelta(days=1), None)
        ]
        filled = text.with_time.format(name_of_brand="Lotus", due=text.due_example)
        assert said == [filled, text.without_time.format(name_of_brand="Lotus")]


def test_a_brand_that_looks_like_a_placeholder_is_only_a_name() -> None:
    said = acknowledge({}, language="en", brand="{due}", due_at=None, now=NOW, zone=ZoneInfo("UTC"))
    assert said == "Thank you for your message. {due} will answer as soon as possible."


@given(
    now=st.integers(-6 * YEAR_SECONDS, 14 * YEAR_SECONDS).map(lambda seconds: NOW + timedelta(seconds=seconds)),
    seconds=st.integers(1, 40 * 24 * 3600),
    zone=st.sampled_from([BERLIN, SHANGHAI, "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC"]),
)
def test_the_time_told_is_in_the_minute_after_the_promise(now: datetime, seconds: int, zone: str) -> None:
    due_at = now + timedelta(seconds=seconds)
    told = due_time(due_at, now, ZoneInfo(zone))
    hours, minutes = map(int, told.time.removesuffix(" UTC").split(":"))
    wall = datetime.combine(told.day, datetime.min.time()) + timedelta(hours=hours, minutes=minutes)
    late = wall - due_at.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    assert timedelta(0) <= late < timedelta(minutes=1)
    assert told.days >= 0
