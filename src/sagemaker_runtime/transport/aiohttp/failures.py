"""Failures of an exchange, and our exceptions for them; the table in ``retry`` says which are retried."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sagemaker_runtime.errors import (
    CertificateError,
    ClientClosedError,
    ConfigError,
    ConnectError,
    ConnectionLostError,
    ConnectTimeoutError,
    InvalidResponseError,
    ProxyRefusedError,
    ReadTimeoutError,
    SageMakerRuntimeError,
    WriteTimeoutError,
)
from sagemaker_runtime.redaction import Secrets
from sagemaker_runtime.transport.response_head import NotHTTP

if TYPE_CHECKING:
    from sagemaker_runtime.transport.proxies import Proxy
    from sagemaker_runtime.wire import Request, Timeout


class NotConnected(Exception):
    """There was no usable connection to the service, so nothing of the request was sent."""


class CertificateRefused(Exception):
    """The certificate of the request's host, or of an https proxy, was refused."""

    def __init__(self, place: str, problem: Exception) -> None:
        super().__init__(f"the certificate of {place} was refused: {problem}")


class ProxyRefused(Exception):
    """A proxy responded to CONNECT with a 4xx, and would do so again."""


class Stalled(Exception):
    """The peer accepted nothing of the request within ``Timeout.write``."""


class NoResponse(Exception):
    """No byte of the response arrived within ``Timeout.read``."""


class Lost(Exception):
    """The connection ended before the first byte of the response."""

    def __init__(self, problem: object, *, large: bool = False) -> None:
        super().__init__(problem)
        self.large = large  # whether the body is large, so that the server may have refused it


class BrokeOff(Exception):
    """The connection ended within the head of the response."""


FAILURES = (
    NotConnected,
    CertificateRefused,
    ProxyRefused,
    Stalled,
    NoResponse,
    Lost,
    BrokeOff,
    NotHTTP,
    OSError,
    ValueError,
)
"""The exceptions that `translate` accepts."""


def closed_during_call() -> ClientClosedError:
    """The exception for a call that was ended by `close`."""
    return ClientClosedError("the HTTP client was closed during the call")


def cause_of(error: BaseException) -> OSError | None:
    """
    What the system or OpenSSL said, for the ``__cause__`` of our exception.

    Neither keeps a traceback: its frames refer to the request, and have variables that refer to *error*.
    """
    error.with_traceback(None)
    said = error if isinstance(error, OSError) else error.__cause__
    return said.with_traceback(None) if isinstance(said, OSError) else None


def translate(error: BaseException, request: Request, timeout: Timeout, proxy: Proxy | None) -> SageMakerRuntimeError:
    """Our public exception for *error*, which ended the exchange."""
    host = request.host if proxy is None else f"{request.host} through the proxy {proxy.url}"
    match error:
        case CertificateRefused():
            return CertificateError(str(error))
        case Stalled():
            return WriteTimeoutError(f"{request.host} accepted none of the request for {timeout.write:g} s")
        case NoResponse():
            return ReadTimeoutError(f"no response from {request.host} for {timeout.read:g} s")
        case TimeoutError():
            return ConnectTimeoutError(f"no connection to {host} in {timeout.connect:g} s")
        case NotConnected():
            return ConnectError(f"no connection to {host}: {error}")
        case ProxyRefused():
            return ProxyRefusedError(f"no connection to {host}: {error}")
        case ValueError():  # for example a host name that cannot be looked up
            return ConfigError(f"{request.method} {request.url!r} cannot be sent: {error}")
        case NotHTTP():
            problem = str(error) if proxy is None else Secrets(proxy.headers or {}).redact(str(error))
            return InvalidResponseError(f"the response of {host} is not HTTP: {problem}")
        case BrokeOff():
            return InvalidResponseError(f"the response of {host} was cut off within its head")
        case Lost(large=True):
            return ConnectionLostError(
                f"the connection to {host} was lost before a response to a body of {len(request.body):,} bytes: {error}; "
                "the server may have refused a body of this size"
            )
        case _:
            return ConnectionLostError(f"the connection to {host} was lost before a response: {error}")
