"""Background tasks that outlive their failures."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import structlog
from prometheus_client import Counter

from app.core.clock import Clock
from app.core.database import Database
from app.core.driver import raise_if_cancelled

log = structlog.get_logger(__name__)

T = TypeVar("T")
RESTART_SECONDS = 1.0
FAILURES = Counter("switchboard_task_failures_total", "Background tasks that raised and were started again", ["task"])


async def gathered(works: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
    """The results of all. An error is raised once all have come to their end: none goes on unattended."""
    results: list[T] = []
    for ended in await asyncio.gather(*works, return_exceptions=True):
        if isinstance(ended, BaseException):
            raise ended
        results.append(ended)
    return results


async def keep_running(name: str, run: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run for ever: a failure is logged, counted and followed by a fresh start."""
    while True:
        # Each run is a task of its own: a TaskGroup that fails leaves its task marked as cancelled (Python 3.11, 3.12).
        running = asyncio.create_task(run(), name=name)
        try:
            await running
        except asyncio.CancelledError:
            running.cancel()
            await asyncio.wait({running})
            raise
        except Exception:
            raise_if_cancelled()  # our cancellation went to `running` first, which may have made an error of it
            FAILURES.labels(name).inc()
            log.error("task_failed", task=name, exc_info=True)
        await asyncio.sleep(RESTART_SECONDS)


@dataclass(frozen=True, slots=True)
class Periodic:
    """Housekeeping: idempotent, cheap, run by every worker; nothing that must happen at an exact time."""

    name: str
    every_seconds: float
    run: Callable[[Database, Clock], Awaitable[None]]


async def run_periodic(jobs: Sequence[Periodic], database: Database, clock: Clock) -> None:
    async def repeat(job: Periodic) -> None:
        while True:
            await job.run(database, clock)
            await asyncio.sleep(job.every_seconds)

    async with asyncio.TaskGroup() as group:
        for job in jobs:
            group.create_task(keep_running(job.name, lambda job=job: repeat(job)), name=job.name)  # type: ignore[misc]
