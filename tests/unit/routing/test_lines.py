"""Which lane of a line is first, and what becomes of seats that are given back."""

from uuid import UUID

from app.routing.engine import Engine
from app.routing.lines import ALWAYS_EMPTY, NOBODY, Board
from tests.unit.routing.test_engine_equals_scan import Pair


def test_a_seat_given_back_is_taken_again_and_shows_nobody() -> None:
    board = Board()
    first, second = board.take_seat(), board.take_seat()
    board.heads[first] = 5
    assert board.give_back(first) == ALWAYS_EMPTY
    assert board.heads[first] == NOBODY
    assert board.take_seat() == first
    assert {first, second}.isdisjoint({ALWAYS_EMPTY})


def test_the_number_that_waits_equals_a_count_of_all_work_through_every_kind_of_change() -> None:
    for seed in range(8):
        pair = Pair(seed)
        for _ in range(30):
            pair.step()
            assert pair.engine.waiting == len(pair.naive.works) - len(pair.naive.offered)


def test_an_engine_that_knows_nothing_holds_nothing() -> None:
    engine = Engine()
    engine.remove_work(UUID(int=1))
    assert engine.waiting == 0
