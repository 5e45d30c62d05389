"""
The words of an LLM while it writes them: server-sent events, each with a JSON document.

Chunk boundaries are arbitrary; `iter_server_sent_events` joins the events. The caller
gets a generator of words, and need not know about SageMaker.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator

from sagemaker_runtime import (
    Client,
    InvokeEndpointWithResponseStreamInput,
    ModelStreamError,
)
from sagemaker_runtime.local import Invocation, LocalEndpoint, StreamError


def story(invocation: Invocation) -> Iterator[bytes]:
    """Stands in for the model. Parts of 7 bytes split events and characters."""
    events = [
        f"data: {json.dumps({'token': word}, ensure_ascii=False)}\n\n"
        for word in (invocation.body.decode(), " so ", "naïve")
    ]
    said = "".join([*events, "data: [DONE]\n\n"]).encode()
    return (said[at : at + 7] for at in range(0, len(said), 7))


async def tokens(client: Client, prompt: str) -> AsyncIterator[str]:
    params = InvokeEndpointWithResponseStreamInput(
        endpoint_name="story", body=prompt.encode()
    )
    output = await client.invoke_endpoint_with_response_stream(params)
    async with output.body as stream:
        async for event in stream.iter_server_sent_events():
            if event.data == "[DONE]":
                break
            yield json.loads(event.data)["token"]


async def main() -> None:
    async with (
        LocalEndpoint({"story": story}) as local,
        Client(local.options()) as client,
    ):
        local.inject("story", StreamError(after=5), call=2)
        for _ in range(2):
            try:
                async for token in tokens(client, "Alice was"):
                    print(token, end="|", flush=True)
                print()
            except ModelStreamError as error:
                print("broke off:", error.error_code)


if __name__ == "__main__":
    asyncio.run(main())
