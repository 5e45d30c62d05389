"""Programs that make one call. The CPU time of their processes, from start to exit, is the cost of a start."""

from __future__ import annotations

BARE = """
import asyncio, aiohttp
async def main(url):
    async with aiohttp.ClientSession() as session:
        async with session.post(url + "/endpoints/iris/invocations", data=b"{}") as response:
            assert await response.read()
"""

BASE_ENDPOINT = """
import asyncio
from sagemaker_runtime import Client, InvokeEndpointInput, Options, StaticCredentialsProvider
async def main(url):
    async with Client(Options(
        region="us-east-1", base_endpoint=url, credentials=StaticCredentialsProvider("AKIDEXAMPLE", "secret")
    )) as client:
        assert (await client.invoke_endpoint(InvokeEndpointInput(endpoint_name="iris", body=b"{}"))).body
"""

DEFAULT_RESOLVER = """
import asyncio
from sagemaker_runtime import AioHTTPClient, Client, InvokeEndpointInput, Options, StaticCredentialsProvider
class ToLoopback(AioHTTPClient):
    async def send(self, request, *, timeout):
        request.scheme, request.host = "http", URL.removeprefix("http://")
        return await super().send(request, timeout=timeout)
async def main(url):
    global URL
    URL = url
    http_client = ToLoopback()
    client = Client(Options(
        region="us-east-1", http_client=http_client, credentials=StaticCredentialsProvider("AKIDEXAMPLE", "secret")
    ))
    assert (await client.invoke_endpoint(InvokeEndpointInput(endpoint_name="iris", body=b"{}"))).body
    await http_client.close()
"""

CREDENTIALS = """
import asyncio
from sagemaker_runtime import Client, InvokeEndpointInput, Options
async def main(url):
    async with Client(Options(region="us-east-1", base_endpoint=url)) as client:
        assert (await client.invoke_endpoint(InvokeEndpointInput(endpoint_name="iris", body=b"{}"))).body
"""

ENVIRONMENT = """
import asyncio
from sagemaker_runtime import Client, InvokeEndpointInput, load_config, override
async def main(url):
    async with Client.from_config(await load_config(), override(base_endpoint=url)) as client:
        assert (await client.invoke_endpoint(InvokeEndpointInput(endpoint_name="iris", body=b"{}"))).body
"""

BOTO3 = """
import boto3
def main(url):
    client = boto3.client("sagemaker-runtime", region_name="us-east-1", endpoint_url=url)
    assert client.invoke_endpoint(EndpointName="iris", Body=b"{}")["Body"].read()
"""

IMPORT = "import sagemaker_runtime"

HELP = """
from sagemaker_runtime.cli.main import main
assert main(["--help"]) == 0
"""

INVOKE = """
import sys
from sagemaker_runtime.cli.main import main
assert main(["invoke", "--endpoint-name", "iris", "--body", "{}", "--endpoint-url", sys.argv[1]]) == 0
"""

RUN = "\nimport sys\nasyncio.run(main(sys.argv[1]))\n"
PROGRAMS = {
    "aiohttp": BARE + RUN,
    "ours, base_endpoint": BASE_ENDPOINT + RUN,
    "ours, default resolver": DEFAULT_RESOLVER + RUN,
    "ours, keys from the environment": CREDENTIALS + RUN,
    "ours, all from the environment": ENVIRONMENT + RUN,
    "import sagemaker_runtime": IMPORT,
    "sagemaker-runtime --help": HELP,
    "sagemaker-runtime invoke": INVOKE,
    "boto3": BOTO3 + "\nimport sys\nmain(sys.argv[1])\n",
}
VARIABLES = {
    "AWS_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_CONFIG_FILE": "/nonexistent",
    "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
}
