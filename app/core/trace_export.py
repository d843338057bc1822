"""OpenTelemetry's side of tracing: sampler, exporter and spans. Imported only where traces are switched on."""

import logging
import os
from collections.abc import Mapping, Sequence

import structlog
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.environment_variables import OTEL_RESOURCE_ATTRIBUTES, OTEL_SERVICE_NAME
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ParentBased, Sampler, TraceIdRatioBased
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    TraceFlags,
    set_span_in_context,
)

from app import __version__
from app.core.tracing import Mark

SAMPLER, RATIO = "OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG"
PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
SPOKEN = "http/protobuf"

log = structlog.get_logger(__name__)


def find_trouble() -> str | None:
    """What of the OTEL_ variables we cannot do."""
    try:
        _sampler()
    except ValueError:
        return f"{RATIO} is a share of requests between 0 and 1, such as 0.05."
    if any(os.environ.get(name, SPOKEN) != SPOKEN for name in PROTOCOLS):
        return f"Traces are exported by {SPOKEN} only: set OTEL_EXPORTER_OTLP_PROTOCOL to that, or leave it out."
    return None


def _sampler() -> Sampler | None:
    """A share of requests, each whole through all processes; None where OTEL_TRACES_SAMPLER says another way."""
    if os.environ.get(SAMPLER, "parentbased_traceidratio") != "parentbased_traceidratio":
        return None
    return ParentBased(TraceIdRatioBased(float(os.environ.get(RATIO) or 1)))


def _resource(service: str) -> Resource:
    named = OTEL_SERVICE_NAME in os.environ or "service.name=" in os.environ.get(OTEL_RESOURCE_ATTRIBUTES, "")
    return Resource.create({"service.version": __version__, **({} if named else {"service.name": service})})


class Exporting:
    """Makes spans, and sends them from a thread of its own. What the collector does not take in time is let go."""

    def __init__(self, service: str) -> None:
        # Its exporter logs each try; ours says once that there is trouble, and once that it is over.
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
        self._provider = TracerProvider(_sampler(), _resource(service), shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(ToldOnce(OTLPSpanExporter())))
        self._tracer = self._provider.get_tracer("switchboard", __version__)

    def begin(
        self,
        name: str,
        *,
        parent: Mark | None = None,
        sampled: bool = True,
        link: Mark | None = None,
        links: Sequence[Span] = (),
        attributes: Mapping[str, str | int] | None = None,
        server: bool = False,
        began_ns: int | None = None,
    ) -> Span:
        joined = [Link(span.get_span_context()) for span in links]
        if link is not None:
            joined.append(Link(_remote(link, sampled)))
        under = None if parent is None else set_span_in_context(NonRecordingSpan(_remote(parent, sampled)))
        return self._tracer.start_span(
            name,
            under,
            SpanKind.SERVER if server else SpanKind.INTERNAL,
            attributes,
            joined,
            began_ns,
            record_exception=False,
            set_status_on_exception=False,
        )

    def close(self) -> None:
        self._provider.shutdown()


def _remote(mark: Mark, sampled: bool) -> SpanContext:
    flags = TraceFlags(TraceFlags.SAMPLED if sampled else TraceFlags.DEFAULT)
    return SpanContext(int(mark.trace, 16), int(mark.span, 16), is_remote=True, trace_flags=flags)


class ToldOnce(SpanExporter):
    """An exporter whose trouble is one line in the log, however long it lasts, and one more when it is over."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self._fails = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = self._exporter.export(spans)
        fails = result is not SpanExportResult.SUCCESS
        if fails != self._fails:
            self._fails = fails
            if fails:
                log.warning("trace_export_failed", detail="Spans are let go until OTEL_EXPORTER_OTLP_ENDPOINT answers.")
            else:
                log.info("trace_export_goes_on")
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()
