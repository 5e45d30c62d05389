"""Every page of the documentation fits its window, on a desk and on a phone."""

from __future__ import annotations

from pathlib import Path

import pytest
from browser.browsing import DESKTOP, PHONE, Browsing, overflow

BUILT = Path(__file__).parents[2] / "build" / "docs"
PAGES = sorted(path for path in BUILT.rglob("*.html") if "_static" not in path.parts)

WIDER = """selector => [...document.querySelectorAll(selector)]
    .filter(each => each.scrollWidth > each.clientWidth + 1 || each.getBoundingClientRect().right > innerWidth + 1)
    .map(each => `${each.scrollWidth} > ${each.clientWidth}: ${each.innerText.slice(0, 60)}`)"""
"""What of a kind is cut or scrolls, or ends outside of the window; with a pixel for rounding."""

TABLES = ".table-wrapper, table.docutils td, table.docutils th"
CODE = "div.highlight pre"

pytestmark = pytest.mark.skipif(not PAGES, reason="the documentation is not built; make browser does it first")


async def problems(browsing: Browsing, width: int, *kinds: str) -> dict[str, list[str]]:
    """By page, what of each kind does not fit a window of that width, and by how much the page itself does not."""
    found: dict[str, list[str]] = {}
    browsing.expected.add(BUILT.as_uri())
    page = await browsing.open(PAGES[0].as_uri(), width=width)
    for path in PAGES:
        await page.goto(path.as_uri())
        wider = [each for kind in kinds for each in await page.evaluate(WIDER, kind)]
        if too_wide := await overflow(page):
            wider.append(f"the page, by {too_wide} pixels")
        if wider:
            found[str(path.relative_to(BUILT))] = wider
    return found


async def test_every_page_fits_a_desk(browsing: Browsing) -> None:
    """A table or a line of code that is cut at the right edge is not read."""
    assert {} == await problems(browsing, DESKTOP, TABLES, CODE)
    assert len(PAGES) > 30


async def test_every_page_fits_a_phone(browsing: Browsing) -> None:
    """Code may scroll in a box of its own, but never the page, and no table."""
    assert {} == await problems(browsing, PHONE, TABLES, ".content")


async def test_code_can_be_copied_without_its_prompt(browsing: Browsing) -> None:
    """A shell takes no ``$`` in front of a command; and output, which is for reading, has no button."""
    page = await browsing.open((BUILT / "tutorial.html").as_uri())
    browsing.expected.add(BUILT.as_uri())

    assert await page.locator("div.highlight-console button.copybtn").count() > 0
    assert await page.locator("div.highlight-text button.copybtn").count() == 0
