"""Whole numbers in bodies."""

from typing import Annotated, Any

import pytest
from pydantic import Field, TypeAdapter, ValidationError

from app.core.numbers import WholeNumber

NUMBER: TypeAdapter[int] = TypeAdapter(WholeNumber)


def test_the_limits_of_a_field_are_in_its_document() -> None:
    limited: TypeAdapter[int] = TypeAdapter(Annotated[WholeNumber, Field(ge=0, le=9)])
    assert limited.json_schema() == {"type": "integer", "minimum": 0, "maximum": 9}


@pytest.mark.parametrize("given", [True, False, "3", "", 3.0, 3.5, None, [3], float("nan"), float("inf")])
def test_what_is_no_number_is_not_made_one(given: Any) -> None:
    with pytest.raises(ValidationError):
        NUMBER.validate_python(given)
