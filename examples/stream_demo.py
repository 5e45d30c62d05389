"""
Let a language model on this machine continue a story, and print its words as they arrive: ``make stream-demo``.

Only the cloud is mocked: HTTP and signatures are real, and parts end inside words and inside characters.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import NamedTuple

from story_model import StoryModel, load

from sagemaker_runtime import (
    REQUEST_ID,
    Client,
    InvokeEndpointWithResponseStreamInput,
    PayloadPart,
    ResponseStream,
    ServerSentEvent,
    ServerSentEventParser,
)
from sagemaker_runtime.local import LocalEndpoint

PROMPT = "Alice was"
PAUSE = 0.015  # seconds before each word, so that you can watch it


class Part(NamedTuple):
    """A part of the response, and when it arrived, in seconds since the call."""

    data: bytes
    seconds: float


class Report(NamedTuple):
    """The story, and how it arrived."""

    text: str
    parts: list[Part]
    events: list[ServerSentEvent]
    request_id: str | None


async def noted(stream: ResponseStream, parts: list[Part], started: float) -> AsyncIterator[ServerSentEvent]:
    """The same events as ``stream.iter_server_sent_events()``; also records the parts, to show how they were cut."""
    parser = ServerSentEventParser()
    async for event in stream:
        if isinstance(event, PayloadPart):
            parts.append(Part(event.bytes, time.perf_counter() - started))
            for complete in parser.feed(event.bytes):
                yield complete
    for complete in parser.end():
        yield complete


async def tell(client: Client, prompt: str) -> Report:
    """Print the prompt, and the model's continuation."""
    body = json.dumps({"prompt": prompt, "seed": 1}).encode()
    params = InvokeEndpointWithResponseStreamInput(
        endpoint_name="story", body=body, content_type="application/json", accept="text/event-stream"
    )
    parts: list[Part] = []
    events: list[ServerSentEvent] = []
    text = prompt
    print(prompt, end="")
    started = time.perf_counter()
    output = await client.invoke_endpoint_with_response_stream(params)
    async with output.body as stream:
        async for event in noted(stream, parts, started):
            events.append(event)
            if event.data != "[DONE]":
                word = json.loads(event.data)["text"]
                text += word
                print(word, end="", flush=True)
    print()
    return Report(text, parts, events, output.result_metadata[REQUEST_ID])


def show(report: Report) -> None:
    """Print how it arrived."""
    (_, first), (_, last) = report.parts[0], report.parts[-1]
    print()
    print(f"parts        {len(report.parts)}, with arbitrary boundaries: {report.parts[1].data!r}")
    print(f"events       {len(report.events)}: one for each word, and one that marks the end")
    print(f"first part   after {first * 1000:.0f} ms, the last after {last * 1000:.0f} ms")
    print(f"request id   {report.request_id}")


async def main(pause: float = PAUSE) -> Report:
    """Make the model, serve it, and call it."""
    model = StoryModel(load(), pause=pause)
    async with LocalEndpoint({"story": model}) as local, Client(local.options()) as client:
        return await tell(client, PROMPT)


if __name__ == "__main__":
    show(asyncio.run(main()))
