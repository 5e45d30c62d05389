"""A local endpoint, and the command line as a program and as a function."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from attrs import define

from sagemaker_runtime.cli.main import main
from sagemaker_runtime.local import Answer, Invocation, LocalEndpoint

ESCAPES = b"\x1b[2Jred \x1b]0;title\x07\r\nnext"


def echo(invocation: Invocation) -> bytes:
    return invocation.body


def size(invocation: Invocation) -> bytes:
    return b"%d" % len(invocation.body)


def attributes(invocation: Invocation) -> Answer:
    return Answer(body=(invocation.custom_attributes or "").encode(), content_type="text/plain")


def escapes(invocation: Invocation) -> bytes:
    return ESCAPES


def binary(invocation: Invocation) -> bytes:
    return bytes(range(256)) * 20


def fail(invocation: Invocation) -> bytes:
    raise LookupError("\x1b[31mno weights\x1b[0m\nin the file")


async def wait(invocation: Invocation) -> bytes:
    """Wait longer than any test, without using one of the models' few threads."""
    await asyncio.Event().wait()
    return b"late"


async def parts(invocation: Invocation) -> AsyncIterator[bytes]:
    """Yield a part immediately, and the next one longer than any test takes after it."""
    yield b"part 0\n"
    await asyncio.Event().wait()
    yield b"part 1\n"


async def endless(invocation: Invocation) -> AsyncIterator[bytes]:
    """Yield parts for as long as somebody reads them."""
    while True:
        yield b"part\n"
        await asyncio.sleep(0.01)


def events(invocation: Invocation) -> Iterator[bytes]:
    yield b'data: {"token": "a"}\n\ndata: {"to'
    yield b'ken": "b"}\n\ndata: [DONE]\n\n'


def documents(invocation: Invocation) -> Iterator[bytes]:
    yield b'{"a":'
    yield b' 1}\n{"b": "\xc3'
    yield b'\xa9"}\n' + invocation.body


class Doubler:
    """Doubles each number of a list. A request with a 13 fails until ``mended``; all but the first wait for ``may``."""

    __name__ = "double"

    def __init__(self) -> None:
        self.mended, self.may = threading.Event(), threading.Event()
        self.asked = 0
        self.reset()

    def reset(self) -> None:
        self.asked = 0
        self.mended.clear()
        self.may.set()

    def __call__(self, invocation: Invocation) -> Answer:
        self.asked += 1
        if self.asked > 1:
            self.may.wait()
        numbers = json.loads(invocation.body)["instances"]
        if 13 in numbers and not self.mended.is_set():
            raise ValueError("unlucky")
        return Answer(body=json.dumps([2 * number for number in numbers]).encode(), content_type="application/json")


double = Doubler()

MODELS = (double, echo, size, attributes, escapes, binary, fail, wait, parts, endless, events, documents)


@pytest.fixture
def model() -> Doubler:
    """The model behind the endpoint ``double``."""
    double.reset()
    return double


@pytest.fixture(scope="session")
def endpoint() -> Iterator[LocalEndpoint]:
    with LocalEndpoint({model.__name__: model for model in MODELS}) as local:
        yield local


@pytest.fixture
def environment(endpoint: LocalEndpoint, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, str]:
    """The variables that lead the command to the endpoint, set in this process too, in a folder of the test."""
    for name in [name for name in os.environ if name.startswith("AWS_") or name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    for name, value in endpoint.environ().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(tmp_path)
    return dict(os.environ)


@define
class Said:
    """The results of a run of the command."""

    code: int
    out: bytes
    err: str


@pytest.fixture
def run(environment: dict[str, str], capfdbinary: pytest.CaptureFixture[bytes]) -> Callable[..., Said]:
    """Runs the command in this process."""

    def run(*words: str) -> Said:
        try:
            code = main(words)
        except SystemExit as error:  # after --help
            code = error.code
        said = capfdbinary.readouterr()
        return Said(code, said.out, said.err.decode())

    return run


COMMAND = [sys.executable, "-m", "sagemaker_runtime"]


@pytest.fixture
def program(environment: dict[str, str]) -> Callable[..., Said]:
    """Runs the command in its own process."""

    def program(*words: str, body: bytes | None = b"", **variables: str) -> Said:
        done = subprocess.run(  # noqa: S603 - our own words
            [*COMMAND, *words], input=body, capture_output=True, env=environment | variables, check=False, timeout=60
        )
        return Said(done.returncode, done.stdout, done.stderr.decode())

    return program
