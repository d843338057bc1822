"""One trace from the widget's post to the agent's frame, over the log and two processes, at a real collector."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from app.core.database import Database
from app.ops.serve import listen
from app.ops.socket_client import ResumingSocket, websocket_url
from app.ops.supervisor import stop_all
from tests.collector import collecting
from tests.conftest import fresh_clone
from tests.journeys.processes import processes
from tests.journeys.town import begin_visitor, found, log_in, write

PATIENCE_SECONDS = 30
BODY = "the kettle leaks"
CUSTOMER = "Grace Miller"
API, WORKER = "switchboard-api", "switchboard-worker"


@pytest.fixture
async def database(postgres: str, template_database: str) -> AsyncIterator[Database]:
    async with fresh_clone(postgres, template_database) as database_url:
        opened = Database(database_url, application_name="journey", pool_size=2)
        yield opened
        await opened.close()


def free_port() -> int:
    listener = listen("127.0.0.1", 0)
    with listener:
        return int(listener.getsockname()[1])


async def test_one_trace_goes_from_the_widgets_post_over_the_log_to_the_agents_frame(
    database: Database, tmp_path: Path
) -> None:
    town = await found(database)
    async with collecting() as collector:
        # Nothing is exported before the end, so that what arrives was flushed by it.
        port = free_port()
        settings = {"SWITCHBOARD_TRACING": "on", "SWITCHBOARD_WORKER_METRICS_PORT": str(port)}
        with processes(database.url, tmp_path, **settings, **collector.environment()) as served:
            served.api.start()
            served.worker.start()
            await served.ready()
            async with httpx.AsyncClient(base_url=served.url, timeout=PATIENCE_SECONDS) as http:
                agent = await log_in(http, "bo")
                visitor = await begin_visitor(http, town.public_key, name=CUSTOMER)
                async with ResumingSocket(websocket_url(served.url, "/v1/socket"), agent) as socket:
                    await socket.live(PATIENCE_SECONDS)
                    await socket.command("presence.set", {"readiness": "ready"}, timeout=PATIENCE_SECONDS)
                    await write(http, visitor, BODY, client_id="1", **{"X-Request-Id": "journey-1"})
                    offer = await socket.wait_for(lambda: next(iter(socket.open_offers()), None), PATIENCE_SECONDS)
                in_api = (await http.get("/metrics")).text
                in_worker = (await http.get(f"http://127.0.0.1:{port}/metrics")).text
            await asyncio.to_thread(stop_all, [served.api, served.worker])

        (post,) = collector.named("POST /v1/widget/messages")
        spans = collector.of_trace(post.trace)
        places = {(each.service, each.name) for each in spans}
        assert places >= {
            (API, "intake.store"),
            (WORKER, "consumer.routing"),
            (WORKER, "consumer.sla"),
            (WORKER, "router.commit"),
            (API, "hub.deliver"),
            (API, "socket.frame"),
        }
        assert "log.position" in {each.name for each in spans}
        frames = {
            (each.attributes["event"], each.attributes["viewer"]) for each in spans if each.name == "socket.frame"
        }
        assert frames >= {("message.received", "agent"), ("offer.made", "agent")}
        # Of one piece: each span but the first is under another of the same trace.
        known = {each.span.span_id for each in spans}
        assert [each.name for each in spans if each.span.parent_span_id not in known] == [post.name]
        assert post.attributes["switchboard.request_id"] == "journey-1"
        assert post.attributes["http.response.status_code"] == 201

        told = "".join(str(each.span) for each in collector.spans)
        secrets = (BODY, CUSTOMER, visitor, agent, offer["token"], town.public_key, "127.0.0.1")
        assert [secret for secret in secrets if secret in told] == []
    posted = 'switchboard_http_requests_total{method="POST",route="/v1/widget/messages",status="201"} 1.0'
    begun = 'switchboard_http_requests_total{method="POST",route="/v1/widget/visitors",status="201"} 1.0'
    stored, slow = 'intake_messages_total{outcome="stored"} 1.0', 'sockets_ended_total{reason="slow_reader"} 0.0'
    assert {posted, begun, f"switchboard_{stored}", f"switchboard_{slow}"} <= set(in_api.splitlines())
    assert {
        "switchboard_routing_offers_total 1.0",
        'switchboard_consumer_parked_events{consumer="sla"} 0.0',
        'switchboard_due_rows_total{outcome="parked",table="sla_clock"} 0.0',
    } <= set(in_worker.splitlines())
    assert '"trace_export_failed"' not in served.log_text()
