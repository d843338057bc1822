"""Frames from outside are taken strictly; positions are read and written alike."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.realtime.frames import (
    MAX_REASON_CHARACTERS,
    Command,
    MalformedFrame,
    Subscribe,
    parse_incoming,
    parse_position,
    position_text,
)

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)
)


def test_frames_of_the_protocol_are_read() -> None:
    assert parse_incoming('{"type":"subscribe","after":null}') == Subscribe(type="subscribe")
    command = parse_incoming('{"type":"command","id":"1","name":"typing","data":{"on":true}}')
    assert isinstance(command, Command)
    assert (command.key, command.data) == (None, {"on": True})


@given(VALUES)
def test_whatever_comes_is_a_frame_or_malformed_with_a_short_reason(value: object) -> None:
    with pytest.raises(MalformedFrame) as refused:
        parse_incoming(json.dumps(value))
    assert 0 < len(str(refused.value)) <= MAX_REASON_CHARACTERS


@given(st.text())
def test_text_that_is_no_json_is_malformed(text: str) -> None:
    with pytest.raises(MalformedFrame):
        parse_incoming("{" + text)


@given(st.integers(0, 10**9 - 1), st.integers(0, 10**18 - 1))
def test_a_position_reads_back(incarnation: int, number: int) -> None:
    assert parse_position(position_text(incarnation, number)) == (incarnation, number)


@pytest.mark.parametrize("text", ["", "-", "1", "1-", "-1", "a-1", "1-2-3", "1--2", "１-2", "1-" + "9" * 19, " 1-2"])
def test_anything_else_is_no_position(text: str) -> None:
    with pytest.raises(MalformedFrame):
        parse_position(text)
