"""The page of a local endpoint, in a browser: what arrives is seen, and a click makes it fail."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import boto3
import pytest
import pytest_asyncio
from botocore.config import Config
from botocore.exceptions import ClientError
from browser.browsing import PHONE, Browsing, overflow
from local.page.models import Story, echo

from sagemaker_runtime import (
    Client,
    Headers,
    InvokeEndpointInput,
    InvokeEndpointWithResponseStreamInput,
    NopRetryer,
    override,
)
from sagemaker_runtime.local import ConversationEvent, Exchange, LocalEndpoint, Throttled, Variants

if TYPE_CHECKING:
    from playwright.async_api import Locator, Page

ONCE = override(retryer=NopRetryer())


@pytest_asyncio.fixture(loop_scope="session")
async def story() -> Story:
    return Story()


@pytest_asyncio.fixture(loop_scope="session")
async def local(story: Story) -> AsyncIterator[LocalEndpoint]:
    models = {"echo": echo, "story": story, "iris": Variants({"blue": (echo, 3), "green": (echo, 1)})}
    async with LocalEndpoint(models, page=True) as local:
        yield local


async def boto3_call(local: LocalEndpoint, body: bytes, **members: str) -> bytes:
    """What boto3 gets for one attempt; in a thread, as it blocks."""
    keys = local.credentials

    def call() -> bytes:
        runtime = boto3.client(
            "sagemaker-runtime",
            endpoint_url=local.url,
            region_name=local.region,
            aws_access_key_id=keys.access_key_id,
            aws_secret_access_key=keys.secret_access_key,
            config=Config(retries={"total_max_attempts": 1}),
        )
        try:
            response: bytes = runtime.invoke_endpoint(EndpointName="echo", Body=body, **members)["Body"].read()
            return response
        finally:
            runtime.close()

    return await asyncio.to_thread(call)


def rows(page: Page) -> Locator:
    return page.locator("#pool .row")


async def texts(row: Locator) -> dict[str, str]:
    """What the cells of a row say, by their names."""
    cells: list[tuple[str, str]] = await row.locator("> span").evaluate_all(
        "cells => cells.map(cell => [cell.className, cell.textContent])"
    )
    return dict(cells)


async def tell(page: Page, text: str, *, within: str = "#shown") -> None:
    """Wait until a part of the page says something."""
    await page.locator(within, has_text=text).wait_for(timeout=10_000)


async def test_a_call_by_boto3_appears(browsing: Browsing, local: LocalEndpoint, width: int) -> None:
    """With all that one wants to know at once, and opened with the rest."""
    page = await browsing.open(local.page_url, width=width)
    await page.locator("#live[data-live=on]").wait_for()

    assert b'{"a": 1}' == await boto3_call(local, b'{"a": 1}', ContentType="application/json")
    await rows(page).first.wait_for()
    await page.locator("#pool .time", has_text="ms").wait_for()
    row = await texts(rows(page).first)
    await rows(page).first.click()
    await tell(page, "InvokeEndpoint")
    overview = await page.locator("#shown").inner_text()
    await page.click("#show-request")
    await tell(page, "user-agent")
    request = await page.locator("#shown").inner_text()
    await page.click("#show-response")
    await tell(page, "x-amzn-RequestId")
    response = await page.locator("#shown pre").inner_text()

    assert ("200", "echo", "8 B → 8 B", "1") == (row["status"], row["what"], row["size"], row["attempt"])
    assert "valid" in row["signed"]
    assert "POST /endpoints/echo/invocations" in overview
    assert "Boto3" in request
    assert re.search(r"authorization\s*<redacted>", request, re.IGNORECASE)
    assert local.credentials.access_key_id not in await page.content()
    assert '{\n  "a": 1\n}' == response
    assert 0 == await overflow(page)


async def test_a_fault_put_on_by_a_click_fails_the_next_call(
    browsing: Browsing, local: LocalEndpoint, width: int
) -> None:
    """And only that one: the switch goes off when the fault was met."""
    page = await browsing.open(local.page_url, width=width)
    await page.click("#views [data-tab=faults]" if width == PHONE else "#tab-faults")

    await page.click("#fault-Throttled")
    await page.locator("#fault-Throttled[aria-checked=true]").wait_for()
    with pytest.raises(ClientError, match="ThrottlingException"):
        await boto3_call(local, b"")
    await page.locator("#fault-Throttled[aria-checked=false]").wait_for()
    assert b"well" == await boto3_call(local, b"well")
    if width == PHONE:
        await page.click("#views [data-view=journal]")

    await rows(page).first.locator(".status", has_text="400").wait_for()
    failed = await texts(rows(page).first)
    assert "ThrottlingException" in failed["what"]
    assert "Throttled" in failed["what"].removeprefix("echoThrottlingException")
    assert 0 == await overflow(page)


async def test_a_fault_stays_on_for_every_call_until_it_is_clicked_off(
    browsing: Browsing, local: LocalEndpoint
) -> None:
    """With the parameters that were filled in."""
    page = await browsing.open(local.page_url)
    await page.click("#tab-faults")
    await page.get_by_label("every call").check()
    await page.get_by_label("Parameters of Error response").click()
    await page.get_by_label("error", exact=True).first.fill("InternalFailure")
    await page.click("#fault-ErrorAnswer")
    await tell(page, "ErrorAnswer(error='InternalFailure')every call", within="#faults .pending")

    for _ in range(2):
        with pytest.raises(ClientError, match="InternalFailure"):
            await boto3_call(local, b"")
    await page.click("#fault-ErrorAnswer")
    await page.locator("#fault-ErrorAnswer[aria-checked=false]").wait_for()

    assert b"well" == await boto3_call(local, b"well")


async def test_a_fault_that_makes_no_sense_is_refused_on_the_page(browsing: Browsing, local: LocalEndpoint) -> None:
    """In the words of the server; the switch stays off."""
    page = await browsing.open(local.page_url)
    await page.click("#tab-faults")
    await page.get_by_label("Parameters of Latency").click()
    await page.get_by_label("seconds").first.fill("soon")

    await page.click("#fault-Latency")

    await tell(page, "Latency(seconds='soon'): it takes a number", within="#faults .problem")
    assert "false" == await page.get_attribute("#fault-Latency", "aria-checked")
    assert ["Failed to load resource: the server responded with a status of 400 (Bad Request)"] == [
        error.partition(": ")[2] for error in browsing.errors
    ]
    browsing.errors.clear()


async def test_a_stream_is_seen_growing(browsing: Browsing, local: LocalEndpoint, story: Story, width: int) -> None:
    """Part after part, while the model is still speaking."""
    page = await browsing.open(local.page_url, width=width)
    params = InvokeEndpointWithResponseStreamInput(endpoint_name="story", body=b"")
    async with Client(local.options(), ONCE) as client:
        story.turn.release()
        output = await client.invoke_endpoint_with_response_stream(params)
        async with output.body as stream:
            await anext(stream)
            await rows(page).first.click()
            await page.click("#show-parts")
            seen = []
            for word in ("once", "upon", "a time"):
                await tell(page, word)
                seen.append(await page.locator(".parts code").all_inner_texts())
                story.turn.release()
            await tell(page, "end")

    assert [["once"], ["once", "upon"], ["once", "upon", "a time"]] == [
        [text.strip() for text in each] for each in seen
    ]
    assert ["story", "stream"] == (await texts(rows(page).first))["what"].replace(
        "stream", " stream"
    ).split() or width == PHONE
    assert 0 == await overflow(page)


async def test_the_form_shows_a_stream_as_it_comes(browsing: Browsing, local: LocalEndpoint, story: Story) -> None:
    """The text grows with each part."""
    page = await browsing.open(local.page_url)
    await page.click("[data-endpoint=story]")
    await page.locator("[name=streams][value='1']").check()
    await page.locator("#call [type=submit]").click()

    for said in ("once ", "once upon ", "once upon a time"):
        story.turn.release()
        await tell(page, said.strip(), within="#outcome-body")

    await tell(page, "16 B in 3 parts", within="#outcome-line")
    await rows(page).last.locator(".status", has_text="200").wait_for()  # the row hears of the end by another way


async def test_the_form_calls_the_variant_that_was_chosen(browsing: Browsing, local: LocalEndpoint, width: int) -> None:
    """The endpoint that is clicked brings its own fields; the call is a real one."""
    page = await browsing.open(local.page_url, width=width)
    if width == PHONE:
        await page.click("#views [data-tab=invoke]")
    await page.click("[data-endpoint=iris]")
    await page.fill("[name=target_variant]", "green")
    await page.fill("[name=body]", "5.1,3.5")
    await page.fill("[name=content_type]", "text/csv")
    await page.focus("[name=body]")

    await page.keyboard.press("Control+Enter")

    await tell(page, "5.1,3.5", within="#outcome-body")
    (exchange,) = local.journal
    assert exchange.invocation is not None
    assert ("text/csv", "green") == (exchange.invocation.content_type, exchange.invocation.target_variant)
    assert 0 == await overflow(page)


async def test_a_call_that_fails_says_why_in_the_form(browsing: Browsing, local: LocalEndpoint) -> None:
    """An endpoint that is not there, a body that is too large for the service, and one that is too large for the page."""
    page = await browsing.open(local.page_url)

    await page.fill("[name=endpoint_name]", "ehco")
    await page.locator("#call [type=submit]").click()
    await tell(page, "Endpoint ehco of account 000000000000 not found", within="#outcome-line")
    await page.fill("[name=endpoint_name]", "echo")
    await page.set_input_files("[name=file]", {"name": "large", "mimeType": "text/plain", "buffer": bytes(7_000_000)})
    await page.locator("#call [type=submit]").click()
    await tell(page, "413", within="#outcome-line")
    await page.set_input_files("[name=file]", {"name": "larger", "mimeType": "text/plain", "buffer": bytes(17_000_000)})
    await page.locator("#call [type=submit]").click()
    await tell(page, "The body has 17,000,000 bytes, and this page accepts 16,777,216", within="#outcome-line")


async def test_nothing_is_executed_that_a_caller_sent(browsing: Browsing, local: LocalEndpoint) -> None:
    """Names, headers and bodies are texts, wherever they are shown."""
    page = await browsing.open(local.page_url)
    attack = "<img src=x onerror=\"document.title='hit'\"><script>document.title='hit'</script>"
    async with Client(local.options(), ONCE) as client:
        await client.invoke_endpoint(
            InvokeEndpointInput(endpoint_name="echo", body=attack.encode(), content_type=attack)
        )
    await rows(page).first.click()
    for tab in ("#show-request", "#show-response", "#show-parts", "#show-overview"):
        await page.click(tab)
        await page.wait_for_timeout(50)
        if tab != "#show-overview":
            await tell(page, attack)

    assert "Local SageMaker Runtime" == await page.title()
    assert 0 == await page.locator("#shown img, #shown script").count()


async def test_ten_thousand_exchanges_do_not_slow_the_page(browsing: Browsing, local: LocalEndpoint) -> None:
    """The rows in sight are all that the document has; a click is answered at once, and the next call is seen."""
    page = await browsing.open(local.page_url)
    before = await page.evaluate("document.querySelectorAll('*').length")
    for _ in range(20):
        for _ in range(500):
            record(local)
        await page.wait_for_timeout(20)
    await page.locator("#pool .row[data-number='10000']").wait_for()
    started = await page.evaluate("performance.now()")
    await rows(page).last.click()
    await page.locator("#show-overview").wait_for()
    await page.keyboard.press("Home")
    await page.locator("#rows").focus()
    await page.keyboard.press("Home")
    await page.locator("#pool .row[aria-selected=true][data-number='9001']").wait_for()
    taken = await page.evaluate("performance.now()") - started
    await page.keyboard.press("End")
    async with Client(local.options(), ONCE) as client:
        await client.invoke_endpoint(InvokeEndpointInput(endpoint_name="echo", body=b"still there"))
    await page.locator("#pool .row[data-number='10001']").wait_for()
    after = await page.evaluate("document.querySelectorAll('*').length")
    memory = await page.evaluate("performance.memory.usedJSHeapSize")

    assert "1,000 exchanges" == await page.text_content("#count")
    assert 10_000 <= int((await page.text_content("#n-calls") or "0").replace(",", ""))
    assert await rows(page).count() < 60
    assert after - before < 1_000
    assert memory < 50_000_000
    assert taken < 5_000, "milliseconds, for two keys and a click"


def record(local: LocalEndpoint) -> None:
    """What a local endpoint does for a call; without its socket, ten thousand take a second."""
    now = time.time()
    exchange = Exchange(
        connection=1,
        time=now,
        method="POST",
        target="/endpoints/echo/invocations",
        raw_headers=(),
        headers=Headers({"amz-sdk-request": "attempt=1"}),
        request_id="id",
        endpoint_name="echo",
        operation="InvokeEndpoint",
        body=b"1234",
    )
    local.journal.record(exchange)
    exchange.status, exchange.written, exchange.signature_holds = 200, True, True
    local.journal.note(exchange, ConversationEvent(now, "endpoint", "end"))


async def test_the_page_is_used_by_keys_alone(browsing: Browsing, local: LocalEndpoint) -> None:
    """Rows are walked with the arrows, opened with Enter and closed with Escape; tabs move with the arrows."""
    page = await browsing.open(local.page_url)
    for body in (b"1", b"22"):
        await boto3_call(local, body)
    await rows(page).nth(1).wait_for()

    await page.focus("#rows")
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    await page.locator("#show-overview:focus").wait_for()
    await page.keyboard.press("ArrowRight")
    await page.locator("#show-request:focus[aria-selected=true]").wait_for()
    title = await page.text_content("#detail h2")
    await page.keyboard.press("Escape")
    await page.locator("#rows:focus").wait_for()

    assert "#2 echo 200" == title
    assert not await page.is_visible("#detail")


async def test_an_empty_journal_says_what_to_do(browsing: Browsing, local: LocalEndpoint, width: int) -> None:
    """Lines to copy, for a shell and for each client; they are gone with the first call, and come back on request."""
    page = await browsing.open(local.page_url, width=width)
    await tell(page, "No calls yet", within="#empty")
    empty = await page.inner_text("#empty")
    await page.locator("#empty [role=tab]", has_text="sagemaker_runtime").click()
    await tell(page, "SyncClient.load()", within="#empty")
    assert 0 == await overflow(page)
    await boto3_call(local, b"")
    await page.locator("#empty").wait_for(state="hidden")
    await page.click("#connect")
    await tell(page, "boto3.client", within="dialog")
    await page.keyboard.press("Escape")

    assert f"export AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME={local.url}" in empty
    assert local.credentials.secret_access_key not in empty


async def test_the_rows_are_filtered(browsing: Browsing, local: LocalEndpoint) -> None:
    """By any word of a row, or by whether it failed; a filter that leaves nothing says so."""
    page = await browsing.open(local.page_url)
    local.inject("echo", Throttled(), call=2)
    async with Client(local.options(), override()) as client:
        for body in (b"1", b"2"):
            await client.invoke_endpoint(InvokeEndpointInput(endpoint_name="echo", body=body))
    await rows(page).nth(2).wait_for()

    await page.check("#only-failed")
    await tell(page, "1 of 3 exchanges", within="#count")
    await page.uncheck("#only-failed")
    await page.fill("#filter", "echo 200")
    await tell(page, "2 of 3 exchanges", within="#count")
    await page.fill("#filter", "nothing")
    await page.get_by_text("Show all").click()
    await tell(page, "3 exchanges", within="#count")
    await page.click("#clear")

    await tell(page, "Cleared", within="#empty")
    assert 3 == len(local.journal)


async def test_the_page_goes_on_when_the_endpoint_is_there_again(browsing: Browsing, local: LocalEndpoint) -> None:
    """It says that it is not connected, and tries again by itself."""
    page = await browsing.open(local.page_url)
    await page.locator("#live[data-live=on]").wait_for()
    port = int(local.page_url.split(":")[2].partition("/")[0])
    listener = local._page._listener if local._page else None
    assert listener is not None
    local._page._feed.stop()
    await listener.stop()
    await page.locator("#live[data-live=off]").wait_for()
    await boto3_call(local, b"missed")

    listener._port = port
    await listener.start()
    local._page._feed.start()

    await page.locator("#live[data-live=on]").wait_for(timeout=15_000)
    await rows(page).first.wait_for()
    assert all("ERR_" in error for error in browsing.errors), browsing.errors
    browsing.errors.clear()


async def test_another_site_sees_and_does_nothing(browsing: Browsing, local: LocalEndpoint, foreign: str) -> None:
    """Not in a frame, not by a script, not by a form, even if it had guessed the URL; and nothing without the token."""
    page = await browsing.open(foreign)
    origin = local.page_url.rpartition("/")[0].rpartition("/")[0]
    browsing.expected.add(origin)
    read, done = await page.evaluate(
        """async ([url]) => {
          const tried = async (path, options) => {
            try { return (await fetch(url + path, options)).type } catch { return "refused" }
          };
          return [
            await tried("facts"),
            await tried("inject", { method: "POST", mode: "no-cors", body: JSON.stringify({ endpoint: "echo", kind: "Reset" }) }),
          ];
        }""",
        [local.page_url],
    )
    await page.evaluate(
        "url => { const frame = document.createElement('iframe'); frame.src = url; document.body.append(frame) }",
        local.page_url,
    )
    await page.wait_for_timeout(300)
    framed = [await frame.evaluate("document.title") for frame in page.frames[1:] if frame.url.startswith(origin)]
    answer = await page.context.request.get(f"{origin}/")

    assert "refused" == read
    assert done in ("refused", "opaque")
    assert "Local SageMaker Runtime" not in framed
    assert 403 == answer.status
    assert b"well" == await boto3_call(local, b"well")
    assert any("frame-ancestors" in error or "frame" in error for error in browsing.errors), browsing.errors
    browsing.errors.clear()


@pytest_asyncio.fixture(loop_scope="session")
async def foreign() -> AsyncIterator[str]:
    """Another site: a server at another port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        body = b"<!doctype html><title>Elsewhere</title><link rel=icon href='data:,'><p>Hello."
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body)
            + body
        )
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"


