"""A customer's time zone is one we know, or none."""

import pytest
from pydantic import ValidationError

from app.customers.schemas import CustomerPatch
from app.customers.time_zones import known_or_none


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("Asia/Shanghai", "Asia/Shanghai"),
        ("UTC", "UTC"),
        ("", ""),
        ("Mars/Olympus", ""),
        ("America", ""),
        ("../../etc/passwd", ""),
        ("/etc/localtime", ""),
    ],
)
def test_a_name_we_do_not_know_is_left_out(name: str, kept: str) -> None:
    assert known_or_none(name) == kept


@pytest.mark.parametrize("name", ["Mars/Olympus", "Asia/Shanghai\0", "a b", "A" * 65])
def test_by_hand_an_unknown_one_is_refused(name: str) -> None:
    with pytest.raises(ValidationError):
        CustomerPatch(timezone=name)
