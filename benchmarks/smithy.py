"""
The CPU time of a call in AWS's own client for asyncio, in its own process, printed as JSON; needs Python 3.12.

There is no such client for SageMaker Runtime, so Bedrock Runtime's InvokeModel is measured: one POST of the same body to the
same server, signed in the same way. Arguments: the URL of the server, the number of calls, and how many are in flight.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys

from aws_sdk_bedrock_runtime.client import AsyncBedrockRuntimeClient
from aws_sdk_bedrock_runtime.config import AsyncBedrockRuntimeConfig
from aws_sdk_bedrock_runtime.models import InvokeModelInput
from clients import BODY, KEYS
from one_client import WARM_UP, cost, make
from smithy_aws_core.identity import StaticCredentialsResolver


async def main(url: str, calls: int, in_flight: int) -> None:
    """Measure, and print."""
    config = await AsyncBedrockRuntimeConfig.resolve(
        endpoint_uri=url,
        region="us-east-1",
        aws_access_key_id=KEYS[0],
        aws_secret_access_key=KEYS[1],
        aws_credentials_identity_resolver=StaticCredentialsResolver(),
    )
    client = AsyncBedrockRuntimeClient(config)

    async def call() -> None:
        await client.invoke_model(InvokeModelInput(model_id="iris", body=BODY, content_type="application/json"))

    await make(call, min(WARM_UP, calls // 5), in_flight)
    gc.collect()
    print(json.dumps(await cost(call, calls, in_flight)))


asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
