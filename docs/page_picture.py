"""
Take docs/pictures/local-endpoint-page.png, the picture of the local endpoint's page.

``make screenshots`` runs it. The page is a real one, in a headless Chromium, and
shows real calls: some fail and are retried, and a stream is under way. The times are
those of the machine it runs on, so no two pictures are the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

from headless import chromium

from sagemaker_runtime import (
    Client,
    InvokeEndpointInput,
    InvokeEndpointWithResponseStreamInput,
    ServiceError,
    StaticCredentialsProvider,
    override,
)
from sagemaker_runtime.local import (
    Answer,
    Invocation,
    Latency,
    LocalEndpoint,
    Reset,
    Throttled,
    Variants,
)

if TYPE_CHECKING:
    from playwright.async_api import Browser

PICTURE = Path(__file__).parent / "pictures" / "local-endpoint-page.png"
WIDTH, HEIGHT = 1240, 640  # CSS pixels
WORDS = "Once upon a time there was a small model that told stories, word by word."


async def classify(invocation: Invocation) -> Answer:
    await asyncio.sleep(0.004 + len(invocation.body) % 5 / 500)
    return Answer(
        body=b'{"species": "setosa", "score": 0.97}', content_type="application/json"
    )


async def challenge(invocation: Invocation) -> Answer:
    await asyncio.sleep(0.02)
    return await classify(invocation)


async def tell(invocation: Invocation) -> AsyncIterator[bytes]:
    del invocation
    for word in WORDS.split():
        await asyncio.sleep(0.2)
        yield f"{word} ".encode()


for model in (classify, challenge, tell):
    model.__module__ = "models"  # as if they had been imported from there


async def call(client: Client) -> None:
    """Calls as a program makes them, over a few seconds."""
    for number in range(34):
        body = b'{"sepal": [5.1, 3.5], "petal": [1.4, 0.2]}' + b" " * (number % 7)
        params = InvokeEndpointInput(
            endpoint_name="iris", body=body, content_type="application/json"
        )
        try:
            await client.invoke_endpoint(params)
        except ServiceError as error:
            print(f"{error.code}, as it should be")
        await asyncio.sleep(0.02 + number % 5 / 20 + (number % 11 == 0) * 0.7)
    misspelt = InvokeEndpointInput(endpoint_name="irsi", body=b"5.1,3.5")
    forged = override(credentials=StaticCredentialsProvider("AKIDEXAMPLE", "secret"))
    for sent, change in ((misspelt, override()), (params, forged)):
        try:
            await client.invoke_endpoint(sent, change)
        except ServiceError as error:
            print(f"{error.code}, as it should be")


async def listen(client: Client) -> None:
    params = InvokeEndpointWithResponseStreamInput(
        endpoint_name="story", body=b"Tell me a story.", content_type="text/plain"
    )
    output = await client.invoke_endpoint_with_response_stream(params)
    async with output.body as parts:
        async for _ in parts:
            pass


async def take(browser: Browser, local: LocalEndpoint) -> None:
    page = await browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
    await page.goto(local.page_url)
    async with Client(local.options()) as client:
        local.inject("iris", Reset(), call=8)
        local.inject("iris", Throttled(), call=27)
        local.fail("iris", call=32, error="ModelError")
        await call(client)
        local.inject("iris", Latency(2.0), call=local.calls("iris") + 1)
        story = asyncio.create_task(listen(client))
        await page.locator("#pool .row", has_text="story").click()
        await page.click("#show-parts")
        await page.locator(".parts li", has_text="stories").wait_for()
        await page.screenshot(path=PICTURE)
        await story


async def main() -> None:
    iris = Variants({"blue": (classify, 9), "green": (challenge, 1)})
    async with (
        LocalEndpoint({"iris": iris, "story": tell}, page=True) as local,
        chromium() as browser,
    ):
        await take(browser, local)
    print(f"{PICTURE}: {PICTURE.stat().st_size:,} bytes")


if __name__ == "__main__":
    asyncio.run(main())
