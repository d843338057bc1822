from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from itsdangerous import URLSafeSerializer

from app.channels.chat.visitor_tokens import MAX_TOKEN, SALT, VisitorPrincipal, VisitorTokens
from app.core.errors import Unauthenticated

NOW = datetime(2026, 11, 22, tzinfo=UTC)
SECRET = "one secret of thirty-two bytes ...."
TOKENS = VisitorTokens(SECRET)


def visitor(name: str = "", language: str = "en") -> VisitorPrincipal:
    return VisitorPrincipal(uuid4(), uuid4(), NOW + timedelta(days=30), name, language, "Asia/Shanghai")


@given(st.text(max_size=200))
def test_a_token_gives_back_who_it_was_made_for(name: str) -> None:
    made = visitor(name)
    token = TOKENS.make(made)
    assert len(token) <= MAX_TOKEN
    assert TOKENS.read(token, NOW) == made


def test_a_changed_or_foreign_token_is_refused() -> None:
    token = TOKENS.make(visitor())
    foreign = VisitorTokens("another secret of thirty-two bytes").make(visitor())
    for wrong in (token[:-1], token[1:], foreign, "", "." * 10, "é" * 5, "x" * 10_000):
        with pytest.raises(Unauthenticated) as refused:
            TOKENS.read(wrong, NOW)
        assert refused.value.code == "visitor_token_invalid"


def test_a_token_of_the_release_before_time_zones_still_serves() -> None:
    made = visitor("Ada")
    claims = [made.id.hex, made.channel_account_id.hex, int(made.expires_at.timestamp()), "Ada", "en"]
    token = URLSafeSerializer(SECRET, salt=SALT).dumps(claims)
    assert TOKENS.read(str(token), NOW) == replace(made, timezone="")


def test_a_token_ends_with_its_time() -> None:
    token = TOKENS.make(visitor())
    with pytest.raises(Unauthenticated) as refused:
        TOKENS.read(token, NOW + timedelta(days=30))
    assert refused.value.code == "visitor_token_expired"


def test_without_a_secret_there_are_no_tokens() -> None:
    with pytest.raises(ValueError, match="SECRET_KEY"):
        VisitorTokens("")
