"""`switchboard explain`: the stored decisions and the present state, in words, by the same service as the API."""

import json
from typing import Any
from uuid import UUID, uuid4

import pytest
from typer.testing import CliRunner

from app.cli import cli
from app.ops import explain
from app.routing.service import presences, views
from tests.clocks import ManualClock
from tests.integration.routing.world import Routed, World, principal_of


async def named(world: World, name: str, **options: Any) -> UUID:
    agent = await world.add_agent(**options)
    await world.execute("UPDATE agent SET name = :name WHERE id = :id", name=name, id=agent)
    return agent


async def tell(world: World, capsys: pytest.CaptureFixture[str], conversation: UUID, **options: Any) -> str:
    told = {"language": "en", "timezone": "UTC", "as_json": False} | options
    capsys.readouterr()  # what the router logged before
    assert await explain.run(world.database.url, conversation, **told) == 0
    return capsys.readouterr().out


async def test_a_supervisor_reads_who_was_chosen_by_which_rule_and_who_could_not(
    world: World, routed: Routed, capsys: pytest.CaptureFixture[str]
) -> None:
    await named(world, "Chen", languages=("zh",))
    await named(world, "Dora", languages=("en",))
    await named(world, "Emil", member=False)
    await named(world, "Fang", languages=("zh",), ready=False)
    conversation = await world.add_waiting(language="zh-CN")
    await routed()
    told = await tell(world, capsys, conversation)
    assert "being offered, agent: Chen" in told
    assert "Whoever takes it needs: the customer's language (zh)" in told
    assert "Offered to Chen: nobody else could take it." in told
    assert "policy best fit, version 1 · the queue's own demands · load 0 → 25 of 100" in told
    assert "1. Chen  Chosen: the only one" in told
    assert "Who could not: 1 Not in this queue · 1 A skill or language is missing · 1 Not ready" in told
    assert "It does not wait now" in told


async def test_waiting_work_is_told_with_the_names_behind_each_rule_as_they_are_now(
    world: World, routed: Routed, clock: ManualClock, capsys: pytest.CaptureFixture[str]
) -> None:
    agents = {name: await named(world, name) for name in ("Anna", "Bert")}
    await named(world, "Emil", member=False)
    for _ in range(9):
        clock.advance(0.01)
        conversation = await world.add_waiting()
    await routed()
    told = await tell(world, capsys, conversation)
    assert "It waits: everybody who could take it is busy." in told
    assert "from the present state, not from a stored decision" in told
    assert "It would wait: nobody can take it." in told
    assert "Not in this queue (1): Emil" in told
    assert "No capacity left (2): Anna, Bert" in told
    clock.advance(1)
    await world.run(presences.set_presence, agent_id=agents["Anna"], readiness="not_ready", reason="break")
    await world.execute("UPDATE agent_ledger SET capacity_units = 200 WHERE agent_id = :id", id=agents["Bert"])
    told = await tell(world, capsys, conversation)
    assert "It would go to Bert; 1 agent could take it." in told
    assert "Not ready or not connected (1): Anna" in told
    chinese = await tell(world, capsys, conversation, language="zh-CN")
    assert "将分配给Bert" in chinese
    assert "不属于该队列（1 人）：Emil" in chinese


async def test_the_document_is_the_answer_of_the_api_with_the_names_it_speaks_of(
    world: World, routed: Routed, clock: ManualClock, capsys: pytest.CaptureFixture[str]
) -> None:
    agent = await named(world, "Anna")
    conversation = await world.add_waiting()
    await routed()
    told = json.loads(await tell(world, capsys, conversation, as_json=True))
    assert told.pop("agent_names") == {str(agent): "Anna"}
    async with world.database.transaction() as session:
        answer = await views.explain(session, principal_of(agent), conversation_id=conversation, at=clock.now())
    assert told == answer.model_dump(mode="json")


async def test_every_agent_stands_under_exactly_one_rule_and_the_counts_agree_with_the_trace(
    world: World, clock: ManualClock
) -> None:
    await named(world, "Anna")
    await named(world, "Bert", languages=("zh",))
    await named(world, "Carl", ready=False)
    await named(world, "Emil", member=False)
    conversation = await world.add_waiting(language="en")
    async with world.database.transaction() as session:
        explanation = await views.explain(
            session, principal_of(world.account_id), conversation_id=conversation, at=clock.now()
        )
    assert explanation.now is not None
    kept = {one.rule: one.count for one in explanation.now.kept_out}
    assert kept == {"not_member": 1, "lacks_requirement": 1, "not_routable": 1}
    assert (explanation.now.eligible, explanation.now.decided_by) == (1, "only_candidate")


async def test_an_unknown_conversation_is_said_in_one_sentence_with_exit_code_2(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = uuid4()
    assert await explain.run(world.database.url, missing, language="en", timezone="UTC", as_json=True) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert f"There is no conversation {missing}." in captured.err


@pytest.mark.parametrize(
    ("arguments", "said"), [(["17"], "is no conversation's id"), (["17", "--language", "fr"], "fr")]
)
def test_what_cannot_be_read_ends_with_exit_code_2(arguments: list[str], said: str) -> None:
    answer = CliRunner().invoke(cli, ["explain", *arguments])
    assert (answer.exit_code, answer.stdout) == (2, "")
    assert said in answer.stderr
