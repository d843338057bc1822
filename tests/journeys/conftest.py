"""One browser and one installation for all journeys of a module."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect

from tests.conftest import fresh_clone
from tests.journeys.browsers import ARGUMENTS, complaints_of
from tests.journeys.floor import Floor, open_floor
from tests.real_parts import program

WAIT_MS = 15_000
OpenPage = Callable[..., Awaitable[Page]]


@pytest.fixture(scope="session")
async def chromium() -> AsyncIterator[Browser]:
    expect.set_options(timeout=WAIT_MS)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program("chromium"), args=ARGUMENTS)
        yield browser
        await browser.close()


@pytest.fixture(scope="module")
async def floor(
    postgres: str, template_database: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Floor]:
    async with (
        fresh_clone(postgres, template_database) as url,
        open_floor(url, tmp_path_factory.mktemp("floor")) as opened,
    ):
        yield opened


@pytest.fixture
async def open_page(chromium: Browser) -> AsyncIterator[OpenPage]:
    """Pages in profiles of their own. What a page complains of fails the test, unless it is `expected`."""
    contexts: list[BrowserContext] = []
    told: list[tuple[list[str], tuple[str, ...]]] = []

    async def make(
        *,
        language: str = "en",
        size: tuple[int, int] = (1280, 800),
        dark: bool = False,
        context: BrowserContext | None = None,
        expected: tuple[str, ...] = (),
    ) -> Page:
        if context is None:
            context = await chromium.new_context(
                locale=language,
                viewport={"width": size[0], "height": size[1]},
                color_scheme="dark" if dark else "light",
            )
            context.set_default_timeout(WAIT_MS)
            contexts.append(context)
        page = await context.new_page()
        told.append((complaints_of(page), expected))
        return page

    yield make
    for context in contexts:
        await context.close()
    assert [line for found, expected in told for line in found if not any(part in line for part in expected)] == []
