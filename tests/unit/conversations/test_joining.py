from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.conversations.joining import REOPENS_WITHIN, Begin, Join, Standing, choose
from app.conversations.status import UNRESOLVED
from app.events.conversations import Status

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def one(number: int, status: Status, hours_ago: float | None = None, *, of_contact: bool = True) -> Standing:
    resolved_at = None if hours_ago is None else NOW - timedelta(hours=hours_ago)
    return Standing(UUID(int=number), status, resolved_at, of_contact)


TABLE = [
    ("nothing there", None, [], None, None),
    ("open is joined", None, [one(1, "open")], 1, None),
    ("snoozed is joined", None, [one(1, "snoozed")], 1, None),
    ("open before resolved", None, [one(1, "resolved", 1), one(2, "pending")], 2, None),
    ("resolved 71 h ago reopens", None, [one(1, "resolved", 71)], 1, None),
    ("resolved exactly 72 h ago reopens", None, [one(1, "resolved", 72)], 1, None),
    ("resolved 73 h ago is followed", None, [one(1, "resolved", 73)], None, 1),
    ("closed is followed", None, [one(1, "closed", 1)], None, 1),
    ("only the latest counts", None, [one(1, "resolved", 71), one(2, "closed", 1)], None, 2),
    ("thread before the open one", one(9, "open", of_contact=False), [one(1, "open")], 9, None),
    ("a resolved thread of the contact reopens late", one(1, "resolved", 100), [one(1, "resolved", 100)], 1, None),
    (
        "a resolved thread yields to the open one",
        one(1, "resolved", 1),
        [one(1, "resolved", 1), one(2, "open")],
        2,
        None,
    ),
    ("another's resolved thread is followed", one(9, "resolved", 1, of_contact=False), [], None, 9),
    ("a closed thread is followed", one(9, "closed", 1), [], None, 9),
]


@pytest.mark.parametrize(
    ("thread", "others", "joined", "followed"), [row[1:] for row in TABLE], ids=[r[0] for r in TABLE]
)
def test_the_join_rule(
    thread: Standing | None, others: list[Standing], joined: int | None, followed: int | None
) -> None:
    expected = Join(UUID(int=joined)) if joined else Begin(UUID(int=followed) if followed else None)
    assert choose(thread, others, NOW) == expected


def standings(of_contact: bool = True) -> st.SearchStrategy[Standing]:
    ended = st.builds(
        Standing,
        st.uuids(),
        st.sampled_from(["resolved", "closed"]),
        st.timedeltas(timedelta(0), timedelta(days=30)).map(lambda ago: NOW - ago),
        st.just(of_contact),
    )
    return ended | st.builds(Standing, st.uuids(), st.sampled_from(sorted(UNRESOLVED)), st.none(), st.just(of_contact))


@given(
    st.none() | standings() | standings(False),
    st.lists(standings(), max_size=4, unique_by=lambda s: s.id).filter(
        lambda them: sum(s.status in UNRESOLVED for s in them) <= 1
    ),
)
def test_a_second_unresolved_one_is_never_made_and_closed_never_joined(
    thread: Standing | None, others: list[Standing]
) -> None:
    if thread is not None and thread.of_contact:  # then it is one of the contact's own
        others = [other for other in others if not {other.status, thread.status} <= UNRESOLVED]
        others = [thread, *(other for other in others if other.id != thread.id)]
    known = {s.id: s for s in [*others, *([thread] if thread else [])]}
    choice = choose(thread, others, NOW)
    unresolved = [s for s in others if s.status in UNRESOLVED]
    if isinstance(choice, Begin):
        assert not unresolved
        assert choice.follows_id is None or choice.follows_id in known
        return
    joined = known[choice.conversation_id]
    assert joined.status != "closed"
    if joined.status == "resolved":
        assert not unresolved
        assert joined is thread or NOW - (joined.resolved_at or NOW) <= REOPENS_WITHIN
