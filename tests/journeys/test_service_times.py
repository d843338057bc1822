"""What a customer was promised, from the first message to the breach and beyond, over real servers and sockets."""

import asyncio
import json
import sys
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from app.core import event_log
from app.core.act import system_act
from app.core.clock import DatabaseClock
from app.events.conversations import MessageReceived
from tests.journeys.floor import Agent, Desk, Floor
from tests.journeys.promises import PATIENCE_SECONDS, accept, at, at_desk, clock_told, clocks_of, promise, told


async def test_a_chat_nobody_answers_goes_to_the_lead_and_to_another_agent(floor: Floor) -> None:
    desk = await floor.desk("anna", "chen", "lin")
    lead, anna, chen = [await floor.agent(desk, name) for name in ("lin", "anna", "chen")]
    await promise(
        lead,
        desk,
        targets=[{"metric": "first_reply", "seconds": 5}],
        thresholds=[{"breach": True, "actions": [{"do": "notify", "to": "lead"}, {"do": "requeue"}]}],
        ladders={"hierarchical": [{"after_seconds": 0, "lead": True}]},
    )
    async with (
        at_desk(floor, lead) as leads,
        at_desk(floor, anna, ready=True) as first,
        at_desk(floor, chen) as second,
    ):
        conversation_id = await (await floor.customer(desk)).write("my teapot leaks")
        await accept(first, conversation_id)
        lunch = {"readiness": "not_ready", "reason": "lunch"}
        await first.command("presence.set", lunch, timeout=PATIENCE_SECONDS)
        await second.command("presence.set", {"readiness": "ready"}, timeout=PATIENCE_SECONDS)

        breach = await told(leads, "sla.breached", conversation_id, metric="first_reply")
        assert breach["breached_at"] == breach["due_at"] <= breach["detected_at"]
        assert breach["actions"] == ["notify_lead", "requeue"]
        assert breach["to_agent_ids"] == [str(desk.ids["lin"])]
        escalated = await told(leads, "sla.escalated", conversation_id, metric="first_reply")
        assert (escalated["ladder"], escalated["to_agent_ids"]) == ("hierarchical", [str(desk.ids["lin"])])
        await lead.post(f"/v1/sla/escalations/{escalated['escalation_id']}/accept", {})
        await told(leads, "sla.escalation_accepted", conversation_id, accepted_by=str(desk.ids["lin"]))
        freed = await told(leads, "conversation.rights_changed", conversation_id, reason="released")
        assert (freed["before"]["owner_id"], freed["after"]["owner_id"]) == (str(desk.ids["anna"]), None)

        await accept(second, conversation_id)
        await chen.reply(conversation_id, "I am on it.")
        late = await clock_told(leads, conversation_id, "first_reply", "met_late")
        assert late["breached_at"] == breach["breached_at"]
        await told(leads, "sla.escalation_ended", conversation_id, ladder="hierarchical", reason="met")
        assert (await lead.get(f"/v1/conversations/{conversation_id}"))["owner"]["id"] == str(desk.ids["chen"])


