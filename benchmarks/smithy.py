"""
CPU time of a call in AWS's own client for asyncio, compared with bare aiohttp in the same process.

There is none for SageMaker Runtime, so Bedrock Runtime's InvokeModel stands in: one POST of the same body to the same
server, signed in the same way. Prints the microseconds of a call for each; needs Python 3.12.
"""

from __future__ import annotations

import asyncio
import statistics
import sys

import aiohttp
from aws_sdk_bedrock_runtime.client import AsyncBedrockRuntimeClient
from aws_sdk_bedrock_runtime.config import AsyncBedrockRuntimeConfig
from aws_sdk_bedrock_runtime.models import InvokeModelInput
from measure import in_turn
from smithy_aws_core.identity import StaticCredentialsResolver

BODY = b'{"instances": [' + b"0.5, " * 200 + b"0.5]}"  # 1 KB


async def main(url: str) -> None:
    """Compare, and print."""
    config = await AsyncBedrockRuntimeConfig.resolve(
        endpoint_uri=url,
        region="us-east-1",
        aws_access_key_id="AKIDEXAMPLE",
        aws_secret_access_key="secret",  # noqa: S106 - the documentation's own
        aws_credentials_identity_resolver=StaticCredentialsResolver(),
    )
    client = AsyncBedrockRuntimeClient(config)
    async with aiohttp.ClientSession() as session:

        async def bare() -> None:
            async with session.post(f"{url}/model/iris/invoke", data=BODY) as response:
                await response.read()

        async def smithy() -> None:
            await client.invoke_model(InvokeModelInput(model_id="iris", body=BODY, content_type="application/json"))

        times = await in_turn({"aiohttp": bare, "smithy": smithy}, calls=400, in_flight=32, rounds=9)
    print(*(statistics.median(series) * 1e6 for series in times.values()))


asyncio.run(main(sys.argv[1]))
