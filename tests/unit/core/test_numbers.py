"""Whole numbers as JSON has them."""

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from app.core.numbers import WholeNumber

NUMBER: TypeAdapter[int] = TypeAdapter(WholeNumber)


@pytest.mark.parametrize(("given", "read"), [(3, 3), (3.0, 3), (-1, -1), (0, 0)])
def test_a_whole_number_is_taken_however_json_writes_it(given: Any, read: int) -> None:
    assert NUMBER.validate_python(given) == read


@pytest.mark.parametrize("given", [True, False, "3", "", 3.5, None, [3], float("nan"), float("inf")])
def test_what_is_no_number_is_not_made_one(given: Any) -> None:
    with pytest.raises(ValidationError):
        NUMBER.validate_python(given)
