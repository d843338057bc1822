"""What every bus must do. A further implementation joins by an entry in IMPLEMENTATIONS."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import asyncpg
import pytest

from app.core.bus import PAYLOAD_MAX_BYTES, PENDING_MAX, Bus, BusPayloadTooLarge, PostgresBus
from app.core.nats_bus import NatsBus
from tests.nats_server import NatsServer, nats_server

WAIT_SECONDS = 15
# Each is given its server's address, by the fixture of that name.
IMPLEMENTATIONS: dict[str, Callable[[str], Bus]] = {
    "database_url": PostgresBus,
    "nats_url": lambda url: NatsBus(url, namespace="one"),
}


@pytest.fixture(scope="module")
def nats() -> Iterator[NatsServer]:
    with nats_server() as server:
        yield server


@pytest.fixture
def nats_url(nats: NatsServer) -> str:
    return nats.url


@pytest.fixture(params=sorted(IMPLEMENTATIONS))
def new_bus(request: pytest.FixtureRequest) -> Callable[[], Bus]:
    address = request.getfixturevalue(request.param)
    return lambda: IMPLEMENTATIONS[request.param](address)


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


async def test_of_nudges_with_something_to_say_the_last_one_counts(new_bus):
    bus = new_bus()
    ear = Ear(bus, "log")
    async with started(bus):
        for position in range(500):
            bus.nudge("log", {"position": position})
        heard = await ear.until({"position": 499})
        assert len(heard) < 10
        with pytest.raises(BusPayloadTooLarge):
            bus.nudge("log", {"x": "a" * PAYLOAD_MAX_BYTES})


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


async def test_installations_that_share_a_nats_do_not_hear_one_another(nats_url):
    ours, theirs = NatsBus(nats_url, namespace="ours"), NatsBus(nats_url, namespace="theirs")
    ears = [Ear(ours, "log"), Ear(theirs, "log")]
    async with started(ours, theirs):
        await ours.publish("log", {"position": 1})
        await theirs.publish("log", {"position": 2})
        assert [await ear.next() for ear in ears] == [{"position": 1}, {"position": 2}]


async def test_the_nats_bus_keeps_what_it_was_given_while_the_server_was_away():
    with nats_server() as server:
        bus = NatsBus(server.url, namespace="one")
        ear = Ear(bus, "signal")
        async with started(bus):
            for number in range(3):
                await bus.publish("signal", {"before": number})
                assert await ear.next() == {"before": number}
                await asyncio.to_thread(server.kill)
                await bus.publish("signal", {"while": number})
                await asyncio.to_thread(server.start)
                # The first message after the loss may be sent twice, but none of them is lost.
                assert await ear.next() == {"while": number}
                await bus.publish("signal", {"drained": number})
                assert {str(each) for each in await ear.until({"drained": number})} <= {str({"while": number})}


async def test_the_nats_bus_starts_without_a_server_and_finds_it_later():
    with nats_server() as server:
        server.kill()
        bus = NatsBus(server.url, namespace="one")
        ear = Ear(bus, "signal")
        starting = asyncio.create_task(bus.start())
        for number in range(PENDING_MAX + 1):
            await bus.publish("signal", {"number": number})
        await asyncio.to_thread(server.start)
        await starting
        assert [(await ear.next())["number"] for _ in range(PENDING_MAX)] == list(range(PENDING_MAX))
        await bus.publish("signal", {"the one too many": "was dropped"})
        assert await ear.next() == {"the one too many": "was dropped"}
        await bus.close()


async def test_of_several_servers_the_one_that_lives_is_found():
    with nats_server() as dead, nats_server() as living:
        dead.kill()
        bus = NatsBus(f"{dead.url}, {living.url}", namespace="one")
        ear = Ear(bus, "signal")
        async with started(bus):
            await bus.publish("signal", {"number": 1})
            assert await ear.next() == {"number": 1}
