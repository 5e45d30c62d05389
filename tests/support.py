"""Shared by the tests: shortcuts for the testing kit and the public types."""

from __future__ import annotations

import asyncio

from attrs import define, frozen

from sagemaker_runtime import (
    Client,
    Context,
    Headers,
    HTTPClient,
    OptFn,
    Options,
    Response,
    Timeout,
    operations,
    override,
)
from sagemaker_runtime.testing import ManualClock, ScriptEntry, StubHTTPClient
from sagemaker_runtime.testing.clock import START as NOON

__all__ = [
    "NOON",
    "OPERATIONS",
    "ManualClock",
    "ScriptedBody",
    "ScriptedHTTPClient",
    "StillClock",
    "answer",
    "client",
    "facts",
    "options",
]

OPERATIONS = [operations.operation(name) for name in operations.OPERATIONS]


@frozen
class StillClock:
    """
    A clock for a client that polls a server: a sleep takes no time, on this clock either.

    A `ManualClock` moves with each poll. If the server has it too, its limits pass while somebody waits; if not, the client's
    signatures expire, and its patience ends. Both depend on how many polls fit into the server's work, which is chance.
    """

    time: float

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return 0.0

    async def sleep(self, seconds: float, /) -> None:
        await asyncio.sleep(0)


@define
class ScriptedBody:
    """A body in memory; `closed` counts how often it was closed."""

    data: bytes = b""
    delimited: bool = True
    error: Exception | None = None
    closed: int = 0

    async def read(self) -> bytes:
        if self.error is not None:
            raise self.error
        return self.data

    async def chunk(self) -> bytes:
        data, self.data = await self.read(), b""
        return data

    def close(self) -> None:
        self.closed += 1


def answer(status: int = 200, body: bytes = b"ok", **headers: str) -> Response:
    """A response; header names are written with underscores."""
    given = Headers(
        {"content-length": str(len(body)), **{name.replace("_", "-"): value for name, value in headers.items()}}
    )
    return Response(status, given, ScriptedBody(body))


class ScriptedHTTPClient(StubHTTPClient):
    """The testing kit's stub; the last entry of the script is used for all further requests."""

    def __init__(self, script: list[ScriptEntry] | None = None) -> None:
        super().__init__([answer()] if script is None else script, repeat=True)

    @property
    def timeouts(self) -> list[Timeout]:
        """The limits of each request."""
        return [sent.timeout for sent in self.requests]


def options(http_client: HTTPClient | None = None, **changes: object) -> Options:
    """Options for a client that reaches only a script."""
    made = ScriptedHTTPClient().options()
    override(**({} if http_client is None else {"http_client": http_client}), **changes)(made)
    return made


def facts(client: Client, operation: str, *opt_fns: OptFn) -> Context:
    """The context that a call with *opt_fns* starts with."""
    return client._plans.begin(operation, opt_fns)[1]


def client(http_client: HTTPClient | None = None, **changes: object) -> Client:
    """A client that reaches only a script."""
    return Client(options(http_client, **changes))
