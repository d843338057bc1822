"""Texts that are stripped: what the document says of them is what is checked."""

import re
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from app.access.schemas import Name as PersonName
from app.channels.schemas import AccountName
from app.customers.schemas import ContactValue, Segment
from app.sla.duties.schemas import ShownName
from app.sla.schemas import Name as PolicyName

STRIPPED = (PersonName, AccountName, ContactValue, Segment, ShownName, PolicyName)
WHITE = [chr(number) for number in range(0x11_0000) if chr(number).isspace() and number not in range(0x1C, 0x20)]
"""As Unicode has it. The separators of files, groups, records and units are white to Python only."""


def is_taken(kind: Any, value: str) -> bool:
    try:
        TypeAdapter(kind).validate_python(value)
    except ValidationError:
        return False
    return True


@pytest.mark.parametrize("kind", STRIPPED)
def test_a_text_of_white_space_fits_neither_the_rule_nor_the_document(kind: Any) -> None:
    pattern = TypeAdapter(kind).json_schema()["pattern"]
    for value in ["", "\0", "a\0", *WHITE, "".join(WHITE)]:
        assert (is_taken(kind, value), re.search(pattern, value)) == (False, None), repr(value)


@pytest.mark.parametrize("kind", STRIPPED)
def test_white_space_around_and_within_a_text_fits_both(kind: Any) -> None:
    pattern = TypeAdapter(kind).json_schema()["pattern"]
    for value in ["a", " a ", "\u3000陈 思远\x85", "\U0001f600"]:
        assert (is_taken(kind, value), re.search(pattern, value) is not None) == (True, True), repr(value)
