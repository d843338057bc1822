"""Whole numbers as JSON has them: 3 and 3.0, but no text that looks like one, and no flag."""

from typing import Annotated, Any

from pydantic import BeforeValidator


def _number(given: Any) -> Any:
    if isinstance(given, (bool, str)):
        raise ValueError("expected a whole number, not a text or a flag")
    return given


WholeNumber = Annotated[int, BeforeValidator(_number)]