async def test_the_owner_stays_owner_until_an_expert_of_another_team_accepts(floor: Floor) -> None:
    desk, experts = await floor.desk("anna", "lin"), await floor.desk("chen")
    lead, expert = await floor.agent(desk, "lin"), await floor.agent(experts, "chen")
    chen_id = str(experts.ids["chen"])
    await promise(
        lead,
        desk,
        targets=[{"metric": "first_reply", "seconds": 2}],
        ladders={
            "functional": [{"after_seconds": 0, "agent_id": chen_id}, {"after_seconds": 600, "lead": True}],
            "hierarchical": [{"after_seconds": 0, "lead": True}],
        },
    )
    conversation_id = await (await floor.customer(desk)).write("is the glaze free of lead?")
    await lead.assign(conversation_id, desk.ids["anna"])
    async with at_desk(floor, lead) as leads, at_desk(floor, expert) as theirs:
        asked = await told(theirs, "sla.escalated", conversation_id, ladder="functional")
        assert (asked["step"], asked["to_agent_ids"]) == (1, [chen_id])
        assert (await lead.get(f"/v1/conversations/{conversation_id}"))["owner"]["id"] == str(desk.ids["anna"])
        assert (await expert.client.get(f"/v1/conversations/{conversation_id}")).status_code == 404

        accepting = f"/v1/sla/escalations/{asked['escalation_id']}/accept"
        accepted = await expert.post(accepting, {})
        again = await expert.post(accepting, {})
        assert (again["accepted_by"], again["accepted_at"]) == (chen_id, accepted["accepted_at"])
        handed = await told(theirs, "conversation.rights_changed", conversation_id)
        assert (handed["before"]["owner_id"], handed["after"]["owner_id"]) == (str(desk.ids["anna"]), chen_id)
        await expert.reply(conversation_id, "It is.")
        ended = await told(leads, "sla.escalation_ended", conversation_id, ladder="hierarchical")
        assert (ended["reason"], ended["step"]) == ("met", 1)
        assert await lead.get("/v1/sla/escalations") == {"items": [], "next_cursor": None}


async def test_pending_pauses_and_the_customers_answer_resumes_at_its_own_time(floor: Floor) -> None:
    desk = await floor.desk("lin")
    lead = await floor.agent(desk, "lin")
    await promise(lead, desk, targets=[{"metric": "requester_wait", "seconds": 3600}])
    async with at_desk(floor, lead) as socket:
        customer = await floor.customer(desk)
        conversation_id = await customer.write("which size is it?")
        await clock_told(socket, conversation_id, "requester_wait", "running")
        await lead.post(f"/v1/conversations/{conversation_id}/status", {"status": "pending"})
        paused = await clock_told(socket, conversation_id, "requester_wait", "paused")
        assert paused["due_at"] is None
        before = (await clocks_of(lead, conversation_id))["requester_wait"]
        assert (before["state"], before["segments"][-1]["why"]) == ("paused", "paused")

        await customer.write("the big one")
        resumed = await clock_told(socket, conversation_id, "requester_wait", "running", nth=2)
        [*_, answer] = (await customer.get("/v1/widget/messages"))["items"]
    resumed_at = at(answer["arrived_at"])
    assert at(resumed["due_at"]) == resumed_at + timedelta(seconds=before["rest_seconds"])
    after = (await clocks_of(lead, conversation_id))["requester_wait"]
    counted_since = at(after["as_of"]) - resumed_at
    assert after["rest_seconds"] + counted_since.total_seconds() == pytest.approx(before["rest_seconds"], abs=1e-5)
    whys = [(segment["why"], segment["status"]) for segment in after["segments"]]
    assert whys == [("counted", "open"), ("paused", "pending"), ("counted", "open")]
    assert at(after["segments"][1]["end_at"]) == resumed_at


