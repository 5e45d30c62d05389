"""`Recorder` and `Replayer`: real exchanges, recorded once and replayed without a network."""

from __future__ import annotations

import os
from operator import ne
from pathlib import Path
from typing import TYPE_CHECKING

from sagemaker_runtime import (
    CertificateError,
    ConnectError,
    ConnectionLostError,
    ConnectTimeoutError,
    EventStreamError,
    Headers,
    HTTPClient,
    InvalidResponseError,
    Options,
    ProxyRefusedError,
    ReadTimeoutError,
    RefusedStreamError,
    Request,
    Response,
    Timeout,
    TransportError,
    TruncatedResponseError,
    WriteTimeoutError,
)
from sagemaker_runtime.redaction import Secrets
from sagemaker_runtime.testing.cassette import (
    Exchange,
    Scrub,
    dump,
    load,
    request_headers,
    response_headers,
    scrub_response,
)
from sagemaker_runtime.testing.clock import ManualClock
from sagemaker_runtime.testing.failures import UnexpectedCallError
from sagemaker_runtime.testing.responses import StubBody
from sagemaker_runtime.testing.transport import fake_options
from sagemaker_runtime.threads import in_thread

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from sagemaker_runtime.wire import ResponseBody

_ERRORS: dict[str, type[TransportError]] = {
    error.__name__: error
    for error in (
        TransportError,
        ConnectError,
        ConnectTimeoutError,
        CertificateError,
        ProxyRefusedError,
        RefusedStreamError,
        ConnectionLostError,
        WriteTimeoutError,
        ReadTimeoutError,
        InvalidResponseError,
        TruncatedResponseError,
        EventStreamError,
    )
}


class Recorder:
    """
    A transport that sends requests through another one, and records the exchanges.

    ::

        async with Recorder(AioHTTPClient(), "tests/iris.json") as recorder:
            client = Client.from_config(await load_config(), override(http_client=recorder))
            ...

    The file is written when the ``async with`` block ends, or by `close`. If an exception ends the block, it is not written,
    because a partial recording would replace a good one. Credentials, signatures, cookies, dates and user agents are never
    recorded, even if a response quotes them. Of custom attributes, only their presence is recorded. Bodies are recorded,
    without what *scrub* removes.

    Args:
        http_client: The transport that sends the requests. It is closed with the recorder.

        path: The file; an existing one is replaced.

        scrub: Removes secrets from bodies: ``lambda body: body.replace(name, b"Alice")``. None for no change.
    """

    def __init__(self, http_client: HTTPClient, path: str | os.PathLike[str], *, scrub: Scrub | None = None) -> None:
        self._http_client = http_client
        self._path = Path(path)
        self._scrub = scrub
        self._exchanges: list[Exchange] = []
        self._closed = False

    async def send(self, request: Request, *, timeout: Timeout) -> Response:
        """Return or raise what the other transport does."""
        exchange = _exchange_of(request, self._scrub)
        exchange.secrets = Secrets(request.headers)
        self._exchanges.append(exchange)
        try:
            response = await self._http_client.send(request, timeout=timeout)
        except TransportError as error:
            exchange.error = _name_of(error)
            raise
        exchange.status = response.status
        exchange.response_headers = response_headers(response.headers)
        exchange.delimited = response.body.delimited
        recorded = Response(response.status, response.headers, _RecordedBody(response.body, exchange))
        recorded.proxy_headers = response.proxy_headers
        if recorded.proxy_headers is not None:
            exchange.secrets = Secrets(request.headers, recorded.proxy_headers)
        return recorded

    async def close(self) -> None:
        """Write the file, and close the other transport. A second call has no effect."""
        if self._closed:
            return
        self._closed = True
        try:
            await in_thread(self._write)
        finally:
            await self._http_client.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if exc is None:
            await self.close()
        elif not self._closed:
            self._closed = True
            await self._http_client.close()

    def _write(self) -> None:
        # An exchange with neither response nor error was cancelled.
        ended = [exchange for exchange in self._exchanges if exchange.status is not None or exchange.error is not None]
        for exchange in ended:
            scrub_response(exchange, self._scrub)
        dump(ended, self._path)


class _RecordedBody:
    """A response's body that records what is read from it."""

    def __init__(self, body: ResponseBody, exchange: Exchange) -> None:
        self._body = body
        self._exchange = exchange
        self.delimited = body.delimited

    async def read(self) -> bytes:
        data = await self._noted(whole=True)
        self._exchange.pieces, self._exchange.ended = [data] if data else [], True
        return data

    async def chunk(self) -> bytes:
        piece = await self._noted(whole=False)
        if piece:
            self._exchange.pieces.append(piece)
        else:
            self._exchange.ended = True
        return piece

    async def _noted(self, *, whole: bool) -> bytes:
        try:
            return await (self._body.read() if whole else self._body.chunk())
        except TransportError as error:
            self._exchange.error = _name_of(error)
            raise

    def close(self) -> None:
        self._body.close()


