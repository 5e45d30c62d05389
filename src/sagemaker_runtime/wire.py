"""The types of HTTP that all transports use: `Request`, `Response`, `Timeout`."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Mapping
from typing import Protocol

from attr import Attribute, field, frozen
from attr.validators import optional

from sagemaker_runtime.checks import is_number
from sagemaker_runtime.errors import ConfigError, TransportError, TruncatedResponseError
from sagemaker_runtime.headers import Headers
from sagemaker_runtime.url import BaseURL

__all__ = ["SUCCESS", "Request", "Response", "ResponseBody", "Timeout"]


class Request:
    """
    An HTTP request. A middleware may change any part of it; changes below Retry end with the attempt.

    ``path`` and ``query`` are already percent-encoded. They are sent and signed byte for byte.

    Attributes:
        method: The HTTP method, ``"POST"``.

        scheme: ``"https"`` or ``"http"``.

        host: The host, in lower case, with the port unless it is the default port of the scheme.

        path: Starts with a slash.

        query: Without the question mark; empty if there is none.

        headers: All headers, with lower-case names.

        body: The whole body; empty in a duplex call, whose events are sent later.
    """

    __slots__ = ("__weakref__", "body", "headers", "host", "method", "path", "query", "scheme")

    def __init__(
        self,
        method: str = "POST",
        scheme: str = "https",
        host: str = "",
        path: str = "/",
        query: str = "",
        headers: Headers | None = None,
        body: bytes = b"",
    ) -> None:
        self.method = method
        self.scheme = scheme
        self.host = host
        self.path = path
        self.query = query
        self.headers = Headers() if headers is None else headers
        self.body = body

    @property
    def url(self) -> str:
        """
        The whole URL. Setting it sets the scheme, the host and its header, the path and the query.

        Raises:
            ConfigError: It is set to an invalid URL.
        """
        query = f"?{self.query}" if self.query else ""
        return f"{self.scheme}://{self.host}{self.path}{query}"

    @url.setter
    def url(self, url: str) -> None:
        base = BaseURL.parse(url)
        self.scheme, self.host, self.path, self.query = base.scheme, base.host, base.path or "/", base.query
        self.headers["host"] = base.host

    def copy(self) -> Request:
        """A copy with its own headers. The body is shared, because it is immutable."""
        copy = Request.__new__(Request)  # once per attempt: a constructor with seven arguments costs 0.1 µs more
        copy.method, copy.scheme, copy.host = self.method, self.scheme, self.host
        copy.path, copy.query, copy.body = self.path, self.query, self.body
        copy.headers = self.headers.copy()
        return copy

    def __repr__(self) -> str:
        return f"<Request {self.method} {self.url}, {self.headers!r}, body of {len(self.body)} bytes>"


class ResponseBody(Protocol):
    """The body of a response from a transport. Read it whole, or piece by piece."""

    @property
    def delimited(self) -> bool:
        """Whether the head says where the body ends. If not, the connection's end ends it, and a truncation looks the same."""
        ...

    async def read(self) -> bytes:
        """
        The whole body. Further calls return the same bytes.

        Raises:
            TruncatedResponseError: The body stopped before its end.
            ReadTimeoutError: No byte arrived within ``Timeout.read``.
            TransportError: The connection failed in another way.
        """
        ...

    def chunk(self) -> Awaitable[bytes]:
        """The next piece, of any size, as soon as it arrives; empty at the end. Raises the same errors as `read`."""
        ...

    def close(self) -> None:
        """Return the connection to the pool if everything was read, otherwise close it. May be called again."""
        ...


def check_delimited(body: ResponseBody) -> None:
    """Raise TruncatedResponseError for a body, read to its end, whose end cannot be told from a truncation."""
    if not body.delimited:
        raise TruncatedResponseError(
            "the response has neither a Content-Length nor chunked coding, so its end cannot be told from a truncation"
        )


async def read_whole(body: ResponseBody) -> bytes:
    """The body of a successful response; raises the errors of `ResponseBody.read` and `check_delimited`."""
    data = await body.read()
    check_delimited(body)
    return data


async def read_error(body: ResponseBody) -> bytes:
    """The body of an error response; empty if it cannot be read, because the status and the headers say enough."""
    try:
        return await body.read()
    except TransportError:
        return b""


SUCCESS = range(200, 300)
"""The successful HTTP statuses. Source: RFC 9110, section 15.3."""


class Response:
    """
    An HTTP response: the head, and a body that has not been read yet. Close it, or read the body to its end.

    Attributes:
        status: The HTTP status.

        headers: All headers, with lower-case names.

        body: The body, unread.

        proxy_headers: Headers that the transport sent only to a proxy, such as its password; None without a proxy. The
            response may come from the proxy and quote them, so they are redacted wherever the response is shown.
    """

    __slots__ = ("__weakref__", "body", "headers", "proxy_headers", "status")

    def __init__(self, status: int, headers: Headers, body: ResponseBody) -> None:
        self.status = status
        self.headers = headers
        self.body = body
        self.proxy_headers: Mapping[str, str] | None = None

    def close(self) -> None:
        """Release the connection. May be called again."""
        self.body.close()

    def __repr__(self) -> str:
        return f"<Response {self.status}, {self.headers!r}>"


def _seconds(_: object, attribute: Attribute[float], value: float) -> None:
    if type(value) is float and 0.0 < value < math.inf:  # nearly always, so this is the fast path
        return
    if not is_number(value) or not value > 0:
        raise ConfigError(f"Timeout.{attribute.name} is {value!r}; it takes a number of seconds above 0")


@frozen
class Timeout:
    """
    Time limits, in seconds. ``connect``, ``write`` and ``read`` apply to each attempt, ``total`` to the whole call.

    Raises:
        ConfigError: A limit is not a number above 0.
    """

    connect: float = field(default=10.0, validator=_seconds)
    """The limit for opening a connection, including TLS. Waiting for a place in the connection pool does not count."""

    write: float = field(default=30.0, validator=_seconds)
    """
    The longest time in which the peer accepts no byte of the request, for bodies above 64 KiB. For smaller ones, only
    `read` applies.
    """

    read: float = field(default=70.0, validator=_seconds)
    """The longest wait for the next byte of the response. AWS recommends 70 s, because a model may take 60 s."""

    total: float | None = field(default=None, validator=optional(_seconds))
    """The limit for all attempts, the waits between them and the body; for a stream, until its head. None for no limit."""
