"""The head of a request as it is sent, and the checks before that."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from sagemaker_runtime.bodies import as_bytes
from sagemaker_runtime.checks import plain
from sagemaker_runtime.errors import ConfigError, InvalidHeaderError
from sagemaker_runtime.headers import CONTROLS, header_problem, lower_name
from sagemaker_runtime.url import BaseURL

if TYPE_CHECKING:
    from sagemaker_runtime.transport.proxies import Proxy
    from sagemaker_runtime.wire import Request

__all__ = ["check_sendable"]

_NOT_SENDABLE = {  # headers that change how the body is sent: RFC 9110, section 10.1.1, and RFC 9112, section 6.1
    "expect": "no time limit would apply to the wait for its response",
    "transfer-encoding": "the body is sent unchanged, with a Content-Length",
}
_BLANKS = 2  # in a request line
_PATH_KEPT = 512  # characters; the line with a longer path is not cached


def check_sendable(request: Request) -> None:
    """
    Check that a request can be sent, as `AioHTTPClient` does before it opens a connection.

    It is for transports that send nothing, such as test doubles, so that they find the same mistakes.

    Raises:
        ConfigError: The body is not bytes-like, or its length is not Content-Length; HTTP does not allow a header, the method,
            the path or the query; or the scheme and the host do not form an http(s) URL.
    """
    check_body(request)
    request_head(request, None)
    check_destination(request.scheme, request.host)


def check_body(request: Request) -> None:
    """
    Check the body. If a middleware has set it to another bytes-like object, it is replaced by a copy in bytes.

    Raises:
        ConfigError: It is not bytes-like, or its length is not Content-Length.
    """
    body, length = request.body, request.headers.raw.get("content-length")
    if type(body) is not bytes:
        body = request.body = as_bytes(body)
    if length != str(len(body)):
        raise ConfigError(
            f"Content-Length is {length}, but the body has {len(body)} bytes; insert a middleware that changes the body "
            "before ComputeContentLength"
        )


def check_destination(scheme: str, host: str) -> None:
    """Raise ConfigError for a scheme and a host that do not form an http(s) URL."""
    try:
        base = BaseURL.parse(f"{plain(scheme)}://{plain(host)}")
    except (ConfigError, TypeError) as error:
        raise ConfigError(f"nothing can be sent to scheme {scheme!r} and host {host!r}: {error}") from None
    if base != (scheme, host, "", ""):
        raise ConfigError(
            f"nothing can be sent to scheme {scheme!r} and host {host!r}: they must contain only a scheme and a host, in "
            "lower case"
        )


def request_head(request: Request, proxy: Proxy | None) -> bytes:
    """
    The request line and the headers as they are sent, byte for byte as they were signed.

    Args:
        request: The request; its path and query are percent-encoded.

        proxy: The proxy that it goes through; None for a direct connection.

    Raises:
        ConfigError: A part of the request is of a wrong type, or HTTP does not allow it.
    """
    try:
        # Not formatted: for a subclass of str, such as an enum, `join` and `plain` use the text that was signed.
        fields = list(map(": ".join, request.headers.raw.items()))
        origin = ""
        if proxy is not None and request.scheme == "http":  # for https, CONNECT has named the target
            origin = f"{plain(request.scheme)}://{plain(request.host)}"
            if proxy.authorization is not None:
                fields.append(f"proxy-authorization: {proxy.authorization}")
        path, query = plain(request.path), plain(request.query) if request.query else ""
        is_kept = not query and len(path) <= _PATH_KEPT  # a query may be new for each request, or secret
        line = (_request_line if is_kept else _request_line.__wrapped__)(plain(request.method), origin, path, query)
        _check_names(tuple(request.headers.raw))
    except (TypeError, AttributeError, _NotSendableError) as error:
        raise ConfigError(f"{_name(request)} cannot be sent: {_wrong_type(request) or error}") from None
    text = "\r\n".join((line, *fields, "", ""))
    try:
        head = text.encode()
    except UnicodeEncodeError:  # a lone surrogate
        head = b""
    if len(head) - len(head.translate(None, CONTROLS)) != 2 * len(fields) + 4:  # only the line endings
        raise ConfigError(f"{_name(request)} cannot be sent: {_problem(request)}")
    return head


class _NotSendableError(Exception):
    """Says why a request line cannot be sent."""


@lru_cache(maxsize=256)
def _request_line(method: str, origin: str, path: str, query: str) -> str:
    """The request line, with the target in absolute form if there is an *origin*. Calls of one endpoint have the same."""
    if path[:1] != "/":
        raise _NotSendableError("its path does not start with a slash")
    line = f"{method} {origin}{path}{'?' if query else ''}{query} HTTP/1.1"
    # A blank or a newline, set by a middleware, would begin a header, or a second request.
    sendable = line.isascii() and line.isprintable() and line.count(" ") == _BLANKS and "#" not in line
    if not sendable or not _is_token(method):
        raise _NotSendableError("percent-encode its path and query")
    return line


@lru_cache(maxsize=256)
def _check_names(names: tuple[str, ...]) -> None:
    for name in names:
        check_name(name)
        if name in _NOT_SENDABLE:
            raise ConfigError(f"the header {name.title()} cannot be sent: {_NOT_SENDABLE[name]}")


def check_name(name: str) -> None:
    """
    Check the name of a header.

    Raises:
        ConfigError: HTTP does not allow it, or it is not in lower case, because it was set by bypassing `Headers`.
    """
    try:
        known = lower_name(name)
    except InvalidHeaderError as error:
        raise ConfigError(str(error)) from None
    if known != name:
        raise ConfigError(f"the header {name!r} was set by bypassing Headers; write its name in lower case")


def _is_token(method: str) -> bool:
    try:
        return lower_name(method) != ""
    except InvalidHeaderError:
        return False


def _name(request: Request) -> str:
    return f"{request.method} {request.url!r}"


def _wrong_type(request: Request) -> str | None:
    """Which part of the request line is not text; None if all are."""
    parts: dict[str, object] = {"method": request.method, "path": request.path, "query": request.query or ""}
    for name, value in parts.items():
        if not isinstance(value, str):
            return f"its {name} is of type {type(value).__name__}; it takes str"
    return None


def _problem(request: Request) -> str:
    """Which header cannot be sent, and why. Its value, which may be secret, is not shown."""
    for name, value in request.headers.raw.items():
        problem = header_problem(value)
        if problem is not None:
            return f"the value of header {name!r} {problem}"
    return "a header has a character that HTTP does not allow"
