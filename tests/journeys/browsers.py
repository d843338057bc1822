"""Chromium from the system, a profile of its own each time, and what a page complains of."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from playwright.async_api import BrowserContext, Page, WebSocket, async_playwright

from tests.protocol import Line
from tests.real_parts import program

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@asynccontextmanager
async def browser(folder: Path, *, language: str, width: int, height: int, dark: bool) -> AsyncIterator[BrowserContext]:
    async with async_playwright() as playwright:
        context = await playwright.chromium.launch_persistent_context(
            folder,
            executable_path=program("chromium"),
            headless=True,
            args=ARGUMENTS,
            locale=language,
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
        )
        yield context
        await context.close()


def complaints_of(page: Page) -> list[str]:
    found: list[str] = []
    page.on("websocket", judge_frames)
    page.on("console", lambda message: found.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: found.append(str(error)))
    return found


def judge_frames(socket: WebSocket) -> None:
    """Our pages never send what the AsyncAPI document does not know, nor hear it."""
    line = Line(socket.url, strict=True)
    socket.on("framesent", line.says)
    socket.on("framereceived", line.hears)