async def test_a_policy_edit_is_tried_dry_and_adopted_with_the_same_counts(floor: Floor) -> None:
    desk = await floor.desk("lin")
    lead = await floor.agent(desk, "lin")
    slow = {"targets": [{"metric": "first_reply", "seconds": 100}], "thresholds": [{"percent": 2}]}
    policy = await promise(lead, desk, name=f"Edited {desk.number}", **slow)
    async with at_desk(floor, lead) as socket:
        conversations = [await (await floor.customer(desk)).write(f"question {number}") for number in range(3)]
        await lead.reply(conversations[0], "answered at once")
        for conversation_id in conversations[1:]:
            await told(
                socket, "sla.warned", conversation_id, metric="first_reply"
            )  # two of a hundred seconds have passed
        opened = [(await lead.get(f"/v1/conversations/{one}"))["opened_at"] for one in conversations]

        strict = policy["body"] | {"targets": [{"metric": "first_reply", "seconds": 1}], "thresholds": []}
        window = {"opened_from": min(opened), "opened_to": (at(max(opened)) + timedelta(hours=1)).isoformat()}
        trial = await lead.post(
            "/v1/sla/policies/trial", {"body": strict, "replaces_policy_id": policy["id"], **window}
        )
        [line] = [line for line in trial["lines"] if line["metric"] == "first_reply"]
        assert (trial["conversations"], line["before"]) == (3, {"running": 2, "met": 1})
        assert line["after"]["breached"] == 2
        assert await states(lead, conversations) == Counter(line["before"])

        edit = {"name": policy["name"], "body": strict}
        answer = await lead.client.put(f"/v1/sla/policies/{policy['id']}", json=edit)
        assert answer.json()["version"] == 2
        assert await adopt(lead, dry_run=True) == 3
        assert await states(lead, conversations) == Counter(line["before"])
        assert await adopt(lead, dry_run=False) == 3
        assert await states(lead, conversations) == Counter(line["after"])
        assert await adopt(lead, dry_run=True) == 0
        for conversation_id in conversations[1:]:
            breach = await told(socket, "sla.breached", conversation_id, metric="first_reply")
            assert at(breach["breached_at"]) < at(breach["detected_at"])


async def states(lead: Agent, conversations: list[str]) -> Counter[str]:
    return Counter([(await clocks_of(lead, one))["first_reply"]["state"] for one in conversations])


async def adopt(lead: Agent, *, dry_run: bool) -> int:
    """How many conversations an adoption of everything changed, or would."""
    changed, after = 0, None
    while True:
        page = await lead.post("/v1/sla/adoption", {"dry_run": dry_run, "after": after})
        changed, after = changed + page["changed"], page["next_after"]
        if after is None:
            return int(changed)


SHANGHAI_OFFICE = {
    "timezone": "Asia/Shanghai",
    "weekly": {day: ["08:30-12:00", "13:30-17:30"] for day in ("mon", "tue", "wed", "thu", "fri")},
    "country": "CN",
}


@pytest.mark.parametrize(
    ("written_at", "hours", "due_at"),
    [
        # The eve of Golden Week: half an hour is left of Wednesday, the next working day is Thursday the 8th.
        ("2026-09-30T17:00+08:00", 8, "2026-10-08T17:30+08:00"),
        # Saturday the 10th is worked to make up for it.
        ("2026-10-09T17:00+08:00", 1, "2026-10-10T09:00+08:00"),
        # The Saturday after is a Saturday.
        ("2026-10-16T17:00+08:00", 1, "2026-10-19T09:00+08:00"),
    ],
)
async def test_golden_week_and_its_make_up_saturday_in_shanghai(
    floor: Floor, tmp_path: Path, written_at: str, hours: int, due_at: str
) -> None:
    desk = await floor.desk("lin")
    lead = await floor.agent(desk, "lin")
    calendar = await lead.post("/v1/sla/calendars", {"name": f"Shanghai {desk.number}", "spec": SHANGHAI_OFFICE})
    target = {"metric": "first_reply", "seconds": hours * 3600}
    await promise(lead, desk, calendar_id=calendar["id"], targets=[target])
    async with at_desk(floor, lead) as socket:
        conversation_id = await (await floor.customer(desk)).write("国庆快乐")
        await clock_told(socket, conversation_id, "first_reply", "running")
        await record_earlier(floor, desk, conversation_id, at(written_at))
        breach = await told(socket, "sla.breached", conversation_id, metric="first_reply")
    assert at(breach["breached_at"]) == at(due_at)
    clock = (await clocks_of(lead, conversation_id))["first_reply"]
    counted = [
        (at(segment["start_at"]), at(segment["end_at"]))
        for segment in clock["segments"]
        if segment["why"] == "counted" and at(segment["start_at"]) < at(due_at)
    ]
    assert sum((min(end, at(due_at)) - start for start, end in counted), timedelta()) == timedelta(hours=hours)

    message = {"at": written_at, "type": "message", "class": "customer"}
    case = {"calendar": SHANGHAI_OFFICE, "targets": [target], "events": [message], "now": clock["as_of"]}
    [by_command] = (await ask_the_command(tmp_path, case))["clocks"]
    assert by_command["state"] == clock["state"] == "breached"
    assert at(by_command["breached_at"]) == at(clock["breached_at"])
    assert at(by_command["started_at"]) == at(clock["started_at"])
    assert by_command["elapsed_seconds"] == pytest.approx(clock["elapsed_seconds"], abs=1)


