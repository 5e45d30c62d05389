"""An asyncio client for Amazon SageMaker Runtime, built as a stack of middleware that you can see and change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sagemaker_runtime.version import __version__

if TYPE_CHECKING:
    from sagemaker_runtime.async_inference.s3 import S3Object, S3ObjectReader, S3Reader
    from sagemaker_runtime.async_inference.waiting import AsyncInferenceResult
    from sagemaker_runtime.client import Client
    from sagemaker_runtime.clock import Clock, SystemClock
    from sagemaker_runtime.config import Config, load_config
    from sagemaker_runtime.context import (
        ATTEMPTS,
        CLOCK,
        LOGGER,
        RAW_RESPONSE,
        REGION,
        REQUEST_ID,
        TIMEOUT,
        TIMING,
        AttemptRecord,
        Context,
        Key,
        Metadata,
        ResponseTiming,
    )
    from sagemaker_runtime.credentials import (
        CREDENTIALS,
        AnonymousCredentialsProvider,
        BotocoreCredentialsProvider,
        CachingCredentialsProvider,
        Credentials,
        CredentialsCache,
        CredentialsProvider,
        DefaultCredentialsProvider,
        EnvironmentCredentialsProvider,
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
        AsyncInferenceError,
        CertificateError,
        ClientClosedError,
        ConfigError,
        ConnectError,
        ConnectionLostError,
        ConnectTimeoutError,
        CredentialsError,
        EndpointError,
        EndpointNotFoundError,
        EventStreamError,
        InternalDependencyException,
        InternalFailure,
        InternalStreamFailure,
        InvalidHeaderError,
        InvalidParamsError,
        InvalidResponseError,
        ModelError,
        ModelNotReadyException,
        ModelStreamError,
        ReadTimeoutError,
        SageMakerRuntimeError,
        ServiceError,
        ServiceUnavailable,
        StackError,
        StreamContentError,
        TotalTimeoutError,
        TransportError,
        TruncatedResponseError,
        ValidationError,
        WaitTimeoutError,
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
    from sagemaker_runtime.operations.base import (
        SERVICE_API_VERSION,
        SERVICE_ID,
        TRAITS,
        Operation,
        OperationInput,
        OperationOutput,
    )
    from sagemaker_runtime.operations.events import PayloadPart, ResponseStreamEvent, UnknownEvent
    from sagemaker_runtime.operations.invoke_endpoint import InvokeEndpointInput, InvokeEndpointOutput
    from sagemaker_runtime.operations.invoke_endpoint_async import InvokeEndpointAsyncInput, InvokeEndpointAsyncOutput
    from sagemaker_runtime.operations.invoke_endpoint_with_response_stream import (
        InvokeEndpointWithResponseStreamInput,
        InvokeEndpointWithResponseStreamOutput,
    )
    from sagemaker_runtime.operations.service import Service
    from sagemaker_runtime.options import APIOption, OptFn, Options
    from sagemaker_runtime.overrides import override, with_api_options
    from sagemaker_runtime.retry import (
        RETRYER,
        AdaptiveRetryer,
        NopRetryer,
        PacedRetryer,
        Retryer,
        RetryQuota,
        StandardRetryer,
    )
    from sagemaker_runtime.signing import HTTPSignerV4, SigV4Signer
    from sagemaker_runtime.streams.parsers import (
        JSONLinesParser,
        LineParser,
        ServerSentEvent,
        ServerSentEventParser,
        StreamParser,
        TextParser,
    )
    from sagemaker_runtime.streams.response_stream import ResponseStream, StreamWatcher
    from sagemaker_runtime.transport import HTTPClient
    from sagemaker_runtime.transport.aiohttp.client import AioHTTPClient
    from sagemaker_runtime.wire import Request, Response, Timeout

__all__ = [
    "AFTER",
    "ATTEMPTS",
    "BEFORE",
    "CLOCK",
    "CREDENTIALS",
    "LOGGER",
    "RAW_RESPONSE",
    "REGION",
    "REQUEST_ID",
    "RETRYER",
    "SERVICE_API_VERSION",
    "SERVICE_ID",
    "TIMEOUT",
    "TIMING",
    "TRAITS",
    "APIOption",
    "AWSEndpointResolver",
    "AdaptiveRetryer",
    "AioHTTPClient",
    "AnonymousCredentialsProvider",
    "AsyncInferenceError",
    "AsyncInferenceResult",
    "AttemptRecord",
    "BotocoreCredentialsProvider",
    "BuildHandler",
    "BuildInput",
    "BuildMiddleware",
    "CachingCredentialsProvider",
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
    "CredentialsCache",
    "CredentialsError",
    "CredentialsProvider",
    "DefaultCredentialsProvider",
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
    "EnvironmentCredentialsProvider",
    "EventStreamError",
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
    "InternalStreamFailure",
    "InvalidHeaderError",
    "InvalidParamsError",
    "InvalidResponseError",
    "InvokeEndpointAsyncInput",
    "InvokeEndpointAsyncOutput",
    "InvokeEndpointInput",
    "InvokeEndpointOutput",
    "InvokeEndpointWithResponseStreamInput",
    "InvokeEndpointWithResponseStreamOutput",
    "JSONLinesParser",
    "Key",
    "LineParser",
    "Metadata",
    "ModelError",
    "ModelNotReadyException",
    "ModelStreamError",
    "NopRetryer",
    "Operation",
    "OperationInput",
    "OperationOutput",
    "OptFn",
    "Options",
    "Output",
    "PacedRetryer",
    "PayloadPart",
    "ReadTimeoutError",
    "Request",
    "ResolveEndpoint",
    "Response",
    "ResponseStream",
    "ResponseStreamEvent",
    "ResponseTiming",
    "RetryQuota",
    "Retryer",
    "S3Object",
    "S3ObjectReader",
    "S3Reader",
    "SageMakerRuntimeError",
    "SerializeHandler",
    "SerializeInput",
    "SerializeMiddleware",
    "ServerSentEvent",
    "ServerSentEventParser",
    "Service",
    "ServiceError",
    "ServiceUnavailable",
    "SigV4Signer",
    "Stack",
    "StackError",
    "StandardRetryer",
    "StaticCredentialsProvider",
    "Step",
    "StreamContentError",
    "StreamParser",
    "StreamWatcher",
    "SystemClock",
    "TextParser",
    "Timeout",
    "TotalTimeoutError",
    "TransportError",
    "TruncatedResponseError",
    "UnknownEvent",
    "ValidationError",
    "WaitTimeoutError",
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

# Each name is imported when it is first asked for: few programs need all, and a cold start is paid by a caller.
_HOMES = {
    "async_inference.s3": "S3Object S3ObjectReader S3Reader",
    "async_inference.waiting": "AsyncInferenceResult",
    "client": "Client",
    "clock": "Clock SystemClock",
    "config": "Config load_config",
    "context": "ATTEMPTS AttemptRecord CLOCK Context Key LOGGER Metadata RAW_RESPONSE REGION REQUEST_ID ResponseTiming TIMEOUT TIMING",
    "credentials": "AnonymousCredentialsProvider BotocoreCredentialsProvider CREDENTIALS CachingCredentialsProvider Credentials CredentialsCache CredentialsProvider DefaultCredentialsProvider EnvironmentCredentialsProvider StaticCredentialsProvider",
    "endpoints": "AWSEndpointResolver DefaultEndpointResolver Endpoint EndpointResolver EndpointResolverFunc EndpointResolverOptions with_endpoint_resolver",
    "errors": "AsyncInferenceError CertificateError ClientClosedError ConfigError ConnectError ConnectTimeoutError ConnectionLostError CredentialsError EndpointError EndpointNotFoundError EventStreamError InternalDependencyException InternalFailure InternalStreamFailure InvalidHeaderError InvalidParamsError InvalidResponseError ModelError ModelNotReadyException ModelStreamError ReadTimeoutError SageMakerRuntimeError ServiceError ServiceUnavailable StackError StreamContentError TotalTimeoutError TransportError TruncatedResponseError ValidationError WaitTimeoutError WriteTimeoutError",
    "headers": "Headers",
    "log_mode": "ClientLogMode",
    "middleware": "AFTER BEFORE BuildHandler BuildInput BuildMiddleware DeserializeHandler DeserializeInput DeserializeMiddleware FinalizeHandler FinalizeInput FinalizeMiddleware InitializeHandler InitializeInput InitializeMiddleware Output SerializeHandler SerializeInput SerializeMiddleware Stack Step build_middleware deserialize_middleware finalize_middleware initialize_middleware serialize_middleware",
    "middleware.serialize": "ResolveEndpoint",
    "operations.base": "Operation OperationInput OperationOutput SERVICE_API_VERSION SERVICE_ID TRAITS",
    "operations.events": "PayloadPart ResponseStreamEvent UnknownEvent",
    "operations.invoke_endpoint": "InvokeEndpointInput InvokeEndpointOutput",
    "operations.invoke_endpoint_async": "InvokeEndpointAsyncInput InvokeEndpointAsyncOutput",
    "operations.invoke_endpoint_with_response_stream": "InvokeEndpointWithResponseStreamInput InvokeEndpointWithResponseStreamOutput",
    "operations.service": "Service",
    "options": "APIOption OptFn Options",
    "overrides": "override with_api_options",
    "retry": "AdaptiveRetryer NopRetryer PacedRetryer RETRYER RetryQuota Retryer StandardRetryer",
    "signing": "HTTPSignerV4 SigV4Signer",
    "streams.parsers": "JSONLinesParser LineParser ServerSentEvent ServerSentEventParser StreamParser TextParser",
    "streams.response_stream": "ResponseStream StreamWatcher",
    "transport": "HTTPClient",
    "transport.aiohttp.client": "AioHTTPClient",
    "wire": "Request Response Timeout",
}
_SUBMODULES = {
    "context",
    "credentials",
    "endpoints",
    "errors",
    "local",
    "middleware",
    "operations",
    "retry",
    "testing",
    "wire",
}  # that are documented: ``sagemaker_runtime.errors``
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names.split()}


def __getattr__(name: str) -> object:
    from importlib import import_module

    home = _HOME_OF.get(name)
    if home is not None:
        value: object = getattr(import_module(f"{__name__}.{home}"), name)
    elif name in _SUBMODULES:
        value = import_module(f"{__name__}.{name}")
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
