"""The page of a bulk run: a million records, errors whose texts want to be a page, a stop in the middle; looked at in a browser."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path

import pytest
import pytest_asyncio
from browser.browsing import DESKTOP, PHONE, Browsing, overflow

from sagemaker_runtime import Client
from sagemaker_runtime.bulk import JSONBody, JSONLines, run_bulk
from sagemaker_runtime.local import Invocation, LocalEndpoint, ModelFailure, RandomFaults, Throttled

RECORDS = 1_000_000
TEXTS = [
    "</script><script>alert('of the model')</script>",
    "</style><style>*{display:none}</style></title></svg></table>",
    '"><img src=x onerror=alert(1)><a href="javascript:alert(1)">here</a>',
    "<iframe src='https://evil.example/'></iframe><link rel=stylesheet href=//evil.example/a.css>",
    "\x00\x07\x08\x1b[2J\x1b]0;title\x07\x7f\x9b31m",
    "\u202eesrever\u202c \u2066isolated \u200f right to left",
    "Z\u0336\u0335a\u0321\u0315l\u0358g\u0321o" * 50,
    "x" * 2**20,
    "&lt;b&gt; &amp;#x3c; <!-- <![CDATA[ ]]> -->",
    "סוד مرحبا",
    "]]}</title><meta http-equiv=refresh content='0;url=https://evil.example'>",
    "url('//evil.example/x') @import '//evil.example/y'",
]
POISON = {RECORDS // len(TEXTS) * number + 7: text for number, text in enumerate(TEXTS)}


def doubled(invocation: Invocation) -> bytes:
    """Twice each number; a poisonous one fails with a text of its own."""
    rows = json.loads(invocation.body)["instances"]
    for number in POISON.keys() & set(rows):
        raise ModelFailure(POISON[number])
    return json.dumps({"predictions": [2 * row for row in rows]}).encode()


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def page(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Path]:
    """The page of a run that was interrupted once, at an endpoint that throttles."""
    folder = tmp_path_factory.mktemp("run")
    (folder / "rows.jsonl").write_text("".join(f"{number}\n" for number in range(RECORDS)))
    async with (
        LocalEndpoint({"doubled": doubled}, faults=RandomFaults({Throttled(): 0.05}, seed=1)) as local,
        Client(local.options()) as client,
    ):

        def go() -> asyncio.Task[object]:
            body, format = JSONBody(key="instances", max_rows=2_000), JSONLines()
            return asyncio.ensure_future(
                run_bulk(
                    client, "doubled", folder / "rows.jsonl", folder / "out", body=body, format=format, progress=False
                )
            )

        first = go()
        while local.calls("doubled") < RECORDS // 2_000 // 3:
            await asyncio.sleep(0.05)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        await asyncio.sleep(1.5)
        await go()
    yield folder / "out" / "report.html"


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
async def test_the_page_of_a_million_records_opens_without_an_error_or_a_request(
    browsing: Browsing, page: Path, width: int, *, dark: bool
) -> None:
    """The fixture sees to both. It is as wide as the window, on a telephone too."""
    opened = await browsing.open(page.as_uri(), width=width, dark=dark)
    await browsing.picture(opened, f"bulk-report-{width}-{'dark' if dark else 'light'}")

    assert [page.as_uri()] == browsing.requests
    assert "doubled" == await opened.inner_text("h1")
    assert "Finished, with 12 failed records" == await opened.inner_text(".state")
    assert 0 == await overflow(opened)


async def test_hostile_texts_are_shown_as_texts(browsing: Browsing, page: Path) -> None:
    """They are what somebody looks for who wonders why records failed."""
    opened = await browsing.open(page.as_uri())

    said = await opened.inner_text(".letters")
    assert "</script><script>alert('of the model')</script>" in said
    assert r"\x00\x07\x08\x1b[2J" in said
    assert r"\u202eesrever\u202c" in said
    assert re.search(r"x{200}… and [\d,]+ more characters", re.sub(r"\s+", " ", said)) or "more characters" in said
    assert 0 == await opened.locator("script, img, iframe, link, object, [onerror], [src], [href]").count()
    assert 1 == await opened.locator("style").count()


async def test_the_charts_are_drawn_and_say_what_they_are(browsing: Browsing, page: Path) -> None:
    """To a reader who cannot see them, and with a number under the mouse."""
    opened = await browsing.open(page.as_uri())

    titles = await opened.locator("figcaption b").all_inner_texts()
    assert ["Throughput", "Concurrency", "Failed attempts", "Failed records", "Latency"] == titles
    labels = [await each.get_attribute("aria-label") or "" for each in await opened.locator("svg[role=img]").all()]
    assert all(re.search(r"from .* to .* UTC: .* up to ", label) for label in labels), labels
    for each in await opened.locator("path.line").all():
        box = await each.bounding_box()
        assert box is not None
        assert box["width"] > 20
    assert await opened.locator("rect.tip title").count() > 4
    assert await opened.locator(".stop, .resumed").count() >= 4


async def test_on_paper_it_is_light_whatever_the_screen_is(browsing: Browsing, page: Path) -> None:
    """And the long table is left out."""
    opened = await browsing.open(page.as_uri(), dark=True)
    await opened.emulate_media(media="print", color_scheme="dark")

    ground = await opened.evaluate("getComputedStyle(document.body).backgroundColor")
    assert "rgb(255, 255, 255)" == ground
    assert not await opened.locator("details").is_visible()


@pytest.mark.parametrize("width", [DESKTOP, PHONE, 320])
async def test_texts_of_the_axes_do_not_cover_each_other(browsing: Browsing, page: Path, width: int) -> None:
    """Marks are left out where there is no room."""
    opened = await browsing.open(page.as_uri(), width=width)

    boxes = await opened.evaluate(
        """() => [...document.querySelectorAll('svg.lines')].map(svg =>
            [...svg.querySelectorAll(':scope > text:not(.day):not(.stopped)')].map(text => text.getBoundingClientRect())
              .filter(box => box.width).map(box => [box.left, box.right]).sort((a, b) => a[0] - b[0]))"""
    )
    assert boxes
    for chart in boxes:
        assert all(before[1] <= after[0] for before, after in pairwise(chart)), chart
        assert chart[-1][1] <= width
