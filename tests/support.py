"""What the tests share: a clock whose hands they turn, a transport that follows a script, and the public types' shortcuts."""

from __future__ import annotations

from collections.abc import Callable

from attrs import define, field

from sagemaker_runtime import (
    Client,
    Headers,
    Options,
    Request,
    Response,
    StaticCredentialsProvider,
    Timeout,
    operations,
)

OPERATIONS = [operations.operation(name) for name in operations.OPERATIONS]
NOON = 1_750_000_000.0  # seconds since 1970: 2025-06-15T15:06:40Z


@define
class ManualClock:
    """Time passes only in `sleep`, which returns at once, and by `advance`."""

    time: float = NOON
    slept: list[float] = field(factory=list)

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time - NOON

    async def sleep(self, seconds: float, /) -> None:
        self.slept.append(seconds)
        self.time += seconds

    def advance(self, seconds: float) -> None:
        self.time += seconds


@define
class ScriptedBody:
    """A body that is there at once; `closed` counts how often it was let go."""

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


Step = Response | BaseException | Callable[[Request], Response]


@define
class ScriptedHTTPClient:
    """Answers requests from a script, in order; the last entry serves for all that come after."""

    script: list[Step] = field(factory=lambda: [answer()])
    requests: list[Request] = field(factory=list)
    timeouts: list[Timeout] = field(factory=list)
    closed: int = 0

    async def send(self, request: Request, *, timeout: Timeout) -> Response:
        self.requests.append(request.copy())
        self.timeouts.append(timeout)
        step = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if isinstance(step, BaseException):
            raise step
        if isinstance(step, Response):
            return step
        return step(request)

    async def close(self) -> None:
        self.closed += 1


def options(http_client: ScriptedHTTPClient | None = None, **changes: object) -> Options:
    """Options for a client that reaches nothing but a script."""
    values: dict[str, object] = {
        "region": "us-east-1",
        "credentials": StaticCredentialsProvider("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
        "http_client": http_client or ScriptedHTTPClient(),
        "clock": ManualClock(),
    }
    return Options(**{**values, **changes})  # type: ignore[arg-type]


def client(http_client: ScriptedHTTPClient | None = None, **changes: object) -> Client:
    """A client that reaches nothing but a script."""
    return Client(options(http_client, **changes))
