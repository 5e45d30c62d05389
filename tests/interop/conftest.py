"""
A server that other people wrote: LocalStack's request parser and event-stream encoder, in its own environment.

`make interop` sets up the environment and runs these tests; otherwise they are skipped. They take about a minute, in real
time: only that, and a real gigabyte, show that a stream is neither delayed nor buffered.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from sagemaker_runtime import Client, NopRetryer, Options, StaticCredentialsProvider

SERVER = Path(__file__).with_name("server.py")


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    python = os.environ["INTEROP_PYTHON"]
    with subprocess.Popen([python, SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:  # noqa: S603 - whoever runs the tests names it
        assert server.stdin is not None
        assert server.stdout is not None
        port = server.stdout.readline().strip()
        assert port, "the server did not start; its standard error says why"
        yield f"http://127.0.0.1:{port}"
        server.stdin.close()
        assert server.wait(timeout=20) == 0


@pytest.fixture
async def client(server_url: str) -> AsyncIterator[Client]:
    options = Options(
        region="us-east-1",
        credentials=StaticCredentialsProvider("AKID", "secret"),
        base_endpoint=server_url,
        retryer=NopRetryer(),
    )
    async with Client(options) as client:
        yield client
