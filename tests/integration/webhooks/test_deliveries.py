"""From an event to a receiver: signed, tried again, in order where asked, and nobody at another's cost."""

import asyncio
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from app.core.act import Act
from app.core.due_rows import DueRowRunner
from app.events.catalogue import EVENTS
from app.events.conversations import ConversationRead
from app.events.customers import CustomerUpdated
from app.events.event import Event
from app.events.sla import SlaBreached
from app.webhooks.attempts import BREAKER_FAILURES, FAILING_MAX, PROBE_SECONDS, SCHEDULE_SECONDS
from app.webhooks.service import administration, turns
from tests.integration.webhooks.world import World, client_of
from tests.receivers import WAIT_SECONDS, Receiver, Sent, receiving

DAY = 86_400
# Every instant in an event has its zone.
st.register_type_strategy(datetime, st.datetimes(timezones=st.just(UTC)))


def updated() -> CustomerUpdated:
    return CustomerUpdated(customer_id=uuid4(), fields=("language",))


async def test_an_event_comes_signed_with_its_type_its_time_and_its_payload(world: World, receiver: Receiver) -> None:
    endpoint = await world.add_endpoint(receiver.url)
    event, at = updated(), world.clock.now()
    await world.tell(event)
    await world.send()
    [sent] = receiver.got
    assert sent.is_signed_with(endpoint.secret)
    assert sent.json == {
        "type": "customer.updated",
        "timestamp": at.isoformat(),
        "data": event.model_dump(mode="json"),
    }
    [stored] = await world.execute("SELECT event_uuid FROM event WHERE type = 'customer.updated'")
    assert sent.id == str(stored.event_uuid)
    assert int(sent.headers["webhook-timestamp"]) == int(at.timestamp())
    [delivery] = await world.deliveries()
    assert (delivery.state, delivery.tries, delivery.last_status) == ("delivered", 1, 204)
    assert (await world.endpoint(endpoint.id)).run_at is None


async def test_an_endpoint_hears_what_it_listens_to_and_what_names_it(world: World, receiver: Receiver) -> None:
    listens = await world.add_endpoint(receiver.url, name="crm", types=("customer.updated",))
    named = await world.add_endpoint(receiver.url, name="pager", types=())
    at = world.clock.now()
    breached = SlaBreached(
        conversation_id=uuid4(),
        clock_id=uuid4(),
        metric="first_reply",
        seq=1,
        due_at=at,
        detected_at=at,
        breached_at=at,
        endpoints=("pager", "nobody"),
    )
    await world.tell(updated(), breached)
    assert [each.event_type for each in await world.deliveries(listens.id)] == ["customer.updated"]
    assert [each.event_type for each in await world.deliveries(named.id)] == ["sla.breached"]


@settings(max_examples=1, phases=[Phase.generate], suppress_health_check=list(HealthCheck), deadline=None)
@given(events=st.tuples(*(st.builds(model) for model in EVENTS)))
async def test_every_event_there_is_comes_as_the_document_of_messages_says(
    world: World, receiver: Receiver, events: tuple[Event, ...]
) -> None:
    """The receiver judges each delivery by it."""
    await world.add_endpoint(receiver.url)
    await world.tell(*events)
    while await world.send():
        pass
    assert {sent.json["type"] for sent in receiver.got} == {model.type for model in EVENTS}


async def test_the_same_events_heard_twice_are_sent_once(world: World, receiver: Receiver) -> None:
    await world.add_endpoint(receiver.url)
    before = world.heard
    await world.tell(updated(), updated())
    world.heard = before
    await world.follow()
    await world.send()
    assert len(receiver.got) == 2


async def test_a_failure_is_tried_again_later_under_the_same_id(world: World, receiver: Receiver) -> None:
    endpoint = await world.add_endpoint(receiver.url)
    receiver.script(500)
    await world.tell(updated())
    await world.send()
    [failed] = await world.deliveries()
    assert (failed.state, failed.tries, failed.last_status, failed.last_error) == ("pending", 1, 500, "http_500")
    assert await world.send() == 0, "not before its time"
    world.clock.advance(SCHEDULE_SECONDS[1] * 1.2)
    await world.send()
    first, second = receiver.got
    assert (first.id, first.body) == (second.id, second.body)
    assert int(second.headers["webhook-timestamp"]) > int(first.headers["webhook-timestamp"])
    assert second.is_signed_with(endpoint.secret)
    assert [each.state for each in await world.deliveries()] == ["delivered"]
    assert (await world.endpoint(endpoint.id)).failures == 0


