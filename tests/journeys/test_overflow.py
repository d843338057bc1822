"""A customer whom nobody serves is told so, goes on waiting elsewhere, and gives up: all of it by a running worker."""

import asyncio
from collections.abc import Callable
from typing import Any

from tests.journeys.floor import Agent, Floor

WAIT_SECONDS = 15
WORDS = {"en": "It takes a little longer.", "zh-CN": "请您稍候。"}


async def work_where(lead: Agent, conversation_id: str, holds: Callable[[Any], bool]) -> dict[str, Any]:
    """Once the lead may see the conversation and its work is so."""
    async with asyncio.timeout(WAIT_SECONDS):
        while True:
            answer = await lead.client.get(f"/v1/conversations/{conversation_id}/explain")
            if answer.status_code == 200 and holds(answer.json()["work"]):
                return dict(answer.json())
            await asyncio.sleep(0.05)  # by time; no event is told to an API client without a socket


async def test_a_customer_is_told_moved_on_and_gives_up(floor: Floor) -> None:
    desk, other = await floor.desk("lin"), await floor.desk("lin")
    lead, there = await floor.agent(desk, "lin"), await floor.agent(other, "lin")
    queue = await lead.get(f"/v1/queues/{desk.queue_id}")
    overflow = [
        {"when": {"age_over_seconds": 1}, "do": {"message": WORDS}},
        {"when": {"age_over_seconds": 2}, "do": {"queue": str(other.queue_id)}},
    ]
    body = {key: value for key, value in queue.items() if key not in ("id", "version", "synthetic")}
    saved = await lead.client.put(f"/v1/queues/{desk.queue_id}", json=body | {"overflow": overflow})
    assert saved.status_code == 200, saved.text
    customer = await floor.customer(desk, language="zh-CN")
    conversation_id = await customer.write("您好")

    explained = await work_where(there, conversation_id, lambda work: bool(work))
    done = [one["outcome"] for one in explained["decisions"] if one["outcome"] != "unroutable"]
    assert done == ["overflowed", "told"]
    assert explained["work"]["queue_id"] == str(other.queue_id)
    assert WORDS["zh-CN"] in await customer.bodies()

    await customer.post("/v1/widget/end", {})
    await work_where(there, conversation_id, lambda work: work is None)
    await customer.write("还在吗？")
    anew = await work_where(there, conversation_id, lambda work: bool(work))
    assert (anew["work"]["queue_id"], anew["work"]["state"]) == (str(other.queue_id), "queued")
    assert anew["work"]["ready_at"] > explained["work"]["ready_at"]
