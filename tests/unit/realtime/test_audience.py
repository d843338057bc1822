"""Who gets what of an event."""

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.access.schemas import Principal
from app.access.visibility import may_see
from app.events.agents import AgentDisabled, AgentUpdated, ApiKeyChanged, SessionEnded
from app.events.conversations import ConversationRead, ConversationRightsChanged, NoteAdded
from app.events.event import AgentEvent, ConversationEvent, Event, Rights
from app.events.routing import (
    OfferEnded,
    OfferMade,
    PresenceChanged,
    PresenceState,
    QueueChanged,
    TransferEnded,
    TransferOffered,
    WorkChanged,
    WrapUpEnded,
)
from app.events.sla import SlaWarned
from app.realtime.audience import Delivery, Visitor, delivery_to_agent, delivery_to_visitor, reach_of
from tests.unit.realtime.examples import CONVERSATION, EXAMPLES, NOW, TRANSFER, agent, includes

ME, COLLEAGUE, TEAM, OTHER_TEAM, QUEUE, CONTACT = (UUID(int=number) for number in range(1, 7))
MINE = Rights(owner_id=ME, team_id=TEAM, queue_id=QUEUE)
THEIRS = Rights(owner_id=COLLEAGUE, team_id=OTHER_TEAM, queue_id=QUEUE)
ids = st.sampled_from([ME, COLLEAGUE, None])
teams = st.sampled_from([TEAM, OTHER_TEAM, None])
rights = st.builds(Rights, owner_id=ids, team_id=teams, queue_id=st.just(QUEUE))
principals = st.builds(
    agent,
    st.sampled_from([ME, COLLEAGUE]),
    role=st.sampled_from(["agent", "supervisor"]),
    visibility=st.sampled_from(["own", "team", "all"]),
    team_id=teams,
)


def changed(before: Rights, after: Rights) -> ConversationRightsChanged:
    return ConversationRightsChanged(conversation_id=CONVERSATION, before=before, after=after, reason="assigned")


NAMING = OfferMade | OfferEnded | TransferOffered | TransferEnded
"""Whom they name hears of them, whatever else they may see."""


@pytest.mark.parametrize(
    ("before", "after", "present", "expected"),
    [
        (THEIRS, MINE, MINE, Delivery.GAINED),
        (MINE, THEIRS, THEIRS, Delivery.REMOVED),
        (MINE, MINE, MINE, Delivery.EVENT),
        (THEIRS, THEIRS, THEIRS, Delivery.NOTHING),
        (MINE, THEIRS, MINE, Delivery.EVENT),  # lost and won back since: nothing was ever missing
        (THEIRS, MINE, THEIRS, Delivery.NOTHING),  # won and lost since: nothing was ever shown
        (MINE, THEIRS, None, Delivery.REMOVED),
    ],
)
def test_a_change_of_rights_is_judged_by_before_after_and_now(
    before: Rights, after: Rights, present: Rights | None, expected: Delivery
) -> None:
    assert delivery_to_agent(agent(ME), changed(before, after), present) is expected


@given(principals, rights, rights, rights)
def test_nothing_but_a_removal_reaches_who_may_not_see_it_now(
    principal: Principal, before: Rights, after: Rights, present: Rights
) -> None:
    for event in (*EXAMPLES, changed(before, after)):
        if not isinstance(event, ConversationEvent) or isinstance(event, NAMING):
            continue
        got = delivery_to_agent(principal, event, present)
        if may_see(principal, present):
            assert got in (Delivery.EVENT, Delivery.GAINED)
        else:
            assert got in (Delivery.NOTHING, Delivery.REMOVED)
        if got is Delivery.REMOVED:
            assert may_see(principal, before)


def test_who_asked_hears_how_a_transfer_ended_although_it_is_a_colleagues_by_then() -> None:
    ended = TransferEnded(**TRANSFER | {"from_agent_id": ME, "to_agent_id": COLLEAGUE}, state="accepted")
    told = [delivery_to_agent(agent(who), ended, THEIRS) for who in (ME, COLLEAGUE, UUID(int=99))]
    assert told == [Delivery.EVENT, Delivery.EVENT, Delivery.NOTHING]
    assert reach_of(ended, THEIRS, None).agents >= {ME, COLLEAGUE}


@given(principals, rights, rights, rights)
def test_the_reach_holds_everyone_who_gets_something(
    principal: Principal, before: Rights, after: Rights, present: Rights
) -> None:
    for event in (*EXAMPLES, changed(before, after)):
        if delivery_to_agent(principal, event, present) is not Delivery.NOTHING:
            assert includes(reach_of(event, present, None), principal)


