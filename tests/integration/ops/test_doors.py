"""How many may come in from one address."""

import pytest

from app.ops.doors import Doors


def test_each_address_has_places_of_its_own_and_gets_them_back() -> None:
    doors = Doors(2)
    assert [doors.enter("192.0.2.1") for _ in range(3)] == [True, True, False]
    assert doors.enter("192.0.2.2")
    doors.leave("192.0.2.1")
    assert doors.enter("192.0.2.1")
    assert not doors.enter("192.0.2.1")


@pytest.mark.parametrize("trusted", ["192.0.2.1", "10.0.0.1, 192.0.2.0/24", "*", "nginx,192.0.2.1"])
def test_behind_a_trusted_proxy_many_may_stand(trusted: str) -> None:
    doors = Doors(1, trusted)
    assert all(doors.enter("192.0.2.1") for _ in range(5))


def test_without_a_limit_and_without_an_address_nobody_is_kept_out() -> None:
    assert all(Doors(0).enter("192.0.2.1") for _ in range(3))
    assert all(Doors(1).enter("") for _ in range(3))
