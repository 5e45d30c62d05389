"""
A headless browser: Debian's chromium, driven by Playwright in an environment of its own.

`make browser` sets that up and runs these tests. Elsewhere, where Playwright is not installed, they are not collected; where
there is no chromium, they are skipped.
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

# What a browser does of its own accord, such as looking for updates, would show up beside what a page does.
ARGUMENTS = [
    "--no-sandbox",  # it may run as root; all it opens is ours
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--no-proxy-server",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All tests of this folder run in one event loop, that of the browser."""
    for item in items:
        if Path(__file__).parent in item.path.parents and pytest_asyncio.is_async_test(item):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def browser() -> AsyncIterator[Browser]:
    """One for all tests: it takes a second to start."""
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
    """Opens pages; fails the test if one of them reports an error, or asks for anything that is not expected."""
    browsing = Browsing(browser)
    try:
        yield browsing
    finally:
        await browsing.close()
    assert [] == browsing.errors
    assert [] == browsing.unexpected


@pytest.fixture(params=[DESKTOP, PHONE], ids=["desktop", "phone"])
def width(request: pytest.FixtureRequest) -> int:
    """The width of a window: a test that takes it runs for each."""
    found: int = request.param
    return found
