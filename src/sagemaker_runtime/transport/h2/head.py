"""The heads of HTTP/2: the fields of a request, checked, and the status and headers of a response."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from sagemaker_runtime.errors import ConfigError
from sagemaker_runtime.headers import Headers, header_problem
from sagemaker_runtime.transport.request_head import check_destination, check_name

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sagemaker_runtime.wire import Request

# RFC 9113, section 8.2.2. For one of these, servers drop the whole connection, with all its streams.
_NOT_SENDABLE = frozenset(
    {"connection", "content-length", "expect", "keep-alive", "proxy-connection", "te", "transfer-encoding", "upgrade"}
)

_STATUS_DIGITS = 3


def request_fields(request: Request) -> list[tuple[str, str]]:
    """
    The fields of a request's head, in the order in which they are sent. The host becomes ``:authority``.

    Raises:
        ConfigError: A part of the request is of a wrong type, or HTTP/2 does not allow it.
    """
    try:
        target = f"{request.path}?{request.query}" if request.query else request.path
        words = request.method, target
        sendable = all(word.isascii() and word.isprintable() and " " not in word for word in words)
        if not sendable or target[:1] != "/" or "#" in target:
            raise ConfigError(f"{request.method} {request.url!r} cannot be sent; percent-encode its path and query")
        check_destination(request.scheme, request.host)
        raw = request.headers.raw
        if raw.get("host", request.host) != request.host:
            raise ConfigError(
                f"the header 'host' is not {request.host!r}, the host of the request; set Request.url instead"
            )
        _check_names(tuple(raw))
        for name, value in raw.items():
            problem = header_problem(value)
            if problem is not None:
                raise ConfigError(
                    f"{request.method} {request.url!r} cannot be sent: the value of header {name!r} {problem}"
                )
        if request.body:
            raise ConfigError("a duplex request cannot have a body; send parts through the stream")
    except (TypeError, AttributeError) as error:
        raise ConfigError(f"the request cannot be sent: {error}") from None
    return [
        (":method", request.method),
        (":scheme", request.scheme),
        (":authority", request.host),
        (":path", target),
        *((name, value) for name, value in raw.items() if name != "host"),
    ]


@lru_cache(maxsize=256)
def _check_names(names: tuple[str, ...]) -> None:
    for name in names:
        check_name(name)
        if name in _NOT_SENDABLE:
            raise ConfigError(f"the header {name.title()} cannot be sent over HTTP/2 on a stream without a length")


def response_head(fields: Iterable[tuple[bytes, bytes]]) -> tuple[int, Headers]:
    """
    The status and the headers of a response; h2 has checked the fields.

    Raises:
        ValueError: The status is not a number of three digits.
    """
    status, pairs = 0, list[tuple[str, str]]()
    for name, value in fields:
        if name == b":status":
            if len(value) != _STATUS_DIGITS or not value.isdigit():
                raise ValueError("the status is not a number of three digits")
            status = int(value)
        elif name[:1] != b":":
            pairs.append((name.decode("latin-1"), value.decode(errors="surrogateescape")))
    return status, Headers.received(pairs)
