"""The way into the administration page."""

from playwright.async_api import Page

from app.agents.service import people
from app.core.act import system_act
from app.core.clock import DatabaseClock
from tests.access_apps import CHEAP
from tests.journeys.floor import PASSWORD, Desk, Floor


async def enter(page: Page, floor: Floor, login: str, section: str = "", *, language: str = "en") -> None:
    """`language` is chosen by hand: it comes before the one of the profile."""
    await page.add_init_script(f"localStorage.setItem('switchboard.language', '{language}')")
    await page.goto(f"{floor.url}/admin#{section}")
    await page.fill("input[name=login]", login)
    await page.fill("input[name=password]", PASSWORD)
    await page.click("button[type=submit]")
    await page.locator("h2").first.wait_for()


async def administrator(floor: Floor, desk: Desk) -> str:
    """The login of somebody who may change everything."""
    login = f"root{desk.number}"
    async with floor.database.transaction() as session:
        await people.create_agent(
            session,
            system_act(DatabaseClock(), "journey"),
            login=login,
            password=PASSWORD,
            hasher=CHEAP,
            name="Root",
            role="admin",
            team_id=None,
            languages=["en"],
            skills={},
        )
    return login
