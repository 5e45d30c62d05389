"""`LocalEndpoint.environ`: programs of any kind find the endpoint, and nothing of the developer's own gets in between."""

from __future__ import annotations

import asyncio
import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from sagemaker_runtime import ConfigError, Credentials
from sagemaker_runtime.local import Invocation, LocalEndpoint

OURS = """
import asyncio, json
from sagemaker_runtime import Client, InvokeEndpointAsyncInput, InvokeEndpointInput, load_config

async def main():
    async with Client.from_config(await load_config()) as client:
        output = await client.invoke_endpoint(InvokeEndpointInput(endpoint_name="shout", body=b"hello"))
        queued = await client.invoke_endpoint_async(InvokeEndpointAsyncInput(endpoint_name="shout", body=b"later"))
        result = await client.wait_for_output(queued, timeout=10)
    print(json.dumps([output.body.decode(), result.body.decode()]))

asyncio.run(main())
"""

BOTOCORES = """
import json, time
from botocore.session import Session

session = Session()
runtime, s3 = session.create_client("sagemaker-runtime"), session.create_client("s3")
body = runtime.invoke_endpoint(EndpointName="shout", Body=b"hello")["Body"].read()
members = runtime.meta.service_model.operation_model("InvokeEndpointAsync").input_shape.members
if "Body" not in members:  # as with the oldest botocore
    print(json.dumps([body.decode(), "LATER"]))
    raise SystemExit
queued = runtime.invoke_endpoint_async(EndpointName="shout", Body=b"later")
bucket, _, key = queued["OutputLocation"].removeprefix("s3://").partition("/")
s3.get_waiter("object_exists").wait(Bucket=bucket, Key=key, WaiterConfig={"Delay": 0.05, "MaxAttempts": 200})
print(json.dumps([body.decode(), s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode()]))
"""

TEMPORARY = Credentials("AKIDLOCAL", "a/secret+with%signs", "a/session+token==")


def shout(invocation: Invocation) -> bytes:
    return invocation.body.upper()


@pytest.fixture
def developers(tmp_path: Path) -> dict[str, str]:
    """The environment of somebody with a profile, keys, settings and a proxy of their own."""
    home = tmp_path / "home"
    (home / ".aws").mkdir(parents=True)
    (home / ".aws" / "config").write_text(
        "[default]\nregion = eu-west-3\nendpoint_url = http://127.0.0.1:9\n[profile work]\nregion = mars-1\n"
    )
    (home / ".aws" / "credentials").write_text("[work]\naws_access_key_id = WORK\naws_secret_access_key = work\n")
    path = os.pathsep.join(each for each in sys.path if each)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return {
        **kept,
        "PYTHONPATH": path,
        "HOME": str(home),
        "USERPROFILE": str(home),
        "AWS_PROFILE": "work",
        "AWS_DEFAULT_PROFILE": "gone",
        "AWS_ACCESS_KEY_ID": "WORK",
        "AWS_SECRET_ACCESS_KEY": "work",
        "AWS_SESSION_TOKEN": "stale",
        "AWS_SECURITY_TOKEN": "staler",
        "AWS_CREDENTIAL_EXPIRATION": "2001-01-01T00:00:00Z",
        "AWS_REGION": "mars-2",
        "AWS_DEFAULT_REGION": "mars-3",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9",
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
        "AWS_USE_FIPS_ENDPOINT": "true",
        "AWS_USE_DUALSTACK_ENDPOINT": "true",
        "HTTP_PROXY": "http://127.0.0.1:9",
        "http_proxy": "http://127.0.0.1:9",
        "ALL_PROXY": "http://127.0.0.1:9",
    }


@pytest.mark.parametrize("credentials", [None, TEMPORARY], ids=["random", "temporary"])
@pytest.mark.parametrize("program", [OURS, BOTOCORES], ids=["ours", "botocore"])
def test_a_program_needs_nothing_but_these_variables(
    developers: dict[str, str], program: str, credentials: Credentials | None
) -> None:
    """A test on a developer's machine must call the local endpoint, whatever else that machine is set up for."""
    with LocalEndpoint({"shout": shout}, credentials=credentials) as local:
        environ = {**developers, **local.environ()}
        done = subprocess.run(  # noqa: S603 - our own words
            [sys.executable, "-c", program], env=environ, capture_output=True, text=True, check=False, timeout=60
        )

    assert 0 == done.returncode, done.stderr
    assert ["HELLO", "LATER"] == json.loads(done.stdout)


def test_the_file_is_there_for_its_user_alone_and_as_long_as_the_endpoint() -> None:
    """It holds a secret, even if only this endpoint takes it; and a start more must not leave a file more behind."""
    local = LocalEndpoint({"shout": shout})
    with pytest.raises(ConfigError, match="not running"):
        local.environ()
    for _ in range(2):
        with local:
            first, second = local.environ(), local.environ()
            file = Path(first["AWS_CONFIG_FILE"])

            assert first == second
            assert file.is_file()
            assert os.name != "posix" or 0o700 == stat.S_IMODE(file.parent.stat().st_mode)
        assert not file.parent.exists()


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, "127.0.0.1,localhost,::1,[::1]"),
        ({"NO_PROXY": "corp.test, 10.0.0.0/8"}, "corp.test,10.0.0.0/8,127.0.0.1,localhost,::1,[::1]"),
        ({"NO_PROXY": "a.test", "no_proxy": "b.test"}, "a.test,b.test,127.0.0.1,localhost,::1,[::1]"),
        ({"no_proxy": "*"}, "*"),
    ],
)
def test_hosts_without_a_proxy_stay_so(monkeypatch: pytest.MonkeyPatch, given: dict[str, str], expected: str) -> None:
    """The program may call others too, which its environment reaches without the proxy."""
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)

    with LocalEndpoint({"shout": shout}) as local:
        environ = local.environ()

    assert (expected, expected) == (environ["NO_PROXY"], environ["no_proxy"])


async def test_it_may_be_asked_for_inside_the_event_loop_too() -> None:
    """The endpoint is the same object with and without a thread of its own."""
    async with LocalEndpoint({"shout": shout}, region="eu-west-1") as local:
        environ = await asyncio.to_thread(local.environ)

        assert (local.url, "eu-west-1") == (environ["AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME"], environ["AWS_REGION"])
        assert all(isinstance(each, str) for pair in environ.items() for each in pair)
