"""An asyncio client for Amazon SageMaker Runtime, built as a stack of middleware that you can see and change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sagemaker_runtime.client import Client
from sagemaker_runtime.clock import Clock, SystemClock
from sagemaker_runtime.config import Config, load_config
from sagemaker_runtime.context import (
    ATTEMPTS,
    RAW_RESPONSE,
    REQUEST_ID,
    TIMING,
    AttemptRecord,
    Context,
    Key,
    Metadata,
    ResponseTiming,
)
from sagemaker_runtime.credentials import (
    BotocoreCredentialsProvider,
    Credentials,
    CredentialsProvider,
    StaticCredentialsProvider,
)
from sagemaker_runtime.endpoints import (
    AWSEndpointResolver,
    DefaultEndpointResolver,
    Endpoint,
    EndpointResolver,
    EndpointResolverFunc,
    EndpointResolverOptions,
    with_endpoint_resolver,
)
from sagemaker_runtime.errors import (
    CertificateError,
    ClientClosedError,
    ConfigError,
    ConnectError,
    ConnectionLostError,
    ConnectTimeoutError,
    CredentialsError,
    EndpointError,
    EndpointNotFoundError,
    InternalDependencyException,
    InternalFailure,
    InvalidHeaderError,
    InvalidParamsError,
    InvalidResponseError,
    ModelError,
    ModelNotReadyException,
    ReadTimeoutError,
    SageMakerRuntimeError,
    ServiceError,
    ServiceUnavailable,
    StackError,
    TotalTimeoutError,
    TransportError,
    TruncatedResponseError,
    ValidationError,
    WriteTimeoutError,
)
from sagemaker_runtime.headers import Headers
from sagemaker_runtime.log_mode import ClientLogMode
from sagemaker_runtime.middleware import (
    AFTER,
    BEFORE,
    BuildHandler,
    BuildInput,
    BuildMiddleware,
    DeserializeHandler,
    DeserializeInput,
    DeserializeMiddleware,
    FinalizeHandler,
    FinalizeInput,
    FinalizeMiddleware,
    InitializeHandler,
    InitializeInput,
    InitializeMiddleware,
    Output,
    SerializeHandler,
    SerializeInput,
    SerializeMiddleware,
    Stack,
    Step,
    build_middleware,
    deserialize_middleware,
    finalize_middleware,
    initialize_middleware,
    serialize_middleware,
)
from sagemaker_runtime.middleware.serialize import ResolveEndpoint
from sagemaker_runtime.operations.base import SERVICE_API_VERSION, SERVICE_ID
from sagemaker_runtime.operations.invoke_endpoint import InvokeEndpointInput, InvokeEndpointOutput
from sagemaker_runtime.options import APIOption, OptFn, Options, override, with_api_options
from sagemaker_runtime.retry import NopRetryer, Retryer, RetryQuota, StandardRetryer
from sagemaker_runtime.signing import HTTPSignerV4, SigV4Signer
from sagemaker_runtime.transport import HTTPClient
from sagemaker_runtime.version import __version__
from sagemaker_runtime.wire import Request, Response, Timeout

if TYPE_CHECKING:
    from sagemaker_runtime.transport.aiohttp import AioHTTPClient

__all__ = [
    "AFTER",
    "ATTEMPTS",
    "BEFORE",
    "RAW_RESPONSE",
    "REQUEST_ID",
    "SERVICE_API_VERSION",
    "SERVICE_ID",
    "TIMING",
    "APIOption",
    "AWSEndpointResolver",
    "AioHTTPClient",
    "AttemptRecord",
    "BotocoreCredentialsProvider",
    "BuildHandler",
    "BuildInput",
    "BuildMiddleware",
    "CertificateError",
    "Client",
    "ClientClosedError",
    "ClientLogMode",
    "Clock",
    "Config",
    "ConfigError",
    "ConnectError",
    "ConnectTimeoutError",
    "ConnectionLostError",
    "Context",
    "Credentials",
    "CredentialsError",
    "CredentialsProvider",
    "DefaultEndpointResolver",
    "DeserializeHandler",
    "DeserializeInput",
    "DeserializeMiddleware",
    "Endpoint",
    "EndpointError",
    "EndpointNotFoundError",
    "EndpointResolver",
    "EndpointResolverFunc",
    "EndpointResolverOptions",
    "FinalizeHandler",
    "FinalizeInput",
    "FinalizeMiddleware",
    "HTTPClient",
    "HTTPSignerV4",
    "Headers",
    "InitializeHandler",
    "InitializeInput",
    "InitializeMiddleware",
    "InternalDependencyException",
    "InternalFailure",
    "InvalidHeaderError",
    "InvalidParamsError",
    "InvalidResponseError",
    "InvokeEndpointInput",
    "InvokeEndpointOutput",
    "Key",
    "Metadata",
    "ModelError",
    "ModelNotReadyException",
    "NopRetryer",
    "OptFn",
    "Options",
    "Output",
    "ReadTimeoutError",
    "Request",
    "ResolveEndpoint",
    "Response",
    "ResponseTiming",
    "RetryQuota",
    "Retryer",
    "SageMakerRuntimeError",
    "SerializeHandler",
    "SerializeInput",
    "SerializeMiddleware",
    "ServiceError",
    "ServiceUnavailable",
    "SigV4Signer",
    "Stack",
    "StackError",
    "StandardRetryer",
    "StaticCredentialsProvider",
    "Step",
    "SystemClock",
    "Timeout",
    "TotalTimeoutError",
    "TransportError",
    "TruncatedResponseError",
    "ValidationError",
    "WriteTimeoutError",
    "__version__",
    "build_middleware",
    "deserialize_middleware",
    "finalize_middleware",
    "initialize_middleware",
    "load_config",
    "override",
    "serialize_middleware",
    "with_api_options",
    "with_endpoint_resolver",
]


def __getattr__(name: str) -> object:
    if name == "AioHTTPClient":  # with it comes aiohttp: 190 ms that a client with another transport does without
        from sagemaker_runtime.transport.aiohttp import AioHTTPClient  # noqa: PLC0415

        return AioHTTPClient
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
