from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.conversations.arrival import effective_time
from app.conversations.texts import PREVIEW_CHARACTERS, check_text, preview
from app.core.errors import InvalidInput


@given(st.text(st.characters(), max_size=60))
def test_what_passes_can_be_stored(text: str) -> None:
    try:
        passed = check_text(text, field="body", maximum=50, minimum=1)
    except InvalidInput:
        return
    assert "\0" not in passed
    assert 0 < len(passed.encode()) <= 200


@given(st.text(max_size=1_000))
def test_a_preview_is_one_short_line(text: str) -> None:
    line = preview(text)
    assert len(line) <= PREVIEW_CHARACTERS
    assert not set("\n\r\t") & set(line)


@pytest.mark.parametrize(("seconds", "believed"), [(0, True), (-299, True), (-301, False), (200, False), (400, False)])
def test_a_providers_time_is_believed_when_near_and_not_ahead(seconds: int, believed: bool) -> None:
    arrived = datetime(2026, 11, 22, tzinfo=UTC)
    provider = arrived + timedelta(seconds=seconds)
    assert effective_time(provider, arrived) == (provider if believed else arrived)
    assert effective_time(None, arrived) == arrived
