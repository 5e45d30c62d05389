"""A bulk run that is killed at any moment goes on as if it had not been."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from bulk.doubling import doubling, numbers

from sagemaker_runtime.local import LocalEndpoint

PROGRAM = Path(__file__).with_name("bulk_program.py")


@pytest.fixture
async def local() -> AsyncIterator[LocalEndpoint]:
    async with LocalEndpoint({"m": doubling()}) as endpoint:
        yield endpoint


async def program(local: LocalEndpoint, *arguments: str) -> tuple[int, bytes, bytes]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(PROGRAM),
        *arguments,
        env=os.environ | local.environ(),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    stdout, stderr = await process.communicate()
    assert process.returncode is not None
    return process.returncode, stdout, stderr


@pytest.mark.slow
async def test_a_run_may_be_killed_at_any_of_its_operations_on_the_disk(local: LocalEndpoint, tmp_path: Path) -> None:
    """Before each one, or in the middle of a write; and the next run too. Parts are equal byte for byte, dead letters are there
    once, and nothing is left over.
    """
    numbers(tmp_path, 150, name="in")

    code, stdout, stderr = await program(local, "crashes", local.url, str(tmp_path))

    assert code == 0, stderr.decode()
    found = json.loads(stdout)
    assert [] == found["wrong"], stderr.decode()
    assert found["killed"] > 20
    assert {"part-00000.jsonl", "dead-letters/part-00000.jsonl"} <= found["expected"].keys()


async def test_a_process_that_was_killed_is_in_the_report(local: LocalEndpoint, tmp_path: Path) -> None:
    """It had no time to say anything, and whoever asks why the run took so long has to know of it."""
    numbers(tmp_path, 4_000, name="in")
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(PROGRAM), "run", local.url, str(tmp_path), env=os.environ | local.environ()
    )
    while local.calls("m") < 20 and process.returncode is None:
        await asyncio.sleep(0.002)
    process.kill()
    await process.wait()

    code, stdout, stderr = await program(local, "run", local.url, str(tmp_path))

    assert code == 0, stderr.decode()
    report = json.loads(stdout)
    killed, finished = report["processes"]
    assert (None, "finished") == (killed["end"], finished["end"])
    assert killed["began"] <= killed["seen"] <= finished["began"]
    assert 4_000 == report["records"] == killed["records"] + finished["records"]
    assert "killed" in (tmp_path / "out" / "report.html").read_text()
