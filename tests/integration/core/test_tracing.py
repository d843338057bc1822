"""Spans as a collector gets them: whose word counts for a trace, what a batch leaves, and what trouble costs."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from fastapi import FastAPI
from fastapi.telemetry import TelemetryConfig
from structlog.testing import capture_logs

from app.core import tracing
from app.core.config import Settings
from app.core.http import Manners, install_error_handlers
from app.core.traced_requests import TracedRequests
from tests.collector import Collector
from tests.integration.core.conftest import Switch

STRANGER = "4bf92f3577b34da6a3ce929d0e0e4736"
SAYS_SAMPLED = {"traceparent": f"00-{STRANGER}-00f067aa0ba902b7-01"}
SAYS_UNSAMPLED = {"traceparent": f"00-{STRANGER}-00f067aa0ba902b7-00"}
FORGED = f"mine~{STRANGER}-00f067aa0ba902b7"


def build(**settings: str) -> FastAPI:
    off: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False, "operation_spans": False}
    app = FastAPI(telemetry=off)
    install_error_handlers(app)

    @app.get("/kettles/{name}")
    async def kettle(name: str) -> str:
        if name == "broken":
            raise RuntimeError("the secret of the kettle")
        return tracing.carry("request")

    app.add_middleware(Manners)
    app.add_middleware(TracedRequests, callers=settings.get("callers", "on"))
    return app


@asynccontextmanager
async def client(**settings: str) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(build(**settings))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as opened:
        yield opened


async def test_a_strangers_trace_is_linked_to_and_decides_nothing(collector: Collector, switch_on: Switch) -> None:
    await switch_on(collector.url)
    async with client() as http:
        await http.get("/kettles/blue", headers=SAYS_UNSAMPLED)
    await tracing.stop()
    (span,) = collector.spans
    assert span.trace != STRANGER
    assert not span.span.parent_span_id
    assert [link.trace_id.hex() for link in span.span.links] == [STRANGER]


async def test_a_stranger_cannot_force_sampling(collector: Collector, switch_on: Switch) -> None:
    await switch_on(collector.url, OTEL_TRACES_SAMPLER_ARG="0")
    async with client() as http:
        answer = await http.get("/kettles/blue", headers={**SAYS_SAMPLED, "X-Request-Id": FORGED})
    await tracing.stop()
    assert collector.spans == []
    assert answer.json() == "request"
    assert answer.headers["x-request-id"] != FORGED


@pytest.mark.parametrize(("headers", "ratio", "spans"), [(SAYS_SAMPLED, "0", 1), (SAYS_UNSAMPLED, "1", 0)])
async def test_a_proxys_own_trace_and_decision_are_kept(
    collector: Collector, switch_on: Switch, headers: dict[str, str], ratio: str, spans: int
) -> None:
    await switch_on(collector.url, OTEL_TRACES_SAMPLER_ARG=ratio)
    async with client(callers="from_proxy") as http:
        await http.get("/kettles/blue", headers=headers)
    await tracing.stop()
    assert [(span.trace, span.span.parent_span_id.hex()) for span in collector.spans] == [
        (STRANGER, "00f067aa0ba902b7")
    ] * spans


async def test_a_span_tells_the_route_and_the_status_and_no_more(collector: Collector, switch_on: Switch) -> None:
    await switch_on(collector.url)
    async with client() as http:
        blue = await http.get("/kettles/blue", headers={"X-Request-Id": "mine"})
        await http.get("/kettles/broken")
        await http.get("/nowhere/of/secret")
        await http.get("/healthz")
    await tracing.stop()
    assert tracing.mark_of(blue.json()) == tracing.Mark(collector.spans[0].trace, collector.spans[0].span.span_id.hex())
    told = [(span.name, span.attributes["http.response.status_code"]) for span in collector.spans]
    assert told == [("GET /kettles/{name}", 200), ("GET /kettles/{name}", 500), ("GET none", 404)]
    assert "secret" not in "".join(str(span.span) for span in collector.spans)


async def test_each_trace_of_a_batch_has_its_span_and_links_join_them(collector: Collector, switch_on: Switch) -> None:
    await switch_on(collector.url)
    carried = []
    for _ in range(2):
        with tracing.root("post"):
            carried.append(tracing.carry("request"))
    with tracing.batch("store", [*carried, carried[0], "untraced"], messages=4):
        inside = [tracing.carry(each) for each in (*carried, "untraced")]
    await tracing.stop()
    posts, stores = collector.named("post"), collector.named("store")
    assert [(each.trace, each.span.parent_span_id) for each in stores] == [
        (each.trace, each.span.span_id) for each in posts
    ]
    assert [[link.span_id for link in each.span.links] for each in stores] == [[], [stores[0].span.span_id]]
    assert [tracing.mark_of(each) for each in inside] == [
        *(tracing.Mark(each.trace, each.span.span_id.hex()) for each in stores), None
    ]  # fmt: skip
    assert [tracing.plain(each) for each in inside] == ["request", "request", "untraced"]


async def test_a_large_batch_has_a_bounded_number_of_spans(collector: Collector, switch_on: Switch) -> None:
    await switch_on(collector.url)
    carried = [f"r~{number:032x}-{number:016x}" for number in range(1, 2 * tracing.MAX_SPANS_A_BATCH)]
    with tracing.batch("store", carried):
        assert tracing.carry(carried[-1]) == carried[-1]
    await tracing.stop()
    assert len(collector.spans) == tracing.MAX_SPANS_A_BATCH


async def test_what_fails_is_named_by_its_class_alone(collector: Collector, switch_on: Switch) -> None:
    await switch_on(collector.url)
    with pytest.raises(RuntimeError), tracing.root("post"):
        raise RuntimeError("secret")
    await tracing.stop()
    assert collector.spans[0].attributes == {"error.type": "RuntimeError"}
    assert "secret" not in str(collector.spans[0].span)


async def test_a_collector_that_is_away_is_one_line_in_the_log(collector: Collector, switch_on: Switch) -> None:
    with capture_logs() as logs:
        # Nothing listens on port 1; each span is a batch, so that there are many failures.
        await switch_on("http://127.0.0.1:1", OTEL_BSP_MAX_EXPORT_BATCH_SIZE="1", OTEL_EXPORTER_OTLP_TIMEOUT="0.1")
        for _ in range(5):
            with tracing.root("post"):
                await asyncio.sleep(0)
        await tracing.stop()
    assert [line["event"] for line in logs] == ["trace_export_failed"]
    assert collector.spans == []


def test_off_nothing_of_the_sdk_is_loaded_whatever_the_frameworks_own_telemetry_is_told() -> None:
    program = (
        "import asyncio, sys, app.main, app.worker\n"
        "from app.core import tracing\n"
        "from app.core.config import Settings\n"
        "settings = Settings()\n"
        "served = app.main.create_app(settings)\n"
        "told = []\n"
        "async def receive(): return {'type': 'lifespan.startup'}\n"
        "async def send(message): told.append(message['type'])\n"
        "async def begin():\n"
        "    try: await served({'type': 'lifespan', 'state': {}}, receive, send)\n"
        "    except Exception: pass\n"
        "asyncio.run(begin())\n"
        "assert told == ['lifespan.startup.failed'], told\n"
        "tracing.start(settings, 'api')\n"
        "assert tracing.carry('request') == 'request'\n"
        "print([name for name in sys.modules if name.startswith(('opentelemetry.sdk', 'opentelemetry.exporter',"
        " 'app.core.trace_export', 'app.core.traced_requests'))])\n"
    )
    environment = {
        "PATH": "",
        "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
        "FASTAPI_OTEL_AUTO_CONFIGURE": "true",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1",
    }
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment)
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("OTEL_TRACES_SAMPLER_ARG", "much", "between 0 and 1"),
        ("OTEL_TRACES_SAMPLER_ARG", "2", "between 0 and 1"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "http/protobuf"),
        ("OTEL_TRACES_SAMPLER_ARG", "0.05", None),
    ],
)
def test_variables_that_cannot_be_followed_are_named(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, sentence: str | None
) -> None:
    monkeypatch.setenv(name, value)
    assert tracing.find_trouble(Settings(tracing="off")) is None
    trouble = tracing.find_trouble(Settings(tracing="on"))
    assert trouble is None if sentence is None else sentence in str(trouble)


def test_a_process_that_lacks_the_package_says_so_and_does_not_start() -> None:
    program = (
        "import sys\n"
        "from importlib.abc import MetaPathFinder\n"
        "class Hidden(MetaPathFinder):\n"
        "    def find_spec(self, name, path, target=None):\n"
        "        if name == 'opentelemetry.sdk': raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, Hidden())\n"
        "from app.cli import main\n"
        "sys.argv = ['switchboard', 'worker']\n"
        "main()\n"
    )
    environment = {
        "PATH": "",
        "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
        "SWITCHBOARD_SECRET_KEY": "x" * 32,
        "SWITCHBOARD_TRACING": "on",
    }
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment)
    assert answer.returncode == 2
    assert "pip install 'switchboard[otel]'" in answer.stderr
