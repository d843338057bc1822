"""What the administration page asks beside the calendars and policies themselves: days, countries and versions."""

from typing import Any
from uuid import uuid4

import httpx

from tests.integration.sla.test_sla_api import TARGET, calendar, client, log_in, policy
from tests.integration.sla.world import World

__all__ = ["client"]
OCTOBER = {"from": "2026-10-01", "to": "2026-10-12"}


def reasons(answer: httpx.Response) -> dict[str, str]:
    return {day["date"][-2:]: day["why"] for day in answer.json()["days"]}


async def test_an_unsaved_calendar_is_shown_as_the_saved_one_will_be(client: httpx.AsyncClient) -> None:
    body = calendar(country="CN")
    preview = await client.post("/v1/sla/calendars/preview", json={"spec": body["spec"], **OCTOBER})
    assert reasons(preview) | {"01": "holiday", "09": "week", "10": "make_up_day"} == reasons(preview)
    made = (await client.post("/v1/sla/calendars", json=body)).json()
    stored = await client.get(f"/v1/sla/calendars/{made['id']}/days", params=OCTOBER)
    assert stored.json() == preview.json()


async def test_days_that_nobody_can_look_at_are_refused(client: httpx.AsyncClient) -> None:
    made = (await client.post("/v1/sla/calendars", json=calendar())).json()
    path = f"/v1/sla/calendars/{made['id']}/days"
    for interval in ({"from": "2026-10-02", "to": "2026-10-01"}, {"from": "2026-01-01", "to": "2028-01-01"}):
        answer = await client.get(path, params=interval)
        assert (answer.status_code, answer.json()["code"]) == (422, "days_out_of_range")
    assert (await client.get(f"/v1/sla/calendars/{uuid4()}/days", params=OCTOBER)).status_code == 404


async def test_the_countries_are_those_that_a_calendar_may_name(client: httpx.AsyncClient) -> None:
    regions = {one["code"]: one["regions"] for one in (await client.get("/v1/sla/countries")).json()}
    assert "CN" in regions
    assert "BY" in regions["DE"]
    accepted = await client.post("/v1/sla/calendars", json=calendar(country="DE", region="BY"))
    assert accepted.status_code == 201


async def test_a_calendar_tells_its_versions_with_what_each_changed(client: httpx.AsyncClient) -> None:
    made = (await client.post("/v1/sla/calendars", json=calendar(closed=["2026-05-01"]))).json()
    path = f"/v1/sla/calendars/{made['id']}"
    await client.put(path, json=calendar(closed=["2026-05-02"], timezone="Europe/Berlin"))
    newest, oldest = (await client.get(f"{path}/versions")).json()["items"]
    assert (newest["version"], oldest["version"], oldest["edits"]) == (2, 1, [])
    assert newest["edits"] == [
        {"path": "closed", "before": ["2026-05-01"], "after": ["2026-05-02"]},
        {"path": "timezone", "before": "Asia/Shanghai", "after": "Europe/Berlin"},
    ]
    assert newest["made_by"].startswith("agent:")


async def test_versions_of_a_policy_come_page_by_page(client: httpx.AsyncClient) -> None:
    made = (await client.post("/v1/sla/policies", json=policy())).json()
    path = f"/v1/sla/policies/{made['id']}"
    for seconds in (120, 180):
        await client.put(path, json=policy(targets=[{**TARGET, "seconds": seconds}]))
    seen: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        page = (
            await client.get(f"{path}/versions", params={"limit": 2, **({"cursor": cursor} if cursor else {})})
        ).json()
        seen += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert [one["version"] for one in seen] == [3, 2, 1]
    assert [one["edits"][0]["after"][0]["seconds"] for one in seen[:2]] == [180, 120]
    assert (await client.get(f"/v1/sla/policies/{uuid4()}/versions")).status_code == 404


async def test_whoever_reads_plans_may_look_and_a_stranger_may_not(world: World, client: httpx.AsyncClient) -> None:
    reader = await log_in(world, "agent", "own")
    body = {"spec": calendar()["spec"], **OCTOBER}
    assert (await client.post("/v1/sla/calendars/preview", json=body, headers=reader)).status_code == 200
    client.headers.pop("Authorization")
    for path in ("countries", f"calendars/{uuid4()}/versions", f"policies/{uuid4()}/versions"):
        assert (await client.get(f"/v1/sla/{path}")).status_code == 401
