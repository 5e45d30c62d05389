"""
AWS's own client, sending parts to the server of duplex_cost.py and waiting for each to come back; needs Python 3.12.

::

    SSL_CERT_FILE=... python duplex_peer.py URL PARTS

It prints, as a JSON list, the CPU seconds of this process, and the median of the seconds that a part took.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import sys
import time

from aws_sdk_sagemaker_runtime_http2.client import AsyncSageMakerRuntimeHTTP2Client
from aws_sdk_sagemaker_runtime_http2.config import AsyncSageMakerRuntimeHTTP2Config
from aws_sdk_sagemaker_runtime_http2.models import (
    InvokeEndpointWithBidirectionalStreamInput,
    RequestPayloadPart,
    RequestStreamEventPayloadPart,
)
from smithy_http.aio.crt import AWSCRTHTTPClient

PART = bytes(3_200)
WARM_UP = 500
KEYS = ("AKIDEXAMPLE", "secret")


async def main() -> None:
    """Measure, print, and exit immediately: the client's transport has a thread that may never end."""
    config = await AsyncSageMakerRuntimeHTTP2Config.resolve(
        endpoint_uri=sys.argv[1],
        region="us-east-1",
        aws_access_key_id=KEYS[0],
        aws_secret_access_key=KEYS[1],
        transport=AWSCRTHTTPClient(),
    )
    client = AsyncSageMakerRuntimeHTTP2Client(config=config)
    params = InvokeEndpointWithBidirectionalStreamInput(endpoint_name="echo")
    stream = await client.invoke_endpoint_with_bidirectional_stream(params)
    event = RequestStreamEventPayloadPart(value=RequestPayloadPart(bytes_=PART, data_type="BINARY"))
    took: list[float] = []
    events = None
    cpu = 0.0
    for number in range(WARM_UP + int(sys.argv[2])):
        if number == WARM_UP:
            took.clear()
            cpu = time.process_time()
        started = time.perf_counter()
        await stream.input_stream.send(event)
        if events is None:
            _, events = await stream.await_output()
        part = await events.receive()
        assert part is not None
        took.append(time.perf_counter() - started)
    print(json.dumps([time.process_time() - cpu, statistics.median(took)]), flush=True)
    os._exit(0)


asyncio.run(main())