@given(rights)
def test_an_offer_reaches_its_agent_with_the_token_and_supervisors_without(present: Rights) -> None:
    made = OfferMade(
        conversation_id=CONVERSATION, offer_id=ME, work_id=ME, queue_id=QUEUE, agent_id=ME, deadline_at=NOW
    )
    assert delivery_to_agent(agent(ME), made, present) is Delivery.OFFER
    boss = agent(COLLEAGUE, role="supervisor", visibility="all")
    assert delivery_to_agent(boss, made, present) is Delivery.EVENT
    assert delivery_to_agent(agent(COLLEAGUE, visibility="all"), made, present) is Delivery.NOTHING


@given(principals, rights, st.lists(ids.filter(bool), max_size=2), st.lists(teams.filter(bool), max_size=2))
def test_a_notice_reaches_whom_it_names_beside_those_who_see_the_conversation(
    principal: Principal, present: Rights, agent_ids: list[UUID], team_ids: list[UUID]
) -> None:
    warned = SlaWarned(
        conversation_id=CONVERSATION,
        clock_id=CONVERSATION,
        metric="first_reply",
        seq=1,
        due_at=NOW,
        detected_at=NOW,
        threshold="75%",
        to_agent_ids=tuple(agent_ids),
        to_team_ids=tuple(team_ids),
    )
    named = principal.id in agent_ids or principal.team_id in team_ids
    got = delivery_to_agent(principal, warned, present)
    assert (got is Delivery.EVENT) == (named or may_see(principal, present))
    if got is Delivery.EVENT:
        assert includes(reach_of(warned, present, None), principal)


AWAY = PresenceState(session="connected", readiness="not_ready", reason="lunch", penalty="none")


@pytest.mark.parametrize(
    "event",
    [
        PresenceChanged(agent_id=ME, before=None, after=AWAY),
        WrapUpEnded(agent_id=ME, work_id=QUEUE, conversation_id=CONVERSATION, queue_id=QUEUE, reason="time"),
    ],
)
def test_presence_reaches_oneself_and_programs_while_people_have_the_board(event: Event) -> None:
    program = replace(agent(COLLEAGUE, visibility="all"), kind="api_key")
    assert delivery_to_agent(agent(ME), event, None) is Delivery.EVENT
    assert delivery_to_agent(program, event, None) is Delivery.EVENT
    assert delivery_to_agent(replace(program, scopes=frozenset()), event, None) is Delivery.NOTHING
    assert delivery_to_agent(agent(COLLEAGUE, role="supervisor", visibility="all"), event, None) is Delivery.NOTHING


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (AgentUpdated(agent_id=ME, fields=("team_id",)), Delivery.RECHECK),
        (AgentUpdated(agent_id=ME, fields=("name",)), Delivery.EVENT),
        (AgentUpdated(agent_id=COLLEAGUE, fields=("role",)), Delivery.NOTHING),
        (AgentDisabled(agent_id=ME), Delivery.RECHECK),
        (SessionEnded(agent_id=ME, session_id=ME, reason="logout"), Delivery.RECHECK),
        (ApiKeyChanged(api_key_id=ME, change="revoked"), Delivery.RECHECK),
        (QueueChanged(queue_id=QUEUE, change="updated"), Delivery.EVENT),
    ],
)
def test_changes_of_ones_own_account_are_looked_into(event: Event, expected: Delivery) -> None:
    assert delivery_to_agent(agent(ME), event, None) is expected


def test_without_the_scope_no_conversation_is_seen() -> None:
    bare: Any = Principal(kind="api_key", id=ME, role="api_key", scopes=frozenset({"agents:read"}), visibility="all")
    read = ConversationRead(conversation_id=CONVERSATION, agent_id=ME, sequence=1)
    assert delivery_to_agent(bare, read, MINE) is Delivery.NOTHING


def test_a_visitor_gets_public_events_of_their_own_contact_point_only() -> None:
    visitor = Visitor(contact_point_id=CONTACT, channel_account_id=QUEUE)
    for event in EXAMPLES:
        inside = isinstance(event, NAMING | NoteAdded | WorkChanged | ConversationRead | AgentEvent)
        expected = Delivery.NOTHING if inside or not hasattr(event, "conversation_id") else Delivery.EVENT
        assert delivery_to_visitor(visitor, event, CONTACT) is expected
        assert delivery_to_visitor(visitor, event, ME) is Delivery.NOTHING
        assert delivery_to_visitor(visitor, event, None) is Delivery.NOTHING
