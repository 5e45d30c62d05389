"""Runs that are cancelled more than once, and calls that somebody else cancels."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import IO, BinaryIO

import pytest
from bulk.doubling import numbers

from sagemaker_runtime import (
    Client,
    ConfigError,
    Context,
    InitializeHandler,
    InitializeInput,
    InvokeEndpointInput,
    Output,
    Stack,
    with_api_options,
)
from sagemaker_runtime.bulk import BulkError, InputFile, invoke_many, run_bulk
from sagemaker_runtime.bulk.history import History
from sagemaker_runtime.bulk.journal import Journal
from sagemaker_runtime.bulk.local_folder import LocalSource
from sagemaker_runtime.bulk.parts import OpenPart
from sagemaker_runtime.bulk.writing import Writer
from sagemaker_runtime.local import Answer, Invocation, LocalEndpoint


class CancelsSecond:
    """Ends the second call as a cancellation from within would."""

    id = "CancelsSecond"

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, stack: Stack) -> None:
        stack.initialize.add(self)

    async def handle_initialize(self, ctx: Context, step: InitializeInput, next: InitializeHandler) -> Output:
        self.calls += 1
        if self.calls == 2:
            raise asyncio.CancelledError
        return await next(ctx, step)


def echo(invocation: Invocation) -> Answer:
    return Answer(body=invocation.body, content_type=invocation.content_type)


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with LocalEndpoint({"echo": echo}) as endpoint, Client(endpoint.options()) as made:
        yield made


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    return numbers(tmp_path, 20)


async def test_a_call_that_is_cancelled_from_elsewhere_stops_the_run(client: Client, rows: Path) -> None:
    """Its record, and all behind it, were in neither the output nor the dead letters, and the report did not say so."""
    out = rows.parent / "out"
    with pytest.raises(BulkError, match="a call was cancelled from outside"):
        await run_bulk(client, "echo", rows, out, with_api_options(CancelsSecond()), limit=2)

    assert (await run_bulk(client, "echo", rows, out)).succeeded == 20


async def test_a_call_that_is_cancelled_from_elsewhere_ends_the_iteration(client: Client) -> None:
    """It ended without a word, as if there had been no more records."""
    inputs = (InvokeEndpointInput(endpoint_name="echo", body=b"x") for _ in range(5))

    with pytest.raises(BulkError, match="a call was cancelled from outside"):
        async for _ in invoke_many(client, inputs, with_api_options(CancelsSecond()), limit=1):
            pass


async def test_cancelled_twice_it_still_waits_for_its_threads(
    client: Client, rows: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or another run could begin in the folder while a thread of this one still writes there."""
    begun, may = asyncio.Event(), threading.Event()
    loop, really_open = asyncio.get_running_loop(), LocalSource.open

    def open_later(self: LocalSource, file: InputFile) -> BinaryIO:
        loop.call_soon_threadsafe(begun.set)
        may.wait(10)
        return really_open(self, file)

    monkeypatch.setattr(LocalSource, "open", open_later)
    run = asyncio.create_task(run_bulk(client, "echo", rows, rows.parent / "out", drain=0.0))
    await begun.wait()
    for _ in range(3):
        run.cancel()
        await asyncio.wait([run], timeout=0.01)
        assert not run.done()
    may.set()

    with pytest.raises(asyncio.CancelledError):
        await run


@pytest.mark.parametrize(("home", "name"), [(Journal, "__init__"), (OpenPart, "__init__"), (History, "begin")])
async def test_cancelled_while_it_opens_a_file_it_closes_that(
    client: Client, rows: Path, monkeypatch: pytest.MonkeyPatch, home: type, name: str
) -> None:
    """Nobody else can: it was open until the garbage collector found it."""
    loop, cancelled, files = asyncio.get_running_loop(), threading.Event(), list[IO[bytes]]()
    really_open, really_do = os.fdopen, getattr(home, name)

    def fdopen(descriptor: int, mode: str, buffering: int) -> IO[bytes]:
        files.append(really_open(descriptor, mode, buffering))
        return files[-1]

    def cancel() -> None:
        run.cancel()
        loop.call_soon(loop.call_soon, cancelled.set)

    def do(*args: object) -> None:
        really_do(*args)
        if not cancelled.is_set():
            loop.call_soon_threadsafe(cancel)
            assert cancelled.wait(10)

    monkeypatch.setattr(os, "fdopen", fdopen)
    monkeypatch.setattr(home, name, do)
    run = asyncio.create_task(run_bulk(client, "echo", rows, rows.parent / "out"))
    with pytest.raises(asyncio.CancelledError):
        await run

    assert [True] * len(files) == [file.closed for file in files]
    assert (await run_bulk(client, "echo", rows, rows.parent / "out")).succeeded == 20


async def test_an_error_after_a_cancellation_does_not_hide_it(rows: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`asyncio.timeout` and task groups wait for the cancellation; the error is its note."""
    came = asyncio.Event()

    def fail(*_: object) -> None:
        raise ConfigError("the input has changed")

    async def model(_: Invocation) -> Answer:
        came.set()
        await asyncio.sleep(0.01)
        return Answer(body=b"1", content_type="application/json")

    monkeypatch.setattr(Writer, "write", fail)
    async with LocalEndpoint({"m": model}) as endpoint, Client(endpoint.options()) as client:
        run = asyncio.create_task(run_bulk(client, "m", rows, rows.parent / "out", limit=1))
        await came.wait()
        run.cancel()

        with pytest.raises(asyncio.CancelledError) as caught:
            await run

    assert any("the input has changed" in note for note in caught.value.__notes__)
