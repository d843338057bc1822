"""A live server with something in it, and schemathesis against it as one of those who may come."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import httpx

from app.core.database import Database
from app.ops.bench.world import CHECKS, drained
from app.ops.supervisor import stop_all
from tests.journeys.processes import Served, processes
from tests.journeys.town import found
from tests.strangers.driver import Run, run_as
from tests.strangers.scene import LOGINS, furnish

ROLES = ("stranger", "visitor", *LOGINS)


@dataclass(frozen=True, slots=True)
class Form:
    """`options` of schemathesis."""

    seed: int
    options: Sequence[str]


SHORT = Form(20_261, ("--phases", "examples", "--max-examples", "1", "--no-shrink"))
FULL = Form(20_261, ("--phases", "examples,coverage,fuzzing,stateful", "--max-examples", "10", "--max-time", "240"))
"""Drawn requests and linked ones again and again, with other seeds, until the time of the role is over."""


async def run_strangers(role: str, form: Form, database_url: str, folder: Path) -> Run:
    """On an empty database: whoever was there before may have changed every rule. A traceback or an error in the log
    of api or worker is a fault, and so is an event that a worker could not take in afterwards.
    """
    database = Database(database_url, application_name="strangers", pool_size=2)
    town = await found(database)
    with processes(database_url, folder, SWITCHBOARD_TRUSTED_PROXIES="127.0.0.1") as served:
        served.api.start()
        await served.ready()
        async with httpx.AsyncClient(base_url=served.url, timeout=30) as http:
            scene = await furnish(served, database, http, town, role)
        run = await asyncio.to_thread(
            run_as, role, scene, url=served.url, seed=form.seed, folder=folder / role, options=form.options
        )
        run.faults.extend(f"{role}: {fault}" for fault in await _digest(served, database_url))
        lines = served.log_text().splitlines()
        run.faults.extend(line for line in lines if '"level": "error"' in line or "Traceback" in line)
    await database.close()
    return run


async def _digest(served: Served, database_url: str) -> list[str]:
    """What is wrong once a worker has taken in all that was said. It sends nothing: the addresses are anybody's."""
    observer = await asyncpg.connect(database_url)
    try:
        await observer.execute("UPDATE webhook_endpoint SET enabled = false, run_at = NULL")
        served.worker.start()
        await drained(observer)
        return [f"{name}: {found}" for name, query in CHECKS.items() if (found := await observer.fetchval(query))]
    except TimeoutError:
        return ["the worker does not come to an end with the events"]
    finally:
        stop_all([served.worker])
        await observer.close()