@pytest.mark.parametrize("dark", [False, True])
async def test_texts_can_be_read(browsing: Browsing, local: LocalEndpoint, width: int, *, dark: bool) -> None:
    """A contrast of 4.5 to 1, WCAG's AA, for every text in sight, by day and by night."""
    page = await browsing.open(local.page_url, width=width, dark=dark)
    local.fail("echo", call=1)
    with pytest.raises(ClientError):
        await boto3_call(local, b"")
    await boto3_call(local, b"1")
    await rows(page).nth(1).wait_for()
    await browsing.picture(page, f"local-page-{width}{'-dark' if dark else ''}")

    low = await page.evaluate(CONTRAST)

    assert [] == low


CONTRAST = r"""() => {
  const numbers = (text) => (text.match(/[\d.]+/g) ?? []).map(Number);
  const channel = (value) => (value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
  const light = ([r, g, b]) => 0.2126 * channel(r / 255) + 0.7152 * channel(g / 255) + 0.0722 * channel(b / 255);
  const behind = (element) => {
    for (let each = element; each; each = each.parentElement) {
      const [r, g, b, a = 1] = numbers(getComputedStyle(each).backgroundColor);
      if (a > 0.9) return [r, g, b];
    }
    return numbers(getComputedStyle(document.documentElement).backgroundColor);
  };
  const low = [];
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!own || !element.checkVisibility() || element.closest("svg, noscript, .skip, [disabled], option")) continue;
    const [a, b] = [light(numbers(getComputedStyle(element).color)), light(behind(element))].sort((x, y) => y - x);
    if ((a + 0.05) / (b + 0.05) < 4.5) low.push([element.textContent.trim(), (a + 0.05) / (b + 0.05)]);
  }
  return low;
}"""
