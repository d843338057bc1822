"""Memory of the log: consecutive, bounded, and honest about what it does not hold."""

from hypothesis import given
from hypothesis import strategies as st

from app.realtime.recent import Recent
from app.realtime.render import Occurrence
from tests.unit.realtime.examples import CONVERSATION, NOW

FAR = st.integers(0, 40)


def occurrence(number: int) -> Occurrence:
    return Occurrence(number, CONVERSATION, "test.happened", 1, NOW, {}, None)


def numbers(found: list[Occurrence] | None) -> list[int] | None:
    return None if found is None else [each.number for each in found]


@given(begun=FAR, live=st.integers(0, 30), older=FAR, at_most=st.integers(1, 25), after=FAR, length=FAR)
def test_a_stretch_is_whole_or_not_told_at_all(
    begun: int, live: int, older: int, at_most: int, after: int, length: int
) -> None:
    recent = Recent(at_most)
    recent.begin_at(begun)
    for number in range(begun + 1, begun + live + 1):
        recent.add(occurrence(number))
    recent.add_before([occurrence(number) for number in range(max(1, begun - older), recent.first)])
    upto = min(after + length, recent.last)
    found = numbers(recent.between(after, upto))
    assert found in (None, list(range(after + 1, upto + 1)))
    assert (found is None) == (after < upto and after + 1 < recent.first)
    assert recent.last - recent.first + 1 <= at_most
    assert recent.last == begun + live


def test_what_would_leave_a_gap_is_not_taken_in() -> None:
    recent = Recent(10)
    recent.begin_at(7)
    recent.add(occurrence(8))
    recent.add_before([occurrence(5), occurrence(6)])
    assert recent.first == 8
    recent.add_before([occurrence(6), occurrence(7)])
    assert numbers(recent.between(5, 8)) == [6, 7, 8]


def test_a_new_beginning_forgets_everything() -> None:
    recent = Recent(10)
    recent.add(occurrence(1))
    recent.begin_at(50)
    assert (recent.first, recent.last) == (51, 50)
    assert recent.between(50, 50) == []
    assert recent.between(49, 50) is None
