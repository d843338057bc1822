"""The event catalogue: strict, versioned, without personal content, and the same after a trip through the log."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from app.events.catalogue import BY_NAME, EVENTS, parse
from app.events.event import Event

# What erasing a person must be able to leave alone.
PERSONAL = {"name", "body", "email", "address", "phone", "text", "login", "subject", "preview"}

every_event = pytest.mark.parametrize("model", EVENTS, ids=lambda model: model.type)


def test_every_event_has_a_name_of_its_own() -> None:
    assert len(BY_NAME) == len(EVENTS)


@every_event
@given(data=st.data())
def test_an_event_comes_back_from_the_log_as_it_went(model: type[Event], data: st.DataObject) -> None:
    event = data.draw(st.builds(model))
    stored = json.loads(event.model_dump_json())
    assert parse(event.type, event.version, stored) == event
    assert event.key is not None


@every_event
def test_an_event_refuses_fields_it_does_not_know(model: type[Event]) -> None:
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        model.model_validate({"surprise": 1})


@every_event
def test_an_event_carries_ids_and_codes_but_nothing_personal(model: type[Event]) -> None:
    assert not PERSONAL & set(model.model_fields)
