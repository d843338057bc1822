"""How customers, agents and observers reach the installation through drops, kills and freezes."""

import asyncio
import contextlib
import random
from dataclasses import dataclass, field
from uuid import uuid4

import httpx

from app.ops.socket_client import CommandRefused, Frame
from tests.simulation.harm import Progress
from tests.simulation.recording import RecordingSocket

RETRY_SECONDS = 0.3


@dataclass(slots=True)
class Line:
    """How everybody reaches the installation: repeats what was not answered, and notes what never should be."""

    http: httpx.AsyncClient
    url: str
    patience_seconds: float
    progress: Progress = field(default_factory=Progress)
    failures: list[str] = field(default_factory=list)

    async def request(
        self, method: str, path: str, body: Frame | None = None, headers: dict[str, str] | None = None
    ) -> httpx.Response:
        """Repeat the same request until it is answered with something other than "try again"."""
        async with asyncio.timeout(self.patience_seconds):
            while True:
                with contextlib.suppress(httpx.TransportError):
                    answer = await self.http.request(method, path, json=body, headers=headers)
                    self._note(answer.status_code, f"{method} {path}: {answer.text}")
                    if not is_passing(answer.status_code):
                        return answer
                await asyncio.sleep(RETRY_SECONDS * random.uniform(0.5, 1.5))

    async def command(self, socket: RecordingSocket, name: str, data: Frame, key: str | None = None) -> Frame:
        """Likewise over the socket, under one key. Raises CommandRefused for a refusal that stays."""
        key = key or uuid4().hex
        async with asyncio.timeout(self.patience_seconds):
            while True:
                try:
                    result: Frame = (await socket.command(name, data, key=key, timeout=self.patience_seconds))["data"]
                    return result
                except CommandRefused as refusal:
                    self._note(refusal.problem["status"], f"{name}: {refusal.problem}")
                    if not is_passing(refusal.problem["status"]):
                        raise
                await asyncio.sleep(RETRY_SECONDS * random.uniform(0.5, 1.5))

    def _note(self, status: int, text: str) -> None:
        if status >= 500 and status != 503:
            self.failures.append(text)


def is_passing(status: int) -> bool:
    return status >= 500 or status == 429


async def log_in(line: Line, login: str, password: str) -> tuple[str, str]:
    """(token, account id)."""
    answer = await line.request("POST", "/v1/session", {"login": login, "password": password})
    assert answer.is_success, answer.text
    return answer.json()["token"], answer.json()["account_id"]