async def test_after_the_last_try_a_delivery_is_dead_and_the_endpoint_goes_on(world: World, receiver: Receiver) -> None:
    await world.add_endpoint(receiver.url)
    receiver.script(*[500] * len(SCHEDULE_SECONDS))
    await world.tell(updated())
    for seconds in (*SCHEDULE_SECONDS[1:], DAY):
        await world.send()
        world.clock.advance(max(seconds * 1.2, PROBE_SECONDS))
    assert len(receiver.got) == len(SCHEDULE_SECONDS)
    [dead] = await world.deliveries()
    assert (dead.state, dead.tries, dead.next_try_at) == ("dead", len(SCHEDULE_SECONDS), None)
    await world.tell(updated())
    await world.send()
    assert [each.state for each in await world.deliveries()] == ["dead", "delivered"]


async def test_gone_disables_the_endpoint_and_nothing_more_is_sent(world: World, receiver: Receiver) -> None:
    endpoint = await world.add_endpoint(receiver.url)
    receiver.script(410)
    await world.tell(updated())
    await world.send()
    await world.tell(updated())
    world.clock.advance(DAY)
    await world.send()
    assert len(receiver.got) == 1
    stored = await world.endpoint(endpoint.id)
    assert (stored.enabled, stored.disabled_reason, stored.run_at) == (False, "gone", None)
    told = await world.told("webhook.endpoint_disabled")
    assert told == [{"endpoint_id": str(endpoint.id), "reason": "gone"}]


async def test_a_redirect_is_a_failure_and_is_not_followed(world: World, receiver: Receiver) -> None:
    async with receiving() as elsewhere:
        await world.add_endpoint(receiver.url)
        receiver.answers.append((307, {"Location": elsewhere.url}))
        await world.tell(updated())
        await world.send()
        assert elsewhere.got == []
    [failed] = await world.deliveries()
    assert (failed.state, failed.last_status, failed.last_error) == ("pending", 307, "redirected")