class Replayer:
    """
    A transport that replays what a `Recorder` wrote, without a network.

    ::

        replayer = Replayer("tests/iris.json")
        client = Client(replayer.options())

    A request gets the response that was recorded for its method, path and body; if there are several, in their order.
    Hosts, ports, queries and headers are not compared.

    Args:
        path: The file. It is read by this constructor.

        scrub: The same as the recorder's; otherwise the bodies of requests would differ from the recorded ones.

    Raises:
        OSError: The file cannot be read.
        ValueError: It is not a recording, or one of another version.
    """

    def __init__(self, path: str | os.PathLike[str], *, scrub: Scrub | None = None) -> None:
        self._path = Path(path)
        self._scrub = scrub
        self._left = load(self._path)
        self._used: list[Exchange] = []
        self._unexpected: list[str] = []

    def options(self) -> Options:
        """New options for a client of this transport; waiting for a retry takes no time."""
        return fake_options(self, ManualClock())

    async def send(self, request: Request, *, timeout: Timeout) -> Response:  # noqa: ARG002 - the protocol's; nothing is waited for
        """
        Return the recorded response, or raise the recorded error.

        Raises:
            UnexpectedCallError: No recorded exchange is left for this request.
            TransportError: The recorded error, or that the response was not read to its end when it was recorded.
        """
        wanted = _exchange_of(request, self._scrub)
        exchange = next((exchange for exchange in self._left if _compared(exchange) == _compared(wanted)), None)
        if exchange is None:
            self._unexpected.append(self._problem(wanted))
            raise UnexpectedCallError(self._unexpected[-1])
        self._left.remove(exchange)
        self._used.append(exchange)
        if exchange.status is None:
            raise _error_of(exchange)
        error = None if exchange.ended and exchange.error is None else _error_of(exchange)
        body = StubBody(list(exchange.pieces), error, exchange.delimited)
        return Response(exchange.status, Headers(exchange.response_headers), body)

    async def close(self) -> None:
        """Do nothing; there is nothing to close."""

    def assert_done(self) -> None:
        """
        Check that every recorded request was sent, and no other.

        Raises:
            UnexpectedCallError: A recorded request was not sent, or another one was, even if the code swallowed the error.
        """
        problems = self._unexpected[:1]
        if self._left:
            shown = ", ".join(f"{exchange.method} {exchange.path}" for exchange in self._left)
            problems.append(f"{self._path} has {len(self._left)} exchanges that were not used: {shown}")
        if problems:
            raise UnexpectedCallError("; and ".join(problems))

    def _problem(self, wanted: Exchange) -> str:
        """Why a request has no recorded response: how it differs from the most similar recorded one."""
        request = f"{wanted.method} {wanted.path} with a body of {len(wanted.body)} bytes"
        if any(_compared(exchange) == _compared(wanted) for exchange in self._used):
            return f"{request} was sent more often than {self._path} has it; record it again"
        if not self._left:
            return f"{request} is not in {self._path}, whose exchanges were all used; record it again"
        nearest = min(self._left, key=lambda exchange: sum(map(ne, _compared(exchange), _compared(wanted))))
        return f"{request} is not in {self._path}; the nearest differs in {'; '.join(_differences(wanted, nearest))}"


def _exchange_of(request: Request, scrub: Scrub | None) -> Exchange:
    body = bytes(request.body) if scrub is None else scrub(request.body)
    return Exchange(request.method, request.path, request_headers(request.headers), body)


def _compared(exchange: Exchange) -> tuple[str, str, bytes]:
    """What must be equal for a recorded response to be used."""
    return exchange.method, exchange.path, exchange.body


def _differences(wanted: Exchange, recorded: Exchange) -> list[str]:
    """How a request differs from a recorded one."""
    found: list[str] = []
    if wanted.method != recorded.method:
        found.append(f"the method, {recorded.method} in the recording")
    if wanted.path != recorded.path:
        found.append(f"the path, {recorded.path} in the recording")
    if wanted.body != recorded.body:
        pairs = zip(wanted.body, recorded.body, strict=False)
        shared = min(len(wanted.body), len(recorded.body))
        at = next((index for index, (one, other) in enumerate(pairs) if one != other), shared)
        found.append(f"the body from byte {at} on, {len(recorded.body)} bytes in the recording")
    return found


def _name_of(error: TransportError) -> str:
    """The name of the error's class; for a transport's own class, the name of its base in this package."""
    return next(cls.__name__ for cls in type(error).__mro__ if cls in _ERRORS.values())


def _error_of(exchange: Exchange) -> TransportError:
    # The text is not recorded, because it may name hosts and proxies.
    if exchange.error is None:
        return TruncatedResponseError("the response was only read up to here when it was recorded")
    kind = _ERRORS.get(exchange.error)
    if kind is None:
        raise ValueError(f"the recording has the error {exchange.error!r}, which is not the name of a TransportError")
    return kind("as it was recorded")
