"""Rings relax in order, languages stay, and contradictions are refused with the reason."""

from dataclasses import replace
from typing import Any

import pytest

from app.core.errors import InvalidInput
from app.routing.facts import Fade, QueueFacts, Ring, virtual_due_at
from app.routing.rings import check_rings, next_ring_at, ring_at, terms_at
from tests.unit.routing.worlds import NOON, at, numbered

TEAM = numbered(4, 1)
BILLING = QueueFacts(
    id=numbered(1, 1),
    channels=frozenset({"chat"}),
    target_seconds=60,
    requirements={"billing": 7, "zh": 5},
    fading={"zh": Fade(30, 4)},
    rings=(
        Ring(30, lowers=frozenset({"zh"})),
        Ring(60, {"billing": 3, "zh": 2}),
        Ring(90, None, frozenset({TEAM})),
    ),
)


def required(ring: int, **own: Any) -> dict[str, int]:
    return dict(terms_at(BILLING, ring, **own).requirements)


def test_each_ring_has_its_terms() -> None:
    assert [required(ring) for ring in range(4)] == [
        {"billing": 7, "zh": 5},
        {"billing": 7, "zh": 4},
        {"billing": 3, "zh": 2},
        {"billing": 3, "zh": 2},
    ]
    assert terms_at(BILLING, 2).groups == frozenset()
    assert terms_at(BILLING, 3).groups == {TEAM}


def test_a_language_holds_at_rings_that_do_not_name_it() -> None:
    assert required(1, language=("en", 6)) == {"billing": 7, "zh": 4, "en": 6}
    assert required(2, language=("en", 6)) == {"billing": 3, "zh": 2, "en": 6}
    assert required(2, language=("zh", 9)) == {"billing": 3, "zh": 2}


def test_own_requirements_replace_the_queues_until_a_ring_does() -> None:
    assert required(0, override={"refund": 2}) == {"refund": 2}
    assert required(2, override={"refund": 2}) == {"billing": 3, "zh": 2}


def test_rings_open_at_their_time_whatever_happened_meanwhile() -> None:
    assert [ring_at(BILLING, 100, 100 + waited) for waited in (0, 29.9, 30, 60, 1000)] == [0, 0, 1, 2, 3]
    assert next_ring_at(BILLING, 100, 130) == 160
    assert next_ring_at(BILLING, 100, 190) is None


@pytest.mark.parametrize(
    ("rings", "code"),
    [
        ((Ring(30), Ring(30)), "rings_out_of_order"),
        ((Ring(0),), "rings_out_of_order"),
        ((Ring(30, {"zh": 9}),), "ring_contradicts"),
        ((Ring(30, {"refund": 1}),), "ring_contradicts"),
        ((Ring(30, {"zh": 0}),), "level_out_of_range"),
        (tuple(Ring(after) for after in range(1, 7)), "too_many_rings"),
    ],
)
def test_contradicting_rings_are_refused(rings: tuple[Ring, ...], code: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        check_rings(replace(BILLING, rings=rings))
    assert refused.value.code == code


def test_the_sooner_of_target_and_sla_is_due() -> None:
    assert virtual_due_at(NOON, 60) == at(60)
    assert virtual_due_at(NOON, 60, at(30)) == at(30)
    assert virtual_due_at(NOON, 60, at(90)) == at(60)
