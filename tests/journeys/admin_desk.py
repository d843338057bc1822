"""The way into the administration page."""

from playwright.async_api import Page

from tests.journeys.floor import PASSWORD, Floor


async def enter(page: Page, floor: Floor, login: str, section: str = "", *, language: str = "en") -> None:
    """`language` is chosen by hand: it comes before the one of the profile."""
    await page.add_init_script(f"localStorage.setItem('switchboard.language', '{language}')")
    await page.goto(f"{floor.url}/admin#{section}")
    await page.fill("input[name=login]", login)
    await page.fill("input[name=password]", PASSWORD)
    await page.click("button[type=submit]")
    await page.locator("h2").first.wait_for()
