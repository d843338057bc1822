from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.access.throttle import (
    BLOCK_SECONDS,
    WINDOW_SECONDS,
    Tally,
    address_key,
    after_success,
    after_try,
    blocked_seconds,
    login_key,
)

START = datetime(2026, 1, 1, tzinfo=UTC)
TRIES = 3


@given(st.lists(st.integers(min_value=0, max_value=2 * WINDOW_SECONDS), max_size=60))
def test_no_window_lets_more_tries_through_than_allowed(gaps: list[int]) -> None:
    now, tally, made = START, Tally(0, START), list[datetime]()
    for gap in gaps:
        now += timedelta(seconds=gap)
        if blocked_seconds(tally, now) == 0:
            tally = after_try(tally, now, tries=TRIES)
            made.append(now)
    # A window starts with its first try, so two of them may touch: never more than twice the number in one span.
    for first in made:
        assert len([at for at in made if first <= at < first + timedelta(seconds=WINDOW_SECONDS)]) <= 2 * TRIES


def test_the_last_try_blocks_the_next_one_and_the_block_ends() -> None:
    tally = Tally(0, START)
    for _ in range(TRIES):
        assert blocked_seconds(tally, START) == 0
        tally = after_try(tally, START, tries=TRIES)
    assert BLOCK_SECONDS <= blocked_seconds(tally, START) <= BLOCK_SECONDS + 1
    later = START + timedelta(seconds=BLOCK_SECONDS)
    assert blocked_seconds(tally, later) == 0
    assert after_try(tally, later, tries=TRIES).failures == 1


def test_a_right_password_at_the_last_try_takes_the_block_back() -> None:
    tally = Tally(TRIES - 1, START)
    tally = after_success(after_try(tally, START, tries=TRIES), tries=TRIES)
    assert tally == Tally(TRIES - 1, START)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("", "unix", True),
    ],
)
def test_addresses_of_one_customer_share_a_tally(one: str, other: str, same: bool) -> None:
    assert (address_key(one) == address_key(other)) is same


def test_a_login_is_counted_without_case_and_not_kept_readable() -> None:
    assert login_key(" Mei ") == login_key("mei")
    assert "mei" not in login_key("mei")
