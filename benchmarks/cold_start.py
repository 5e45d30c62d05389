"""
CPU time from the start of a process to its first response, as a multiple of bare aiohttp's and of boto3's.

Each figure is the median of several processes, started in turn. The time that a process takes to exit counts too.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys

from measure import Row, ratio
from serving import serving

ROUNDS = 17

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

RUN = "\nimport sys\nasyncio.run(main(sys.argv[1]))\n"
PROGRAMS = {
    "bare aiohttp": BARE + RUN,
    "ours, base_endpoint": BASE_ENDPOINT + RUN,
    "ours, default resolver": DEFAULT_RESOLVER + RUN,
    "ours, credentials from the environment": CREDENTIALS + RUN,
    "ours, all from the environment": ENVIRONMENT + RUN,
    "boto3": BOTO3 + "\nimport sys\nmain(sys.argv[1])\n",
    "import aiohttp": "import aiohttp",
    "import sagemaker_runtime": "import sagemaker_runtime",
}
OURS = [name for name in PROGRAMS if name.startswith("ours")]


def cpu_of(program: str, url: str, environment: dict[str, str]) -> float:
    """Seconds of CPU, user and system, that a process with *program* took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", program, url], env=environment, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def measured(rounds: int = ROUNDS) -> dict[str, list[float]]:
    """By program, the seconds of CPU that a process took, in each round."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PYTHON", "REQUESTS_CA_"))
    } | {
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_CONFIG_FILE": "/nonexistent",
        "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
    }
    times: dict[str, list[float]] = {name: [] for name in PROGRAMS}
    with serving("canned_server.py") as url:
        for round_number in range(rounds + 1):
            for name, program in PROGRAMS.items():
                seconds = cpu_of(program, url, environment)
                if round_number:  # the first round compiles what is not compiled yet
                    times[name].append(seconds)
    return times


def rows() -> list[Row]:
    """The lines of the table."""
    times = measured()
    bare = times["bare aiohttp"]

    def row(what: str, name: str, other: list[float], limit: str) -> Row:
        took = statistics.median(times[name]) * 1e3
        return Row(what, ratio(times[name], other), limit, f"{took:.0f} ms and {statistics.median(other) * 1e3:.0f} ms")

    return [
        *(
            row(f"start to first response, {name.removeprefix('ours, ')} / aiohttp", name, bare, "<= 1.15")
            for name in OURS
        ),
        *(row(f"the same / boto3, {name.removeprefix('ours, ')}", name, times["boto3"], "<= 1") for name in OURS),
        row("import sagemaker_runtime / import aiohttp", "import sagemaker_runtime", times["import aiohttp"], "<= 1.1"),
    ]


if __name__ == "__main__":
    print(*rows(), sep="\n")
