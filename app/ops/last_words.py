"""What the server says past the application before it hangs up."""

from http import HTTPStatus
from uuid import uuid4

from app.core.errors import SwitchboardError, TooManyRequests, Unavailable
from app.core.http import problem_text
from app.core.security_headers import SECURITY_HEADERS

RETRY_CROWDED_SECONDS = 5
RETRY_DRAINING_SECONDS = 2
"""About as long as a process takes to be replaced by the next one."""


class NotHttp(SwitchboardError):
    status = 400


class TooSlow(SwitchboardError):
    status = 408


class HeadTooLarge(SwitchboardError):
    status = 431


NOT_HTTP = NotHttp("not_http", "These bytes are not an HTTP/1.1 request, or one that could be read in two ways.")
HEAD_TOO_SLOW = TooSlow("head_too_slow", "The head of the request did not come in time. Send it at once.")
BODY_TOO_SLOW = TooSlow("body_too_slow", "The body came in too slowly. Send it again over a faster line.")
HEAD_TOO_LARGE = HeadTooLarge("head_too_large", "Address and headers are over the limit. Send fewer or shorter ones.")
CROWDED = TooManyRequests(
    "too_many_connections",
    "Too many connections of this address are open. Close some, or keep them open and use them again.",
    retry_after_seconds=RETRY_CROWDED_SECONDS,
)
DRAINING = Unavailable("shutting_down", "This process is ending. Connect again in a moment.")


def last_words(error: SwitchboardError) -> bytes:
    """A whole HTTP/1.1 response with the problem document, after which the connection is closed."""
    request_id = uuid4().hex
    body = problem_text(error, request_id)
    headers = [
        (b"content-type", b"application/problem+json"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
        (b"x-request-id", request_id.encode()),
        *SECURITY_HEADERS,
    ]
    retry_after_seconds = error.retry_after_seconds if isinstance(error, TooManyRequests) else 0
    if error is DRAINING:
        retry_after_seconds = RETRY_DRAINING_SECONDS
    if retry_after_seconds:
        headers.append((b"retry-after", str(retry_after_seconds).encode()))
    lines = b"".join(name + b": " + value + b"\r\n" for name, value in headers)
    status = f"HTTP/1.1 {error.status} {HTTPStatus(error.status).phrase}\r\n"
    return status.encode() + lines + b"\r\n" + body
