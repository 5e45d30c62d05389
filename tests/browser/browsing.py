"""`Browsing`: pages in a headless browser, and all that went wrong on them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, Request

DESKTOP, PHONE = 1280, 390  # CSS pixels
HEIGHT = {DESKTOP: 800, PHONE: 844}
PICTURES = Path(__file__).parents[2] / "build" / "browser"


class Browsing:
    """
    Opens pages, each in a context of its own, so that no cache and no storage is shared.

    Args:
        browser: The browser.
    """

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._contexts: list[BrowserContext] = []
        self.errors: list[str] = []
        """What the pages wrote to the console as errors or warnings, and what they raised. A test that provokes one clears it."""

        self.requests: list[str] = []
        """The URLs of all requests, in order."""

        self.expected: set[str] = set()
        """What a URL may begin with. `open` adds the origin of the page; of a file, which has none, the file's own URL."""

    async def open(self, url: str, *, width: int = DESKTOP, dark: bool = False) -> Page:
        """
        A new page that has loaded *url*.

        Args:
            url: Such as ``http://127.0.0.1:8080/`` or ``path.as_uri()``.

            width: Of the window, in CSS pixels.

            dark: Whether the system prefers dark colours.
        """
        context = await self._browser.new_context(
            viewport={"width": width, "height": HEIGHT.get(width, 800)}, color_scheme="dark" if dark else "light"
        )
        self._contexts.append(context)
        page = await context.new_page()
        page.on("console", self._note_console)
        page.on("pageerror", lambda error: self.errors.append(f"raised: {error}"))
        page.on("request", self._note_request)
        self.expected.add(_origin(url))
        await page.goto(url)
        return page

    async def picture(self, page: Page, name: str) -> None:
        """Leave a picture of the whole page in build/browser/, to be looked at."""
        await page.screenshot(path=PICTURES / f"{name}.png", full_page=True)

    @property
    def unexpected(self) -> list[str]:
        """The requests that none of the expected beginnings explains."""
        return [url for url in self.requests if not url.startswith(tuple(self.expected))]

    async def close(self) -> None:
        """Close all pages."""
        for context in self._contexts:
            await context.close()

    def _note_console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.errors.append(f"{message.type}: {message.text}")

    def _note_request(self, request: Request) -> None:
        self.requests.append(request.url)


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}/" if parts.netloc else url


async def overflow(page: Page) -> int:
    """How many CSS pixels a page is wider than its window: more than 0 is a page that scrolls sideways."""
    width: int = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return width