async def record_earlier(floor: Floor, desk: Desk, conversation_id: str, effective_at: datetime) -> None:
    """A message that counts before all others: what a channel that kept it back would have told."""
    act = system_act(DatabaseClock(), "journey")
    received = MessageReceived(
        conversation_id=UUID(conversation_id),
        message_id=act.new_id(),
        sequence=1,
        message_class="customer",
        channel="chat",
        channel_account_id=desk.account_id,
        provider_at=effective_at,
        arrived_at=act.now,
        effective_at=effective_at,
    )
    async with floor.database.transaction() as session:
        await event_log.append(session, act, [received])


async def ask_the_command(tmp_path: Path, case: dict[str, Any]) -> Any:
    path = tmp_path / "cases.json"
    path.write_text(json.dumps({"cases": [case]}))
    command = [sys.executable, "-m", "app.cli", "sla", str(path), "--json"]
    asked = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    output, _ = await asked.communicate()
    assert asked.returncode == 0
    return json.loads(output)["cases"][0]


@pytest.mark.parametrize("frozen", [False, True])
async def test_the_priority_that_a_breach_raised_chooses_the_policy_again(floor: Floor, frozen: bool) -> None:
    desk = await floor.desk("lin")
    lead = await floor.agent(desk, "lin")
    usual, urgent = f"Usual {desk.number}", f"Urgent {desk.number}"
    await promise(
        lead,
        desk,
        name=usual,
        priorities=(0, 1, 2, 3, 4, 5, 6),
        targets=[{"metric": "first_reply", "seconds": 2}, {"metric": "first_resolution", "seconds": 7200}],
        thresholds=[{"breach": True, "actions": [{"do": "raise_priority", "to": 7}]}],
        frozen=["first_reply"] if frozen else [],
    )
    await promise(
        lead,
        desk,
        name=urgent,
        priorities=(7,),
        targets=[{"metric": "first_reply", "seconds": 900}, {"metric": "first_resolution", "seconds": 1800}],
    )
    async with at_desk(floor, lead) as socket:
        conversation_id = await (await floor.customer(desk)).write("it is urgent")
        breach = await told(socket, "sla.breached", conversation_id, metric="first_reply")
        await told(socket, "conversation.priority_changed", conversation_id, after=7)
        await clock_told(socket, conversation_id, "first_resolution", "running", nth=2)
        clocks = await clocks_of(lead, conversation_id)
        resolution, reply = clocks["first_resolution"], clocks["first_reply"]
        # For the whole life of the conversation: counted from its beginning, not from the change.
        assert resolution["policy"] == urgent
        assert at(resolution["due_at"]) == at(resolution["started_at"]) + timedelta(seconds=1800)
        if frozen:
            assert (reply["policy"], reply["state"]) == (usual, "breached")
            assert reply["breached_at"] == breach["breached_at"]
        else:
            assert (reply["policy"], reply["state"]) == (urgent, "running")
            assert at(reply["due_at"]) == at(reply["started_at"]) + timedelta(seconds=900)
            corrected = await told(socket, "sla.corrected", conversation_id)
            assert (corrected["told_breached_at"], corrected["breached_at"]) == (breach["breached_at"], None)
