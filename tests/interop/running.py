"""Other people's programs: each in a process and an environment of its own, where this package is not installed."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

from sagemaker_runtime import Credentials
from sagemaker_runtime.local import LocalEndpoint

HERE = Path(__file__).parent
ENVIRONMENTS = Path(os.environ.get("INTEROP_ENVIRONMENTS", "")).absolute()
WHY_SKIPPED = (
    "INTEROP_ENVIRONMENTS names no folder with the environments of other people's programs; run `make interop`"
)
TIMEOUT = 60.0  # seconds that a program may take
SDKS = ["boto3", "aiobotocore"]
PROGRAMS = [*SDKS, "awscli", "servers"]


def program(environment: str, name: str = "python") -> str:
    """The path of a program in one of the environments."""
    return str(ENVIRONMENTS / f"interop-{environment}" / "bin" / name)


def variables() -> dict[str, str]:
    """The variables of this process without those that tell Python or an AWS SDK anything: no secrets, no proxies."""
    told = {name: value for name, value in os.environ.items() if not name.upper().startswith(("AWS_", "PYTHON"))}
    return {name: value for name, value in told.items() if not name.upper().endswith("_PROXY")} | {
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_MAX_ATTEMPTS": "1",
        "AWS_PAGER": "",
    }


def variables_for(local: LocalEndpoint, credentials: Credentials | None = None) -> dict[str, str]:
    """Where AWS's SDKs look for region and keys: *credentials*, or those of the endpoint."""
    keys = credentials or local.credentials
    told = variables() | {
        "ENDPOINT_URL": local.url,
        "AWS_DEFAULT_REGION": local.region,
        "AWS_ACCESS_KEY_ID": keys.access_key_id,
        "AWS_SECRET_ACCESS_KEY": keys.secret_access_key,
    }
    return told if keys.session_token is None else told | {"AWS_SESSION_TOKEN": keys.session_token}


async def run(
    command: list[str], environment: dict[str, str], stdin: str = "", cwd: Path | None = None
) -> tuple[int, str, str]:
    """Exit status, standard output and standard error of a program, which does not outlive the call."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *command, env=environment, cwd=cwd, stdin=pipe, stdout=pipe, stderr=pipe
    )
    try:
        async with asyncio.timeout(TIMEOUT):
            out, error = await process.communicate(stdin.encode())
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    return process.returncode, out.decode(), error.decode()


async def call(
    sdk: str, local: LocalEndpoint, *calls: tuple[str, dict[str, Any]], credentials: Credentials | None = None
) -> list[dict[str, Any]]:
    """What an SDK's client makes of some operations of SageMaker Runtime, or of S3: those with ``s3:`` before the name."""
    lines: list[str] = []
    for name, members in calls:
        service, _, operation = name.rpartition(":")
        lines.append(json.dumps([service or "sagemaker-runtime", operation, members]))
    script = HERE / "clients" / f"{sdk}_client.py"
    status, out, error = await run(
        [program(sdk), str(script)], variables_for(local, credentials), "\n".join(lines) + "\n"
    )
    assert (0, "") == (status, error)
    return [json.loads(line) for line in out.splitlines()]


async def aws(
    local: LocalEndpoint, *arguments: str, cwd: Path, credentials: Credentials | None = None
) -> tuple[int, str, str]:
    """Exit status, standard output and standard error of the AWS CLI, told to ask the local endpoint."""
    command = [program("awscli", "aws"), *arguments, "--endpoint-url", local.url, "--output", "json"]
    return await run(command, variables_for(local, credentials), cwd=cwd)


async def has_module(environment: str, module: str) -> bool:
    """Whether an environment has a module."""
    code = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({module!r}) is None)"
    status, _, _ = await run([program(environment), "-c", code], variables())
    return status == 0
