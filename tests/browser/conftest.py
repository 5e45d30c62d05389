"""
A headless browser: Debian's chromium, driven by Playwright in its own environment.

`make browser` sets up the environment and runs these tests. Without Playwright they are not collected; without chromium they
are skipped.
"""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from browser.browsing import DESKTOP, PHONE, Browsing

if TYPE_CHECKING:
    from playwright.async_api import Browser

if find_spec("playwright") is None:
    collect_ignore_glob = ["test_*.py"]

# Requests that a browser makes by itself, such as a search for updates, would be mixed with those of a page.
ARGUMENTS = [
    "--no-sandbox",  # it may run as root, and opens only our own pages
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--no-proxy-server",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run all tests of this folder in one event loop, that of the browser."""
    for item in items:
        if Path(__file__).parent in item.path.parents and pytest_asyncio.is_async_test(item):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def browser() -> AsyncIterator[Browser]:
    """One browser for all tests: it takes a second to start."""
    from playwright.async_api import async_playwright

    path = shutil.which("chromium")
    if path is None:
        pytest.skip("there is no program 'chromium'; on Debian, apt-get install chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="session")
async def browsing(browser: Browser) -> AsyncIterator[Browsing]:
    """Opens pages. The test fails if one of them reports an error, or requests anything unexpected."""
    browsing = Browsing(browser)
    try:
        yield browsing
    finally:
        await browsing.close()
    assert [] == browsing.errors
    assert [] == browsing.unexpected


@pytest.fixture(params=[DESKTOP, PHONE], ids=["desktop", "phone"])
def width(request: pytest.FixtureRequest) -> int:
    """The width of the window; a test with this fixture runs for both."""
    found: int = request.param
    return found
