"""A live server with something in it, and schemathesis against it as everybody who may come."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import httpx

from app.core.database import Database
from tests.journeys.processes import processes
from tests.journeys.town import Town, begin_visitor, found, log_in, write
from tests.strangers.driver import Run, run_as

LOGINS = {"agent": "ada", "supervisor": "sue", "admin": "root"}
ROLES = ("stranger", "visitor", *LOGINS)


@dataclass(frozen=True, slots=True)
class Form:
    """`options` of schemathesis: the same for every role."""

    roles: Sequence[str]
    seed: int
    options: Sequence[str]


SHORT = Form(("admin",), 20_261, ("--phases", "examples", "--max-examples", "1", "--no-shrink"))
FULL = Form(ROLES, 20_261, ("--phases", "examples,coverage,fuzzing,stateful", "--max-examples", "30"))


async def run_strangers(form: Form, database_url: str, folder: Path) -> list[Run]:
    """One role after the other against one server, so that each seed repeats its run. A traceback or an error in the
    server's log is a fault of the role that was there.
    """
    database = Database(database_url, application_name="strangers", pool_size=2)
    town = await found(database)
    await database.close()
    runs = []
    with processes(database_url, folder, SWITCHBOARD_TRUSTED_PROXIES="127.0.0.1") as served:
        served.api.start()
        await served.ready()
        async with httpx.AsyncClient(base_url=served.url, timeout=30) as http:
            ids = await _something(http, town)
            for role in form.roles:
                token = await _token(http, town, role)
                said = len(served.log_text())
                run = await asyncio.to_thread(
                    run_as, role, url=served.url, token=token, ids=ids, seed=form.seed, folder=folder / role,
                    options=form.options,
                )  # fmt: skip
                lines = served.log_text()[said:].splitlines()
                run.faults.extend(line for line in lines if '"level": "error"' in line or "Traceback" in line)
                runs.append(run)
    return runs


async def _token(http: httpx.AsyncClient, town: Town, role: str) -> str:
    if role == "stranger":
        return ""
    return await (begin_visitor(http, town.public_key) if role == "visitor" else log_in(http, LOGINS[role]))


async def _something(http: httpx.AsyncClient, town: Town) -> dict[str, str]:
    """By parameter: what exists. Nobody of the roles is among the accounts, or the run would lock itself out."""
    root = {"Authorization": f"Bearer {await log_in(http, 'root')}"}
    visitor = await begin_visitor(http, town.public_key)
    conversation = (await write(http, visitor, "hello", client_id="1"))["conversation_id"]
    seen = (await http.get(f"/v1/conversations/{conversation}", headers=root)).json()
    hook = {"name": "crm", "url": "https://crm.example/hooks", "event_types": []}
    endpoint = (await http.post("/v1/webhooks", json=hook, headers=root)).json()
    return {
        "conversation_id": conversation,
        "customer_id": seen["customer"]["id"],
        "endpoint_id": endpoint["id"],
        "account_id": str(town.people["eve"]),
        "agent_id": str(town.people["eve"]),
        "queue_id": str(town.queues["Billing"]),
        "team_id": str(town.teams["Billing"]),
        "skill_id": str(town.skill_id),
        "message_id": str(uuid4()),
    }
