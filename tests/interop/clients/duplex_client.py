"""
Talks to an endpoint with AWS's own client, which knows nothing of this package.

Each line of standard input is a call: its members, and what to do, one thing after another: ``["send", text, type, state]``,
``["receive", how many]`` and ``["end"]``. When all is done it reads to the end of the response.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import Any

from aws_sdk_sagemaker_runtime_http2.client import AsyncSageMakerRuntimeHTTP2Client
from aws_sdk_sagemaker_runtime_http2.config import AsyncSageMakerRuntimeHTTP2Config
from aws_sdk_sagemaker_runtime_http2.models import (
    InvokeEndpointWithBidirectionalStreamInput,
    RequestPayloadPart,
    RequestStreamEventPayloadPart,
)
from smithy_http.aio.crt import AWSCRTHTTPClient

LIMIT = 20  # seconds for a call; the client itself waits for ever where it gets no answer


async def talk(client: AsyncSageMakerRuntimeHTTP2Client, members: dict[str, str], steps: list[list[Any]]) -> None:
    said: list[Any] = []
    told: dict[str, Any] = {"said": said}
    stream = None
    try:
        async with asyncio.timeout(LIMIT):
            stream = await client.invoke_endpoint_with_bidirectional_stream(
                InvokeEndpointWithBidirectionalStreamInput(**members)
            )
            for name, *arguments in steps:
                if name == "send":
                    text, data_type, state = arguments
                    part = RequestPayloadPart(bytes_=text.encode(), data_type=data_type, completion_state=state)
                    await stream.input_stream.send(RequestStreamEventPayloadPart(value=part))
                elif name == "end":
                    await stream.input_stream.close()
                else:
                    for _ in range(arguments[0]):
                        await receive(stream, told)
            while await receive(stream, told):
                pass
    except Exception as error:  # noqa: BLE001 - whatever it is, it is told
        facts = {name: value for name, value in vars(error).items() if isinstance(value, (str, int))}
        told["error"] = {"type": type(error).__name__, "text": str(error), **facts}
    print(json.dumps(told), flush=True)  # noqa: T201 - the test reads it


async def receive(stream: Any, told: dict[str, Any]) -> bool:
    """Whether there was one more event."""
    output, events = await stream.await_output()
    told["variant"] = output.invoked_production_variant
    event = await events.receive()
    if event is None:
        return False
    value = event.value
    if isinstance(value, Exception):
        raise value
    told["said"].append([(value.bytes_ or b"").decode(errors="replace"), value.data_type, value.completion_state])
    return True


async def main() -> None:
    config = await AsyncSageMakerRuntimeHTTP2Config.resolve(
        endpoint_uri=os.environ["ENDPOINT_URL"],
        region=os.environ["AWS_DEFAULT_REGION"],
        aws_access_key_id=os.environ["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=os.environ["AWS_SECRET_ACCESS_KEY"],
        aws_session_token=os.environ.get("AWS_SESSION_TOKEN"),
        transport=AWSCRTHTTPClient(),
    )
    client = AsyncSageMakerRuntimeHTTP2Client(config=config)
    for line in sys.stdin:
        members, steps = json.loads(line)
        await talk(client, members, steps)
    sys.stdout.flush()
    os._exit(0)  # a call that failed may have left a thread of the transport's that never ends


asyncio.run(main())
