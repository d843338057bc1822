"""What every bus must do. A further implementation joins by an entry in IMPLEMENTATIONS."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import asyncpg
import pytest

from app.core.bus import PAYLOAD_MAX_BYTES, Bus, BusPayloadTooLarge, PostgresBus

WAIT_SECONDS = 15
IMPLEMENTATIONS: dict[str, Callable[[str], Bus]] = {"postgres": PostgresBus}


@pytest.fixture(params=sorted(IMPLEMENTATIONS))
def new_bus(request: pytest.FixtureRequest, database_url: str) -> Callable[[], Bus]:
    return lambda: IMPLEMENTATIONS[request.param](database_url)


class Ear:
    """Subscribes to channels of a bus and waits for what arrives."""

    def __init__(self, bus: Bus, *channels: str) -> None:
        self.heard: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        for channel in channels:
            bus.subscribe(channel, self.heard.put_nowait)

    async def next(self) -> dict[str, Any]:
        async with asyncio.timeout(WAIT_SECONDS):
            return await self.heard.get()

    async def until(self, message: dict[str, Any]) -> list[dict[str, Any]]:
        """Everything up to `message`, without it."""
        heard = []
        while (said := await self.next()) != message:
            heard.append(said)
        return heard


@asynccontextmanager
async def started(*buses: Bus) -> AsyncIterator[None]:
    async with AsyncExitStack() as stack:
        for bus in buses:
            await bus.start()
            stack.push_async_callback(bus.close)
        yield


async def test_every_process_hears_a_message_the_sender_too(new_bus):
    sender, other = new_bus(), new_bus()
    ears = [Ear(sender, "signal"), Ear(other, "signal")]
    async with started(sender, other):
        await sender.publish("signal", {"name": "输入", "on": True})
        for ear in ears:
            assert await ear.next() == {"name": "输入", "on": True}


async def test_messages_of_one_sender_arrive_in_order(new_bus):
    bus = new_bus()
    ear = Ear(bus, "signal")
    async with started(bus):
        for number in range(3_000):
            await bus.publish("signal", {"number": number})
        assert [(await ear.next())["number"] for _ in range(3_000)] == list(range(3_000))


async def test_channels_are_kept_apart(new_bus):
    bus = new_bus()
    ear = Ear(bus, "session")
    async with started(bus):
        await bus.publish("signal", {"not": "ours"})
        await bus.publish("session", {"is": "ours"})
        assert await ear.next() == {"is": "ours"}


async def test_many_nudges_are_few_messages_and_at_least_one(new_bus):
    bus = new_bus()
    ear = Ear(bus, "wake")
    async with started(bus):
        for _ in range(500):
            bus.nudge("wake")
        await bus.publish("wake", {"end": True})
        assert 1 <= len(await ear.until({"end": True})) < 10
        bus.nudge("wake")
        assert await ear.next() == {}


async def test_one_can_subscribe_after_the_start(new_bus):
    bus = new_bus()
    async with started(bus):
        ear = Ear(bus, "signal")
        heard = asyncio.create_task(ear.next())
        number = 0
        while not heard.done():  # until the bus has told its server
            number += 1
            await bus.publish("signal", {"number": number})
            await asyncio.wait([heard], timeout=0.05)
        assert heard.result()["number"] <= number


async def test_the_largest_payload_passes_and_a_larger_one_is_refused(new_bus):
    bus = new_bus()
    ear = Ear(bus, "signal")
    largest = {"x": "a" * (PAYLOAD_MAX_BYTES - len('{"x":""}'))}
    async with started(bus):
        await bus.publish("signal", largest)
        assert await ear.next() == largest
        with pytest.raises(BusPayloadTooLarge) as refused:
            await bus.publish("signal", {"x": largest["x"] + "a"})
    assert refused.value.code == "bus_payload_too_large"


async def test_a_handler_that_raises_does_not_deafen_the_others(new_bus):
    bus = new_bus()

    def raise_always(payload: dict[str, Any]) -> None:
        raise ValueError(payload)

    bus.subscribe("signal", raise_always)
    ear = Ear(bus, "signal")
    async with started(bus):
        await bus.publish("signal", {"number": 1})
        await bus.publish("signal", {"number": 2})
        assert await ear.next() == {"number": 1}
        assert await ear.next() == {"number": 2}


async def test_closing_sends_what_waits(new_bus):
    sender, other = new_bus(), new_bus()
    ear = Ear(other, "signal")
    async with started(other):
        await sender.start()
        await sender.publish("signal", {"last": "words"})
        await sender.close()
        assert await ear.next() == {"last": "words"}


async def test_the_postgres_bus_survives_the_loss_of_its_connections(database_url, postgres):
    bus = PostgresBus(database_url)
    ear = Ear(bus, "signal")
    connection = await asyncpg.connect(database_url)
    async with started(bus):
        for number in range(3):
            await bus.publish("signal", {"before": number})
            assert await ear.next() == {"before": number}
            await connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND application_name LIKE 'switchboard-bus-%'"
            )
            heard_again = asyncio.create_task(ear.until({"after": number}))
            while not heard_again.done():
                await bus.publish("signal", {"after": number})
                await asyncio.wait([heard_again], timeout=0.05)
            while not ear.heard.empty():
                ear.heard.get_nowait()
            await bus.publish("signal", {"drained": number})
            await ear.until({"drained": number})
    await connection.close()
