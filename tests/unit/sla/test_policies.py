"""Which policy rules what: frozen metrics, adopted edits, and what `explain` says about it."""

from dataclasses import replace
from typing import Any
from uuid import UUID

from app.sla.policies import (
    Attributes,
    Book,
    PolicyBody,
    PolicyVersion,
    adopt,
    explain_selection,
    in_order,
    reselect,
    rules_of,
    select,
    version_for,
)

URGENT, NORMAL = Attributes("chat", priority=7), Attributes("chat", priority=3)
REPLIES = [{"metric": "first_reply", "seconds": 60}, {"metric": "next_reply", "seconds": 60}]


def policy(number: int, position: int, *, of: int = 0, targets: Any = REPLIES, **body: Any) -> PolicyVersion:
    checked = PolicyBody.model_validate({"position": position, "targets": targets, **body})
    name = f"Policy {of or number}"
    return PolicyVersion(UUID(int=number), UUID(int=of or number), name, 1 + bool(of), checked)


def book(*current: PolicyVersion, kept: tuple[PolicyVersion, ...] = ()) -> Book:
    return Book(in_order(current), {one.id: one for one in (*current, *kept)})


FROZEN = policy(1, 1, conditions={"priorities": [3]}, frozen=["first_reply"])
ANY = policy(2, 2)


def test_only_the_frozen_metric_stays_with_its_policy() -> None:
    both = book(FROZEN, ANY)
    kept = reselect(both, URGENT, select(both, NORMAL))
    assert (version_for(kept, "first_reply"), version_for(kept, "next_reply")) == (FROZEN.id, ANY.id)
    again = reselect(both, Attributes("chat", priority=9), kept)
    assert again == kept
    assert set(rules_of(both, again).targets) == {"first_reply", "next_reply"}
    assert reselect(both, NORMAL, kept) == select(both, NORMAL)


def test_a_frozen_metric_adopts_the_edit_of_its_own_policy() -> None:
    edited = policy(3, 1, of=1, conditions={"priorities": [3]}, frozen=["first_reply"])
    before = book(FROZEN, ANY)
    kept = reselect(before, URGENT, select(before, NORMAL))
    after = book(edited, ANY, kept=(FROZEN,))
    assert version_for(reselect(after, URGENT, kept), "first_reply") == FROZEN.id
    assert version_for(adopt(after, URGENT, kept), "first_reply") == edited.id
    assert version_for(adopt(after, NORMAL, select(before, NORMAL)), "first_reply") == edited.id


def test_another_priority_adopts_no_edit_of_the_policy_that_still_wins() -> None:
    edited = policy(3, 2, of=2)
    kept = select(book(ANY), NORMAL)
    after = book(edited, kept=(ANY,))
    assert reselect(after, URGENT, kept) == {"reply": ANY.id}
    assert adopt(after, URGENT, kept) == {"reply": edited.id}


def test_a_retired_policy_freezes_nothing() -> None:
    before = book(FROZEN, ANY)
    kept = reselect(before, URGENT, select(before, NORMAL))
    assert adopt(book(ANY, kept=(FROZEN,)), URGENT, kept) == {"reply": ANY.id}


def test_a_bot_answers_only_where_the_policy_of_the_reply_says_so() -> None:
    phone = policy(1, 1, targets=[{"metric": "queue_wait", "seconds": 20}], bot_answers=True)
    silent, talking = policy(2, 2), policy(2, 2, bot_answers=True)
    for reply, expected in ((silent, False), (talking, True)):
        either = book(phone, reply)
        assert rules_of(either, select(either, NORMAL)).bot_answers is expected


def test_explain_names_the_version_that_rules_and_the_one_that_would_win_now() -> None:
    edited = policy(3, 2, of=2)
    other = policy(4, 3)
    late = book(edited, other, kept=(ANY,))
    found = explain_selection(late, NORMAL, {"reply": ANY.id})
    assert {one.policy.id: one.lost_by for one in found} == {
        ANY.id: None,
        edited.id: "not_adopted",
        other.id: "policy:Policy 2",
    }


def test_a_book_made_from_another_chooses_by_its_own_policies() -> None:
    before = book(ANY)
    assert select(before, NORMAL) == {"reply": ANY.id}
    tried = replace(before, current=[FROZEN, ANY], versions={FROZEN.id: FROZEN, ANY.id: ANY})
    assert select(tried, NORMAL) == {"reply": FROZEN.id}
