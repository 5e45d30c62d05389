"""The headless browser that takes the screenshots of the documentation."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import Browser, async_playwright


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Debian's Chromium, without a proxy, and without a sandbox: all pages are ours."""
    path = shutil.which("chromium")
    if path is None:
        raise SystemExit(
            "There is no program 'chromium'; on Debian, apt-get install chromium."
        )
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=path,
            args=["--no-sandbox", "--disable-gpu", "--no-proxy-server"],
        )
        try:
            yield browser
        finally:
            await browser.close()
