"""`Container`: a model behind HTTP, as on the platform: any server that handles ``/ping`` and ``/invocations``."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from http import HTTPStatus
from typing import TYPE_CHECKING

from sagemaker_runtime import (
    AioHTTPClient,
    ConfigError,
    Headers,
    ReadTimeoutError,
    Request,
    SystemClock,
    Timeout,
    TransportError,
    WriteTimeoutError,
)
from sagemaker_runtime.local.backends.backends import ModelFailure
from sagemaker_runtime.local.backends.invocation import Answer
from sagemaker_runtime.local.backends.outline import Outline
from sagemaker_runtime.local.front.failures import MAX_MESSAGE
from sagemaker_runtime.wire import SUCCESS

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from typing import Self

    from sagemaker_runtime import Clock, Response
    from sagemaker_runtime.local.backends.invocation import Invocation
    from sagemaker_runtime.local.duplex.conversation import Conversation, Part

PING_INTERVAL = 0.25  # seconds
PING_TIMEOUT = Timeout(connect=2.0, write=2.0, read=2.0)  # "must respond within 2 seconds", the Developer Guide says
# Other headers that reach a container, according to AWS's container standards and DJL Serving.
_PASSED_ON = (
    "x-amzn-sagemaker-adapter-alias",
    "x-amzn-sagemaker-adapter-identifier",
    "x-amzn-sagemaker-forwarded-api",
)
_TIMED_OUT = (
    "Your invocation timed out while waiting for a response from container primary. Review the latency metrics for "
    "each container in Amazon CloudWatch, resolve the issue, and try again."
)
_NO_STATUS = 0  # the service's status for a container that sent no response


class Container:
    """
    Calls a server over HTTP: ``POST /invocations`` for each request, and a WebSocket at
    ``/invocations-bidirectional-stream`` for each duplex call.

    The server receives only the headers that the platform passes on. Pieces of its response are passed on as they arrive.
    A status other than 2xx, redirects included, is a `ModelFailure` with that status and the text of the body. An
    incomplete or missing response is one with the status 0.

    Each part of a duplex call is one WebSocket frame: text or binary, final or not. When the caller has sent its last part,
    the container gets a Close frame; what it sends before its own Close frame is passed on. A container that closes first
    has failed, and its close code is the error code. It is pinged every 60 s, and has failed after 5 unanswered pings.

    Args:
        url: The server's URL, such as ``http://127.0.0.1:8080``. The paths above are appended to its path.

        timeout: Seconds until the response, and between two pieces of it. The platform's is 60.

        accept_timeout: Seconds to accept a WebSocket.

        start_timeout: Seconds until ``GET /ping`` returns 200. The platform waits for 480.

        clock: Measures *start_timeout*, and the time between pings. None for the machine's.

    Raises:
        ConfigError: Requests cannot be sent to the URL, or *timeout* is not a number above 0.
    """

    def __init__(
        self,
        url: str,
        *,
        timeout: float = 60.0,
        accept_timeout: float = 0.25,
        start_timeout: float = 60.0,
        clock: Clock | None = None,
    ) -> None:
        self._base = Request()
        self._base.url = url
        if self._base.query:
            raise ConfigError(f"the container's URL {url!r} has a query; remove everything from the '?' on")
        self._timeout = Timeout(connect=timeout, write=timeout, read=timeout)
        self._close_timeout = timeout
        self._accept_timeout = accept_timeout
        self._start_timeout = start_timeout
        self._clock = clock or SystemClock()
        self._http = _transport()

    async def start(self) -> None:
        """
        Wait until it is healthy.

        Raises:
            ConfigError: It is not healthy within *start_timeout*.
        """
        try:
            await self._wait_until_healthy()
        except BaseException:
            await self.stop()
            raise

    async def _wait_until_healthy(self) -> None:
        deadline = self._clock.monotonic() + self._start_timeout
        while (problem := await self._ping()) is not None:
            if self._clock.monotonic() >= deadline:
                raise ConfigError(f"{self!r} was not healthy within {self._start_timeout:g} s: GET /ping {problem}")
            await self._clock.sleep(PING_INTERVAL)

    async def _ping(self) -> str | None:
        """What is wrong with the container; None if it is healthy."""
        try:
            response = await self._http.send(self._request("GET", "/ping"), timeout=PING_TIMEOUT)
        except TransportError as error:
            return f"failed: {error}"
        if response.status == HTTPStatus.OK:  # the body does not matter
            response.close()
            return None
        return f"returned {response.status} {await _text(response, PING_TIMEOUT)!r}"

    def outline(self) -> Outline:
        """Its URL."""
        return Outline(name=self._base.url.rstrip("/"))

    async def stop(self) -> None:
        """Close all connections."""
        http, self._http = self._http, _transport()  # a closed one stays closed, and there may be another start
        await http.close()

    async def invoke(self, invocation: Invocation) -> Answer:
        """
        The server's response, as soon as its head has arrived.

        Raises:
            ModelFailure: The status is not 2xx, or there is no response.
            InvalidHeaderError: A header of the response cannot be passed on.
        """
        request = self._request("POST", "/invocations", _headers(invocation), invocation.body)
        try:
            response = await self._http.send(request, timeout=self._timeout)
        except TransportError as error:
            raise _no_response(error) from error
        if response.status not in SUCCESS:
            raise ModelFailure(await _text(response, self._timeout), response.status)
        headers = response.headers
        try:
            return Answer(
                body=_Pieces(response),
                content_type=headers.get("content-type", "application/octet-stream"),
                custom_attributes=headers.get("x-amzn-sagemaker-custom-attributes"),
                new_session_id=headers.get("x-amzn-sagemaker-new-session-id"),
                closed_session_id=headers.get("x-amzn-sagemaker-closed-session-id"),
                headers=headers,
            )
        except BaseException:  # a header that cannot be passed on
            response.close()
            raise

    async def converse(self, conversation: Conversation) -> AsyncGenerator[Part]:
        """The frames that the server sends over the WebSocket."""
        from sagemaker_runtime.local.duplex.websocket import bridged  # it needs wsproto

        parts = bridged(
            conversation,
            self._base.url,
            accept_timeout=self._accept_timeout,
            close_timeout=self._close_timeout,
            clock=self._clock,
        )
        async with aclosing(parts):
            async for part in parts:
                yield part

    def _request(self, method: str, path: str, headers: Headers | None = None, body: bytes = b"") -> Request:
        base = self._base
        headers = headers or Headers()
        headers["host"], headers["content-length"] = base.host, str(len(body))
        return Request(method, base.scheme, base.host, base.path.rstrip("/") + path, "", headers, body)

    def __repr__(self) -> str:
        return f"<Container at {self._base.url.rstrip('/')}>"


class _Pieces(AsyncIterator[bytes]):
    """The body of a response. Not a generator: one that was never started would not close the connection."""

    def __init__(self, response: Response) -> None:
        self._response = response

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        try:
            piece = await self._response.body.chunk()
        except TransportError as error:
            raise _no_response(error) from error
        if not piece:
            raise StopAsyncIteration
        return piece

    async def aclose(self) -> None:
        self._response.close()


def _transport() -> AioHTTPClient:
    return AioHTTPClient(proxies={})  # a container is local; a proxy could not reach it


def _headers(invocation: Invocation) -> Headers:
    session_id = "NEW_SESSION" if invocation.new_session else invocation.session_id
    headers = {
        "content-type": invocation.content_type,
        "accept": invocation.accept,
        "x-amzn-sagemaker-custom-attributes": invocation.custom_attributes,
        "x-amzn-sagemaker-target-model": invocation.target_model,
        "x-amzn-sagemaker-inference-id": invocation.inference_id,
        "x-amzn-sagemaker-session-id": session_id,
        **{name: invocation.headers.get(name) for name in _PASSED_ON},
    }
    return Headers({name: value for name, value in headers.items() if value is not None})


async def _text(response: Response, timeout: Timeout) -> str:
    """The beginning of an error's body, or as much of it as arrives within the read timeout. Closes the response."""
    body = bytearray()
    try:
        async with asyncio.timeout(timeout.read):  # for the whole body: each byte by itself may arrive in time
            while len(body) < 4 * MAX_MESSAGE and (piece := await response.body.chunk()):
                body += piece
    except (TransportError, TimeoutError):
        pass  # the status says enough
    finally:
        response.close()
    return body.decode(errors="replace")[:MAX_MESSAGE]


def _no_response(error: TransportError) -> ModelFailure:
    if isinstance(error, WriteTimeoutError | ReadTimeoutError):
        return ModelFailure(_TIMED_OUT, _NO_STATUS)
    return ModelFailure(str(error), _NO_STATUS)