async def test_who_answers_too_late_has_not_answered(
    world: World, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.webhooks.delivery_client.TIMEOUT_SECONDS", 0.2)
    await world.add_endpoint(receiver.url)
    receiver.hold.clear()
    await world.tell(updated())
    await world.send()
    [failed] = await world.deliveries()
    assert (failed.last_status, failed.last_error) == (None, "timeout")


async def test_nobody_listening_is_a_failure_to_connect(world: World) -> None:
    async with receiving() as closed:
        url = closed.url
    await world.add_endpoint(url)
    await world.tell(updated())
    await world.send()
    assert [each.last_error for each in await world.deliveries()] == ["connect_failed"]


@pytest.mark.parametrize("as_date", [False, True])
async def test_retry_after_is_honoured_for_the_whole_endpoint_and_costs_the_others_no_try(
    world: World, receiver: Receiver, as_date: bool
) -> None:
    await world.add_endpoint(receiver.url)
    until = format_datetime(world.clock.now() + timedelta(seconds=601), usegmt=False)
    receiver.answers.append((429, {"Retry-After": until if as_date else "601"}))
    await world.tell(updated())
    await world.send()
    await world.tell(updated())
    world.clock.advance(590)
    assert await world.send() == 0
    world.clock.advance(20)
    await world.send()
    assert len(receiver.got) == 3
    assert sorted(each.tries for each in await world.deliveries()) == [1, 2]


async def test_what_was_sent_but_not_recorded_is_sent_again_under_the_same_id(world: World, receiver: Receiver) -> None:
    endpoint = await world.add_endpoint(receiver.url)
    await world.tell(updated())
    act = Act(world.clock.now(), "tests")
    key = world.settings.secret_key.get_secret_value()
    await turns.take_turn(world.database, act, endpoint.id, client=world.client, secret_key=key)  # and crashes here
    await world.send()
    first, second = receiver.got
    assert first.id == second.id
    assert [(each.state, each.tries) for each in await world.deliveries()] == [("delivered", 1)]


async def test_an_ordered_endpoint_gets_each_keys_events_one_after_the_other(world: World, receiver: Receiver) -> None:
    await world.add_endpoint(receiver.url, ordered=True)
    ada, bob = uuid4(), uuid4()
    events = [CustomerUpdated(customer_id=who, fields=(str(n),)) for n in range(5) for who in (ada, bob)]
    in_flight: set[str] = set()
    together: list[str] = []

    async def watch(sent: Sent) -> None:
        key = sent.json["data"]["customer_id"]
        together.extend({key} & in_flight)
        in_flight.add(key)
        for _ in range(20):
            await asyncio.sleep(0)
        in_flight.discard(key)

    receiver.on_request = watch
    receiver.script(500)
    await world.tell(*events)
    await world.send()
    held = str(receiver.got[0].json["data"]["customer_id"])
    got = [each.json["data"] for each in receiver.got[1:]]
    assert [each["fields"] for each in got if each["customer_id"] != held] == [[str(n)] for n in range(5)]
    assert [each for each in got if each["customer_id"] == held] == [], "what failed holds its own key back"
    world.clock.advance(6)
    await world.send()
    again = [each.json["data"] for each in receiver.got[6:]]
    assert [each["fields"] for each in again] == [[str(n)] for n in range(5)]
    assert together == [], "one in flight for each key"


async def test_after_the_last_try_the_order_goes_on_without_it(world: World, receiver: Receiver) -> None:
    await world.add_endpoint(receiver.url, ordered=True)
    ada = uuid4()
    await world.tell(*[CustomerUpdated(customer_id=ada, fields=(str(n),)) for n in range(2)])
    await world.execute(
        "UPDATE webhook_delivery SET tries = 9 WHERE position = (SELECT min(position) FROM webhook_delivery)"
    )
    receiver.script(500)
    await world.send()
    assert [each.json["data"]["fields"] for each in receiver.got] == [["0"], ["1"]]
    assert [each.state for each in await world.deliveries()] == ["dead", "delivered"]


async def test_ten_failures_in_a_row_leave_one_probe_a_minute_and_the_rest_keep_their_tries(
    world: World, receiver: Receiver
) -> None:
    endpoint = await world.add_endpoint(receiver.url)
    receiver.always = (500, {})
    await world.tell(*[updated() for _ in range(300)])
    await world.send()
    assert len(receiver.got) == BREAKER_FAILURES
    assert await world.send() == 0
    for probe in range(1, 4):
        world.clock.advance(PROBE_SECONDS + 1)
        await world.send()
        assert len(receiver.got) == BREAKER_FAILURES + probe
    untouched = [each for each in await world.deliveries() if each.tries == 0]
    assert len(untouched) >= 300 - BREAKER_FAILURES - 3
    receiver.always = (204, {})
    world.clock.advance(PROBE_SECONDS + 1)
    await world.send()
    world.clock.advance(600)
    await world.send()
    assert {each.state for each in await world.deliveries()} == {"delivered"}
    assert (await world.endpoint(endpoint.id)).failures == 0


async def test_five_days_of_failures_disable_an_endpoint_and_enabling_it_sends_what_waited(
    world: World, receiver: Receiver
) -> None:
    endpoint = await world.add_endpoint(receiver.url)
    receiver.script(500, 500)
    await world.tell(updated())
    await world.send()
    world.clock.advance(FAILING_MAX.total_seconds() + PROBE_SECONDS)
    await world.send()
    assert (await world.endpoint(endpoint.id)).disabled_reason == "failing"
    async with world.database.transaction() as session:
        patch = administration.EndpointPatch(enabled=True)
        await administration.update_endpoint(
            session, world.act, patch, endpoint_id=endpoint.id, version=None, settings=world.settings
        )
    world.clock.advance(600)
    await world.send()
    assert (await world.deliveries())[0].state == "delivered"


async def test_during_a_rotation_both_secrets_sign_and_after_a_day_only_the_new_one(
    world: World, receiver: Receiver
) -> None:
    old = await world.add_endpoint(receiver.url, types=("customer.updated",))
    async with world.database.transaction() as session:
        new = await administration.rotate_secret(
            session, world.act, endpoint_id=old.id, version=old.version, settings=world.settings
        )
    await world.tell(updated())
    await world.send()
    world.clock.advance(DAY)
    await world.tell(updated())
    await world.send()
    during, after = receiver.got
    assert during.is_signed_with(old.secret)
    assert during.is_signed_with(new.secret)
    assert (after.is_signed_with(old.secret), after.is_signed_with(new.secret)) == (False, True)


async def test_an_endpoint_that_does_not_answer_keeps_no_other_waiting(world: World, receiver: Receiver) -> None:
    async with receiving() as silent:
        silent.hold.clear()
        await world.add_endpoint(silent.url, name="silent")
        await world.add_endpoint(receiver.url, name="quick")
        runner = asyncio.create_task(DueRowRunner(world.database, world.clock, [world.table]).run())
        try:
            await world.tell(*[updated() for _ in range(100)])
            await silent.wait_for(turns.SENT_AT_ONCE)
            await receiver.wait_for(100)
            await world.tell(updated())
            await receiver.wait_for(101)
            assert len(silent.got) == turns.SENT_AT_ONCE
        finally:
            runner.cancel()
            await asyncio.gather(runner, return_exceptions=True)
    held = await world.execute("SELECT 1 FROM webhook_endpoint WHERE leased_until IS NOT NULL")
    assert held == [], "who is told to end gives its leases back"


async def test_an_address_that_is_not_public_is_not_connected_to(world: World, receiver: Receiver) -> None:
    await world.add_endpoint(receiver.url)
    await world.client.close()
    world.client = client_of("")
    await world.tell(updated())
    await world.send()
    assert receiver.got == []
    assert [each.last_error for each in await world.deliveries()] == ["destination_refused"]


async def test_what_a_probe_does_is_nobodys_to_hear(world: World, receiver: Receiver) -> None:
    await world.add_endpoint(receiver.url, types=("conversation.read",))
    real, synthetic = [await world.add_conversation(synthetic=each) for each in (False, True)]
    agent_id = uuid4()
    await world.tell(
        *[ConversationRead(conversation_id=each, agent_id=agent_id, sequence=1) for each in (synthetic, real)]
    )
    await world.send()
    assert [each.json["data"]["conversation_id"] for each in receiver.got] == [str(real)]


async def test_more_than_may_wait_for_an_endpoint_that_fails_disables_it(
    world: World, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "BACKLOG_MAX", 50)
    endpoint = await world.add_endpoint(receiver.url)
    await world.tell(*[updated() for _ in range(60)])
    await world.send()
    assert (await world.endpoint(endpoint.id)).enabled, "one that answers may have any number"
    receiver.always = (500, {})
    await world.tell(*[updated() for _ in range(60)])
    await world.send()
    assert (await world.endpoint(endpoint.id)).disabled_reason == "backlog"


async def test_two_workers_send_each_event_once(world: World, receiver: Receiver) -> None:
    for name in ("crm", "pager", "board"):
        await world.add_endpoint(receiver.url, name=name, types=("customer.updated",))
    runners = [DueRowRunner(world.database, world.clock, [world.table]) for _ in range(2)]
    running = [asyncio.create_task(runner.run()) for runner in runners]
    try:
        await world.tell(*[updated() for _ in range(40)])
        await receiver.wait_for(120)
        async with asyncio.timeout(WAIT_SECONDS):
            while any(each.state != "delivered" for each in await world.deliveries()):
                world.clock.advance(0.01)
                await asyncio.sleep(0.05)  # another task records it: nothing to await but time
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
    assert len(receiver.got) == 120
    assert len({each.id for each in receiver.got}) == 40


async def test_a_deleted_endpoint_gets_nothing_more_and_its_log_stays(world: World, receiver: Receiver) -> None:
    endpoint = await world.add_endpoint(receiver.url)
    await world.tell(updated())
    async with world.database.transaction() as session:
        await administration.delete_endpoint(session, world.act, endpoint_id=endpoint.id, version=None)
    await world.tell(updated())
    await world.send()
    assert receiver.got == []
    assert [each.state for each in await world.deliveries()] == ["pending"]
