"""The ledger: what fits, what interrupts, and that debits and credits always cancel out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import Conflict
from app.routing.capacity import (
    MAX_PARKED,
    Fit,
    Ledger,
    credit,
    debit,
    default_weight,
    engage,
    fits,
    ledger_of,
    park,
    resume,
)

held_works = st.lists(
    st.tuples(st.sampled_from(["chat", "email", "task", "social"]), st.sampled_from([5, 10, 20, 25])),
    max_size=8,
)


@pytest.mark.parametrize(
    ("engaged", "channel", "expected"),
    [
        ([], "phone", Fit(0, ())),
        ([("chat", 25)] * 3, "chat", Fit(0.75, ())),
        ([("chat", 25)] * 4, "chat", None),
        ([("chat", 25)], "phone", None),
        ([("email", 10)], "phone", Fit(0.1, ((10, "email"),))),
        ([("email", 10), ("task", 10)], "phone", Fit(0.2, ((10, "email"), (10, "task")))),
        ([("email", 10)] * 3, "phone", None),
        ([("phone", 100)], "email", None),
        ([("chat", 25)] * 3 + [("email", 10)] * 2, "chat", Fit(0.95, ((10, "email"), (10, "email")))),
        ([("chat", 25)] * 3 + [("email", 10)] * 2, "social", None),
    ],
)
def test_what_fits_on_a_hundred_units(engaged: list[tuple[str, int]], channel: str, expected: Fit | None) -> None:
    assert fits(ledger_of(engaged), channel, default_weight(channel)) == expected


def test_a_call_blocks_the_rest_even_when_units_are_left() -> None:
    assert fits(ledger_of([("phone", 100)], capacity_units=200), "chat", 25) is None


def test_a_channel_limit_counts_conversations_not_units() -> None:
    limited = ledger_of([("chat", 25)], limits={"chat": 1})
    assert fits(limited, "chat", 25) is None
    assert fits(limited, "email", 10) is not None


def test_an_offer_that_is_not_accepted_yet_is_not_interrupted() -> None:
    offered = ledger_of(offered=[("email", 10)])
    assert fits(offered, "phone", 100) is None
    assert fits(engage(offered, "email", 10), "phone", 100) == Fit(0.1, ((10, "email"),))


def test_at_most_two_works_wait_parked() -> None:
    ledger = ledger_of([("email", 10)] * 3)
    for _ in range(MAX_PARKED):
        ledger = park(ledger, "email", 10)
    with pytest.raises(Conflict):
        park(ledger, "email", 10)


def test_an_interrupted_email_gives_its_units_back_and_takes_them_again() -> None:
    during = debit(ledger_of([("email", 10)]), "phone", 100)
    assert (during.used_units, during.parked) == (100, 1)
    with pytest.raises(Conflict):
        resume(during, "email", 10)
    assert resume(credit(during, "phone", 100), "email", 10) == ledger_of([("email", 10)])


def test_only_a_supervisor_overshoots() -> None:
    full = ledger_of([("chat", 25)] * 4)
    with pytest.raises(Conflict):
        debit(full, "chat", 25)
    assert debit(full, "chat", 25, forced=True).used_units == 125


def test_a_second_credit_of_the_same_work_is_refused() -> None:
    with pytest.raises(Conflict):
        credit(ledger_of([("chat", 25)]), "email", 10)


@given(engaged=held_works, channel=st.sampled_from(["chat", "email", "phone"]))
def test_a_debit_never_overshoots_and_its_credit_restores_the_ledger(
    engaged: list[tuple[str, int]], channel: str
) -> None:
    before: Ledger = ledger_of(engaged)
    weight = default_weight(channel)
    fit = fits(before, channel, weight)
    if fit is None or before.used_units > before.capacity_units:
        return
    after = debit(before, channel, weight)
    assert after.used_units <= after.capacity_units
    restored = credit(after, channel, weight, engaged=False)
    for units, parked_channel in fit.parks:
        restored = resume(restored, parked_channel, units)
    assert restored == before


@given(engaged=held_works, extra=st.tuples(st.sampled_from(["chat", "email"]), st.sampled_from([10, 25])))
def test_the_ledger_is_the_sum_over_what_is_held(engaged: list[tuple[str, int]], extra: tuple[str, int]) -> None:
    grown = engage(debit(ledger_of(engaged), *extra, forced=True), *extra)
    if fits(ledger_of(engaged), *extra) == Fit(ledger_of(engaged).used_share, ()):
        assert grown == ledger_of([*engaged, extra])
