from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.channels.chat import rate_limits
from app.channels.chat.rate_limits import Buckets, Rate
from app.core.errors import TooManyRequests

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def allowed(buckets: Buckets, key: str, at: datetime) -> bool:
    try:
        buckets.take(key, at)
    except TooManyRequests:
        return False
    return True


@given(st.lists(st.floats(0, 3), max_size=60), st.integers(1, 10), st.floats(0.1, 5))
def test_never_more_than_the_burst_and_the_rate_allow(pauses: list[float], burst: int, per_second: float) -> None:
    buckets, now, passed = Buckets(Rate(burst, per_second)), NOW, 0
    for pause in pauses:
        now += timedelta(seconds=pause)
        passed += allowed(buckets, "a", now)
    assert passed <= burst + (now - NOW).total_seconds() * per_second + 1e-6


def test_after_the_named_wait_the_next_passes() -> None:
    buckets = Buckets(Rate(1, 0.5))
    buckets.take("a", NOW)
    with pytest.raises(TooManyRequests) as refused:
        buckets.take("a", NOW)
    assert allowed(buckets, "a", NOW + timedelta(seconds=refused.value.retry_after_seconds))


def test_one_key_never_slows_another_and_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limits, "MAX_KEYS", 3)
    buckets = Buckets(Rate(1, 1))
    assert all(allowed(buckets, f"k{number}", NOW) for number in range(10))
    assert not allowed(buckets, "k9", NOW)
    assert allowed(buckets, "k0", NOW)
