"""The pytest plugin, in runs of pytest like those of its users."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

from sagemaker_runtime import Client, InvokeEndpointInput
from sagemaker_runtime.local import Invocation, LocalEndpoint

USES_IT = """
import asyncio, threading
import pytest
from sagemaker_runtime import Client, ConfigError, InvokeEndpointInput

kept = []

async def invoke(local):
    async with Client(local.options()) as client:
        return (await client.invoke_endpoint(InvokeEndpointInput(endpoint_name="iris", body=b"1"))).body

def test_without_a_loop(sagemaker_runtime_local):
    local = sagemaker_runtime_local({"iris": lambda invocation: b"setosa"}, region="eu-west-1", page=True)
    assert local.page_url.startswith("http://127.0.0.1:")
    other = sagemaker_runtime_local({"iris": lambda invocation: b"other"})
    kept.extend([local, other])
    assert asyncio.run(invoke(local)) == b"setosa"
    assert asyncio.run(invoke(other)) == b"other"
    assert local.region == "eu-west-1"

def test_nothing_is_left_of_the_test_before():
    assert [local.calls("iris") for local in kept] == [1, 1]
    assert [thread.name for thread in threading.enumerate() if "LocalEndpoint" in thread.name] == []
    for local in kept:
        with pytest.raises(ConfigError, match="not running"):
            local.url
"""

DOES_NOT_USE_IT = """
import sys

def test_the_package_is_not_there():
    assert "pytest_sagemaker_runtime" in sys.modules
    assert [name for name in sys.modules if name.startswith(("sagemaker_runtime", "aiohttp", "botocore"))] == []
"""


def run(folder: Path, *arguments: str, before: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    """Run pytest in *folder*, with the plugin, without the others of this environment, and with warnings as errors."""
    plain = ("-p", "no:asyncio", "-p", "no:hypothesispytest", "-p", "no:cacheprovider", "-W", "error")
    command = [sys.executable, *before, "-m", "pytest", "-q", *plain, *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603 - our own words


def test_the_fixture_serves_tests_without_any_loop_of_their_own(tmp_path: Path) -> None:
    """Nobody should need a plugin for asyncio to test a function that calls an endpoint."""
    (tmp_path / "test_it.py").write_text(USES_IT)

    done = run(tmp_path)

    assert "2 passed" in done.stdout, done.stdout + done.stderr
    assert 0 == done.returncode


def test_a_failing_test_leaves_no_server_behind(tmp_path: Path) -> None:
    """The endpoints are stopped whatever the test did, and the run comes to its end."""
    (tmp_path / "test_it.py").write_text(
        USES_IT.replace('assert local.region == "eu-west-1"', 'assert local.region == "mars"')
    )

    done = run(tmp_path)

    assert "1 failed, 1 passed" in done.stdout, done.stdout + done.stderr


def test_the_plugin_imports_nothing_of_the_package_until_it_is_used(tmp_path: Path) -> None:
    """Every run of pytest in the environment loads it, whatever it is about."""
    (tmp_path / "test_it.py").write_text(DOES_NOT_USE_IT)

    done = run(tmp_path)

    assert "1 passed" in done.stdout, done.stdout + done.stderr


def test_coverage_still_sees_the_package_being_imported(tmp_path: Path) -> None:
    """A plugin that imports what is measured takes all lines at the top of its modules out of the report."""
    package = Path(sys.modules["sagemaker_runtime"].__file__ or "").parent
    (tmp_path / "test_it.py").write_text(
        "from sagemaker_runtime import context\n\ndef test_it():\n    assert context\n"
    )
    (tmp_path / "start.py").write_text(
        # The measurement begins when pytest has loaded its plugins, as that of pytest-cov does.
        "import coverage\n"
        "measured = coverage.Coverage(data_file=None, source_pkgs=['sagemaker_runtime'])\n"
        "def pytest_sessionstart(session):\n    measured.start()\n"
        "def pytest_sessionfinish(session):\n"
        "    measured.stop()\n"
        f"    lines = measured.analysis2({str(package / 'context.py')!r})\n"
        "    print('found', len(lines[1]) - len(lines[3]) > 20)\n"
    )

    done = run(tmp_path, "-s", "-p", "start")

    assert "found True" in done.stdout, done.stdout + done.stderr
    assert 0 == done.returncode


async def test_the_fixture_serves_asynchronous_tests(sagemaker_runtime_local: type[LocalEndpoint]) -> None:
    """The test has a loop of its own, and the endpoint another, in which the model runs."""

    async def shout(invocation: Invocation) -> bytes:
        await asyncio.sleep(0)
        return invocation.body.upper()

    local = sagemaker_runtime_local({"shout": shout})

    async with Client(local.options()) as client:
        output = await client.invoke_endpoint(InvokeEndpointInput(endpoint_name="shout", body=b"hello"))

    assert b"HELLO" == output.body
    assert isinstance(local, LocalEndpoint)
