"""The head of a request, as it goes out; and what keeps one from being sent."""

from __future__ import annotations

from contextlib import suppress
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

_NOT_SENDABLE = {  # what would change how the body is sent: RFC 9110, section 10.1.1, and RFC 9112, section 6.1
    "expect": "its response would be awaited under no time limit",
    "transfer-encoding": "the body goes out as it is, after its length",
}
_BLANKS = 2  # in a request line


def check_sendable(request: Request) -> None:
    """
    Check that a request can be sent, as `AioHTTPClient` does it before it opens a connection.

    For a transport that sends nothing and is not to let a mistake pass.

    Raises:
        ConfigError: The body holds no bytes or is not as long as Content-Length says; a header, the method, the path or
            the query cannot stand in the head; or the scheme and the host are not those of an http(s) URL.
    """
    check_body(request)
    request_head(request, None)
    check_destination(request.scheme, request.host)


def check_body(request: Request) -> None:
    """
    Check the body, which a middleware may have set to what holds bytes and is none: it is then replaced by a copy.

    Raises:
        ConfigError: It holds no bytes, or is not as long as its head says.
    """
    body, length = request.body, request.headers.raw.get("content-length")
    if type(body) is not bytes:
        body = request.body = as_bytes(body)
    if length != str(len(body)):
        raise ConfigError(
            f"Content-Length is {length} and the body has {len(body)} bytes; a middleware that changes the body belongs "
            "before ComputeContentLength"
        )


def check_destination(scheme: str, host: str) -> None:
    """Raise ConfigError for a scheme and a host that lead nowhere."""
    try:
        base = BaseURL.parse(f"{plain(scheme)}://{plain(host)}")
    except (ConfigError, TypeError) as error:
        raise ConfigError(f"nothing can be sent to scheme {scheme!r} and host {host!r}: {error}") from None
    if base != (scheme, host, "", ""):
        raise ConfigError(f"nothing can be sent to scheme {scheme!r} and host {host!r}: they contain more than that")


def request_head(request: Request, proxy: Proxy | None) -> bytes:
    """
    The request line and the headers as they are sent: byte for byte what was signed.

    Args:
        request: Its path and query are percent-encoded.

        proxy: That of the request; None without.

    Raises:
        ConfigError: A part of the request is of a wrong type, or cannot stand in its line.
    """
    try:
        # Joined, not formatted: of a subclass of str, such as an enum, this takes the text that was signed.
        path = (request.path, "?", request.query) if request.query else (request.path,)
        target = "".join(path)
        if target[:1] != "/":
            raise ConfigError(f"{_name(request)} cannot be sent: its path does not start with a slash")
        fields = list(map(": ".join, request.headers.raw.items()))
        if proxy is not None and request.scheme == "http":  # an https request names the target in CONNECT
            target = f"{plain(request.scheme)}://{plain(request.host)}{target}"
            if proxy.authorization is not None:
                fields.append(f"proxy-authorization: {proxy.authorization}")
        words = request.method, target, "HTTP/1.1"
        line = " ".join(words)
        _check_names(tuple(request.headers.raw))
    except (TypeError, AttributeError) as error:
        raise ConfigError(f"{_name(request)} cannot be sent: {error}") from None
    # With a blank or a newline, a middleware would write a header, or a second request.
    sendable = line.isascii() and line.isprintable() and line.count(" ") == _BLANKS and "#" not in line
    if not sendable or not _is_token(request.method):
        raise ConfigError(f"{_name(request)} cannot be sent; percent-encode its path and query")
    text = "\r\n".join((line, *fields, "", ""))
    with suppress(UnicodeEncodeError):  # a lone surrogate
        head = text.encode()
        if len(head) - len(head.translate(None, CONTROLS)) == 2 * len(fields) + 4:  # the ends of the lines
            return head
    raise ConfigError(f"{_name(request)} cannot be sent: {_problem(request)}")


@lru_cache(maxsize=256)
def _check_names(names: tuple[str, ...]) -> None:
    for name in names:
        check_name(name)
        if name in _NOT_SENDABLE:
            raise ConfigError(f"the header {name.title()} cannot be sent: {_NOT_SENDABLE[name]}")


def check_name(name: str) -> None:
    """
    Look at the name of a header.

    Raises:
        ConfigError: HTTP has no such name, or it is not in lower case, so that it was set past `Headers`.
    """
    try:
        known = lower_name(name)
    except InvalidHeaderError as error:
        raise ConfigError(str(error)) from None
    if known != name:
        raise ConfigError(f"the header {name!r} was set by bypassing Headers; write its name in lower case")


@lru_cache(maxsize=16)
def _is_token(method: str) -> bool:
    try:
        return lower_name(method) != ""
    except InvalidHeaderError:
        return False


def _name(request: Request) -> str:
    return f"{request.method} {request.url!r}"


def _problem(request: Request) -> str:
    """Which header cannot be sent, and why; its value, which may be secret, is not shown."""
    for name, value in request.headers.raw.items():
        problem = header_problem(value)
        if problem is not None:
            return f"the value of header {name!r} {problem}"
    return "a header has a character that it cannot carry"
