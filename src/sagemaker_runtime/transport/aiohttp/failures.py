"""Our exceptions for aiohttp's; the table in ``retry`` says what each of them means for another attempt."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aiohttp
from aiohttp.http import HttpProcessingError

from sagemaker_runtime.errors import (
    CertificateError,
    ClientClosedError,
    ConfigError,
    ConnectError,
    ConnectionLostError,
    ConnectTimeoutError,
    InvalidResponseError,
    ReadTimeoutError,
    SageMakerRuntimeError,
    WriteTimeoutError,
)

if TYPE_CHECKING:
    from sagemaker_runtime.transport.proxies import Proxy
    from sagemaker_runtime.wire import Request, Timeout


class NotConnected(aiohttp.ClientError):
    """No connection to the service that could be used: nothing of the request was sent."""


class Stalled(aiohttp.ClientError):
    """The peer took none of the request for as long as ``Timeout.write``."""


def fit_to_be_shown(error: BaseException) -> bool:
    """Whether an exception may be the cause of ours: aiohttp's for a bad response shows what came, headers and all."""
    return isinstance(error, Exception) and not isinstance(error, HttpProcessingError | NotConnected | Stalled)


def closed_during_call() -> ClientClosedError:
    """Our exception for a call that `close` has ended."""
    return ClientClosedError("the HTTP client was closed during the call")


def translate(error: BaseException, request: Request, timeout: Timeout, proxy: Proxy | None) -> SageMakerRuntimeError:
    """Our exception for what ended the exchange."""
    host = request.host if proxy is None else f"{request.host} through the proxy {proxy.url}"
    match error:
        case aiohttp.ClientConnectorCertificateError():  # the proxy's, or that of the request's host
            return CertificateError(f"the certificate of {error.host}:{error.port} was refused: {error}")
        case Stalled():
            return WriteTimeoutError(f"{request.host} took none of the request for {timeout.write:g} s")
        case aiohttp.SocketTimeoutError():
            return ReadTimeoutError(f"no response from {request.host} for {timeout.read:g} s")
        case TimeoutError():
            return ConnectTimeoutError(f"no connection to {host} in {timeout.connect:g} s")
        case aiohttp.ClientConnectorError(strerror=None):  # lost within TLS; aiohttp's text would end in [None]
            return ConnectError(f"no connection to {host}: {error.os_error!r}")
        case aiohttp.ClientConnectorError() | NotConnected():
            return ConnectError(f"no connection to {host}: {error}")
        case ValueError():  # such as a name of a host that cannot be looked up
            return ConfigError(f"{request.method} {request.url!r} cannot be sent: {error}")
        case HttpProcessingError():
            return InvalidResponseError(f"the response of {host} is not HTTP: {error.message.partition(':')[0]}")
        case aiohttp.ServerDisconnectedError(message=message) if not isinstance(message, str):
            return InvalidResponseError(f"the response of {host} broke off within its head")
        case _:
            return ConnectionLostError(f"the connection to {host} was lost before a response: {error}")
