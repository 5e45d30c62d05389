"""`Recorder` and `Replayer`: real exchanges, written down once and given again without a network."""

from __future__ import annotations

import asyncio
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
    ReadTimeoutError,
    Request,
    Response,
    Timeout,
    TransportError,
    TruncatedResponseError,
    WriteTimeoutError,
)
from sagemaker_runtime.testing.cassette import (
    Exchange,
    Scrub,
    answer_headers,
    dump,
    load,
    request_headers,
    scrub_answer,
    secrets_of,
)
from sagemaker_runtime.testing.clock import ManualClock
from sagemaker_runtime.testing.failures import UnexpectedCallError
from sagemaker_runtime.testing.responses import StubBody
from sagemaker_runtime.testing.transport import fake_options

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
    A transport that passes everything on to another one, and writes down what went by.

    ::

        async with Recorder(AioHTTPClient(), "tests/iris.json") as recorder:
            client = Client.from_config(await load_config(), override(http_client=recorder))
            ...

    The file is written when the ``async with`` ends, or by `close`; not when an exception ends it, which would replace a
    good recording by a part of one. Credentials, signatures, cookies, dates and user agents are never written down, not
    even where an answer quotes what was sent, and of custom attributes only that there were some; bodies are, but for
    what *scrub* takes out.

    Args:
        http_client: Does the work. It is closed with the recorder.

        path: The file; one that is there is replaced.

        scrub: Takes what is secret out of bodies: ``lambda body: body.replace(name, b"Alice")``. None for nothing.
    """

    def __init__(self, http_client: HTTPClient, path: str | os.PathLike[str], *, scrub: Scrub | None = None) -> None:
        self._http_client = http_client
        self._path = Path(path)
        self._scrub = scrub
        self._exchanges: list[Exchange] = []
        self._closed = False

    async def send(self, request: Request, *, timeout: Timeout) -> Response:
        """What the other transport gives, or raises."""
        exchange = _exchange_of(request, self._scrub)
        exchange.secrets = secrets_of(request.headers)
        self._exchanges.append(exchange)
        try:
            response = await self._http_client.send(request, timeout=timeout)
        except TransportError as error:
            exchange.error = _name_of(error)
            raise
        exchange.status = response.status
        exchange.answer_headers = answer_headers(response.headers)
        exchange.delimited = response.body.delimited
        return Response(response.status, response.headers, _RecordedBody(response.body, exchange))

    async def close(self) -> None:
        """Write the file, and close the other transport. May be called again, to no effect."""
        if self._closed:
            return
        self._closed = True
        try:
            await asyncio.to_thread(self._write)
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
        # What has neither answer nor error was cancelled.
        known = [exchange for exchange in self._exchanges if exchange.status is not None or exchange.error is not None]
        for exchange in known:
            scrub_answer(exchange, self._scrub)
        dump(known, self._path)


class _RecordedBody:
    """A response's body that notes what is read of it."""

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
    A transport that answers from what a `Recorder` has written, without a network.

    ::

        replayer = Replayer("tests/iris.json")
        client = Client(replayer.options())

    A request gets what was recorded for its method, path and body: the first answer first, where there were several.
    Hosts, ports, queries and headers do not count.

    Args:
        path: The file, read at once.

        scrub: The recorder's, without which the bodies of requests would not be those written down.

    Raises:
        OSError: The file cannot be read.
        ValueError: It is no recording.
    """

    def __init__(self, path: str | os.PathLike[str], *, scrub: Scrub | None = None) -> None:
        self._path = Path(path)
        self._scrub = scrub
        self._left = load(self._path)
        self._used: list[Exchange] = []
        self._unexpected: list[str] = []

    def options(self) -> Options:
        """Options for a client of this transport, yours to change; a retry's wait takes no time."""
        return fake_options(self, ManualClock())

    async def send(self, request: Request, *, timeout: Timeout) -> Response:  # noqa: ARG002
        """
        The answer that was recorded, or the error.

        Raises:
            UnexpectedCallError: There is none left for this request.
        """
        wanted = _exchange_of(request, self._scrub)
        exchange = next((exchange for exchange in self._left if _asked(exchange) == _asked(wanted)), None)
        if exchange is None:
            self._unexpected.append(self._riddle(wanted))
            raise UnexpectedCallError(self._unexpected[-1])
        self._left.remove(exchange)
        self._used.append(exchange)
        if exchange.status is None:
            raise _error_of(exchange)
        error = None if exchange.ended and exchange.error is None else _error_of(exchange)
        body = StubBody(list(exchange.pieces), error, exchange.delimited)
        return Response(exchange.status, Headers(exchange.answer_headers), body)

    async def close(self) -> None:
        """There is nothing to close."""

    def assert_done(self) -> None:
        """
        Check that all that was recorded was asked for, and nothing else.

        Raises:
            UnexpectedCallError: Something was not; or something else was, also where the code has swallowed that error.
        """
        problems = self._unexpected[:1]
        if self._left:
            shown = ", ".join(f"{exchange.method} {exchange.path}" for exchange in self._left)
            problems.append(f"{self._path} has {len(self._left)} exchanges that nobody asked for: {shown}")
        if problems:
            raise UnexpectedCallError("; and ".join(problems))

    def _riddle(self, wanted: Exchange) -> str:
        """What to say of a request without an answer: in what the nearest recorded one differs."""
        asked = f"{wanted.method} {wanted.path} with a body of {len(wanted.body)} bytes"
        if any(_asked(exchange) == _asked(wanted) for exchange in self._used):
            return f"{asked} was asked more often than {self._path} has it; make the recording anew"
        if not self._left:
            return f"{asked} is not in {self._path}, of which nothing is left; make the recording anew"
        nearest = min(self._left, key=lambda exchange: sum(map(ne, _asked(exchange), _asked(wanted))))
        return f"{asked} is not in {self._path}; the nearest differs in {'; '.join(_differences(wanted, nearest))}"


def _exchange_of(request: Request, scrub: Scrub | None) -> Exchange:
    body = bytes(request.body) if scrub is None else scrub(request.body)
    return Exchange(request.method, request.path, request_headers(request.headers), body)


def _asked(exchange: Exchange) -> tuple[str, str, bytes]:
    """What of a request counts."""
    return exchange.method, exchange.path, exchange.body


def _differences(wanted: Exchange, recorded: Exchange) -> list[str]:
    """In what a request differs from a recorded one, of what counts."""
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
    """The class's name; of a transport's own class, that of ours above it."""
    return next(cls.__name__ for cls in type(error).__mro__ if cls in _ERRORS.values())


def _error_of(exchange: Exchange) -> TransportError:
    # Nothing of the text is written down, as it may name hosts and proxies.
    if exchange.error is None:
        return TruncatedResponseError("the answer was read no further when it was recorded")
    kind = _ERRORS.get(exchange.error)
    if kind is None:
        raise ValueError(f"the recording has the error {exchange.error!r}, which is none of a transport")
    return kind("as it was recorded")
