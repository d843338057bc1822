"""The error tree. Each class is one HTTP status; each raise names a stable code that clients may rely on.

SwitchboardError
├── InvalidInput 422       malformed or out of range: the caller must change what it sends
├── Unauthenticated 401    nobody we know, or no longer
├── Forbidden 403          known, but not allowed
├── NotFound 404           does not exist, or is not visible to the caller (never told apart)
├── MethodNotAllowed 405   the address is right, the method is not; Allow names those that are
├── Conflict 409           the state does not allow it; nothing was changed
├── PreconditionFailed 412 it changed since the caller read it
├── PayloadTooLarge 413
├── TooManyRequests 429    carries the seconds after which to try again
└── Unavailable 503        a part we need does not answer; safe to try again
"""

from http import HTTPStatus
from typing import Any, ClassVar


class SwitchboardError(Exception):
    """`code` is stable; `detail` says what to do; `extra` goes into the problem document as members."""

    status: ClassVar[int] = 500

    def __init__(self, code: str, detail: str, **extra: Any) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.extra = extra

    def problem(self, request_id: str) -> dict[str, Any]:
        """The RFC 9457 document."""
        return {
            **self.extra,
            "type": f"/docs/errors#{self.code}",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "code": self.code,
            "detail": self.detail,
            "request_id": request_id,
        }


class InvalidInput(SwitchboardError):
    status = 422


class Unauthenticated(SwitchboardError):
    status = 401


class Forbidden(SwitchboardError):
    status = 403


class NotFound(SwitchboardError):
    status = 404


class MethodNotAllowed(SwitchboardError):
    status = 405


class Conflict(SwitchboardError):
    status = 409


class PreconditionFailed(SwitchboardError):
    status = 412


class PayloadTooLarge(SwitchboardError):
    status = 413


class TooManyRequests(SwitchboardError):
    status = 429

    def __init__(self, code: str, detail: str, *, retry_after_seconds: int) -> None:
        super().__init__(code, detail, retry_after_seconds=retry_after_seconds)
        self.retry_after_seconds = retry_after_seconds


class Unavailable(SwitchboardError):
    status = 503
