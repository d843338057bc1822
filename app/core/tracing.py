"""Traces by configuration: spans at a handful of seams, one trace from a request over the log to every socket.

Off, which is the default, nothing of this costs more than an `if`. On, a request that is sampled leaves its trace in
the log: the request id stored with its events has the trace and the span behind it (`carry`), and whoever reads the
event goes on in that trace. Callers cannot write such an id: theirs has no SEPARATOR (docs/decisions/0013-traces.md).
"""

import asyncio
import importlib.util
import re
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from app.core.config import Settings

if TYPE_CHECKING:
    from opentelemetry.trace import Span, SpanContext

    from app.core.trace_export import Exporting

SEPARATOR = "~"
MAX_SPANS_A_BATCH = 32
"""Of a batch that serves more traces, the others have no span in theirs, and go on under the one before."""
FLUSH_SECONDS = 3
"""How long a process that ends waits for a collector to take its last spans."""
MISSING = "SWITCHBOARD_TRACING needs OpenTelemetry: pip install 'switchboard[otel]', or set it to off."
_CARRIED = re.compile(r"~([0-9a-f]{32})-([0-9a-f]{16})$")
_EXPORTER = ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http")

log = structlog.get_logger(__name__)
Attributes = Mapping[str, str | int]


@dataclass(frozen=True, slots=True)
class Mark:
    """A sampled span, named so that another process can go on under it. Hexadecimal, as W3C writes them."""

    trace: str
    span: str


@dataclass(frozen=True, slots=True)
class _Here:
    """What is open in this task: by trace its span; `sole` where everything done belongs to one trace."""

    marks: Mapping[str, Mark]
    sole: Mark | None


_here: ContextVar[_Here | None] = ContextVar("trace", default=None)
_exporting: "Exporting | None" = None
_OFF: AbstractContextManager[None] = nullcontext()


def is_on() -> bool:
    return _exporting is not None


def find_trouble(settings: Settings) -> str | None:
    """Why traces cannot be exported although they are asked for."""
    if settings.tracing == "off":
        return None
    with suppress(ModuleNotFoundError):  # of a parent package
        if all(importlib.util.find_spec(name) for name in _EXPORTER):
            from app.core.trace_export import find_trouble as look

            return look()
    return MISSING


def start(settings: Settings, service: str) -> None:
    """Export from now on, if the settings ask for it. `service` names the process where OTEL_SERVICE_NAME does not."""
    global _exporting
    if settings.tracing == "off":
        return
    from app.core.trace_export import Exporting

    _exporting = Exporting(service)


async def stop() -> None:
    """Hand over what waits, if the collector takes it in time."""
    global _exporting
    exporting, _exporting = _exporting, None
    if exporting is None:
        return
    loop, ended = asyncio.get_running_loop(), asyncio.Event()

    def close() -> None:
        exporting.close()
        with suppress(RuntimeError):  # nobody waited for us, and the loop is over
            loop.call_soon_threadsafe(ended.set)

    # A thread of our own that may be left behind: one of the loop's executor would be waited for at exit.
    threading.Thread(target=close, name="trace flush", daemon=True).start()
    with suppress(TimeoutError):
        async with asyncio.timeout(FLUSH_SECONDS):
            await ended.wait()


def carry(request_id: str) -> str:
    """The request id as it is stored with an event: behind it the span that is open here, if it is sampled."""
    if _exporting is None:
        return request_id
    here, found = _here.get(), mark_of(request_id)
    if found is None:
        return request_id if here is None or here.sole is None else _written(request_id, here.sole)
    known = None if here is None else here.marks.get(found.trace)
    return request_id if known is None else _written(plain(request_id), known)


def is_carried(request_id: str) -> bool:
    """Whether somebody here is to go on with a trace."""
    return _exporting is not None and SEPARATOR in request_id


def plain(request_id: str) -> str:
    """What the caller knows it by."""
    return request_id.partition(SEPARATOR)[0]


def mark_of(request_id: str) -> Mark | None:
    found = _CARRIED.search(request_id)
    return found and Mark(found[1], found[2])


def batch(name: str, request_ids: Iterable[str], **attributes: str | int) -> AbstractContextManager[None]:
    """A span for each trace among the request ids, as long as the block; a link joins them as one piece of work."""
    if _exporting is None:
        return _OFF
    marks: dict[str, Mark] = {}
    for request_id in request_ids:
        if SEPARATOR in request_id and (mark := mark_of(request_id)) is not None:
            marks[mark.trace] = mark
    return _batch(_exporting, name, list(marks.values()), attributes) if marks else _OFF


@contextmanager
def _batch(exporting: "Exporting", name: str, marks: list[Mark], attributes: Attributes) -> Iterator[None]:
    spans: list[Span] = []
    attributes = {**attributes, "switchboard.batch.traces": len(marks)}
    for mark in marks[:MAX_SPANS_A_BATCH]:
        spans.append(exporting.begin(name, parent=mark, attributes=attributes, links=spans[:1]))
    opened = {own.trace: own for span in spans if (own := _mark(span.get_span_context())) is not None}
    with _opened(_Here(opened, None), spans):
        yield


def root(
    name: str, *, parent: Mark | None = None, sampled: bool = True, link: Mark | None = None, server: bool = False
) -> "AbstractContextManager[Span | None]":
    """The span of an act that begins here: all that is done in the block belongs to its trace. None when off.

    `parent`, with the caller's own decision on sampling, only where the caller is to be believed; else `link`.
    """
    if _exporting is None:
        return _OFF
    return _root(_exporting.begin(name, parent=parent, sampled=sampled, link=link, server=server))


@contextmanager
def _root(span: "Span") -> Iterator["Span | None"]:
    mark = _mark(span.get_span_context())
    with _opened(_Here({mark.trace: mark} if mark else {}, mark), [span]):
        yield span


@contextmanager
def _opened(here: _Here, spans: "list[Span]") -> Iterator[None]:
    token = _here.set(here)
    try:
        yield
    except BaseException as error:
        # The class alone: a message may quote what a customer wrote.
        for span in spans:
            span.set_attribute("error.type", type(error).__name__)
        raise
    finally:
        _here.reset(token)
        for span in spans:
            span.end()


def begin(name: str, request_id: str, **attributes: str | int) -> "Span | None":
    """A span that somebody else will end. None where the request id carries no trace."""
    mark = mark_of(carry(request_id))
    return None if _exporting is None or mark is None else _exporting.begin(name, parent=mark, attributes=attributes)


def tell(name: str, request_ids: Iterable[str], *, began_ns: int, ended_ns: int) -> None:
    """Spans, one a trace, of what is over already. Nanoseconds since 1970."""
    marks = {mark.trace: mark for request_id in request_ids if (mark := mark_of(request_id)) is not None}
    for mark in marks.values() if _exporting is not None else ():
        assert _exporting is not None
        _exporting.begin(name, parent=mark, began_ns=began_ns).end(ended_ns)


def trace_of(span: "Span") -> str | None:
    """The trace's id, where it is sampled."""
    mark = _mark(span.get_span_context())
    return None if mark is None else mark.trace


def _mark(context: "SpanContext") -> Mark | None:
    return Mark(f"{context.trace_id:032x}", f"{context.span_id:016x}") if context.trace_flags.sampled else None


def _written(request_id: str, mark: Mark) -> str:
    return f"{request_id}{SEPARATOR}{mark.trace}-{mark.span}"
