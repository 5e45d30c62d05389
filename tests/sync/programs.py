"""Programs that call an endpoint with a `SyncClient`, each in a process of its own."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import textwrap

from sagemaker_runtime.local import Invocation, LocalEndpoint

PRELUDE = """
import gc, os, signal, sys, threading, time
from sagemaker_runtime import InvokeEndpointInput, InvokeEndpointWithResponseStreamInput, StandardRetryer, override
from sagemaker_runtime.sync import SyncClient

signal.alarm(60)  # ends this process, should it hang; a child has an alarm of its own
PARAMS = InvokeEndpointInput(endpoint_name="echo", body=b"ok")
NEVER = InvokeEndpointInput(endpoint_name="never", body=b"")

def calls(client, number):
    for _ in range(number):
        assert client.invoke_endpoint(PARAMS).body == b"ok"
"""


def echo(invocation: Invocation) -> bytes:
    return invocation.body


async def never(invocation: Invocation) -> bytes:
    await asyncio.Event().wait()
    raise AssertionError


async def story(invocation: Invocation):
    for number in range(1_000):
        yield b"part %d\n" % number


MODELS = {"echo": echo, "never": never, "story": story}


def environment(local: LocalEndpoint) -> dict[str, str]:
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "AWS_ENDPOINT_URL": local.url,
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": local.credentials.access_key_id,
        "AWS_SECRET_ACCESS_KEY": local.credentials.secret_access_key,
    }


def start(local: LocalEndpoint, program: str, *options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(  # noqa: S603 - a program of this test's
        [
            sys.executable,
            "-W",
            "default",
            "-W",
            "ignore::DeprecationWarning",
            *options,
            "-c",
            PRELUDE + textwrap.dedent(program),
        ],
        env=environment(local),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(local: LocalEndpoint, program: str) -> list[str]:
    """The lines that it prints, if it ends well and complains of nothing."""
    with start(local, program) as process:
        out, err = process.communicate()
    assert ("", 0) == (err, process.returncode)
    return out.splitlines()
