"""An asyncio client for Amazon SageMaker Runtime, built as a stack of middleware that you can see and change."""

from __future__ import annotations

from sagemaker_runtime._lazy import lazy_names

TYPE_CHECKING = False  # type checkers take it for true; `typing` would be one more import
if TYPE_CHECKING:
    from sagemaker_runtime.async_inference.s3 import (
        S3Client as S3Client,
        S3Object as S3Object,
        S3ObjectReader as S3ObjectReader,
    )
    from sagemaker_runtime.async_inference.s3_responses import (
        S3Response as S3Response,
    )
    from sagemaker_runtime.async_inference.waiting import (
        AsyncInferenceResult as AsyncInferenceResult,
    )
    from sagemaker_runtime.client import (
        Client as Client,
    )
    from sagemaker_runtime.clock import (
        Clock as Clock,
        SystemClock as SystemClock,
    )
    from sagemaker_runtime.config import (
        Config as Config,
        load_config as load_config,
    )
    from sagemaker_runtime.context import (
        ATTEMPTS as ATTEMPTS,
        CLOCK as CLOCK,
        LOGGER as LOGGER,
        RAW_RESPONSE as RAW_RESPONSE,
        REGION as REGION,
        REQUEST_ID as REQUEST_ID,
        TIMEOUT as TIMEOUT,
        TIMING as TIMING,
        AttemptRecord as AttemptRecord,
        Context as Context,
        Key as Key,
        Metadata as Metadata,
        ResponseTiming as ResponseTiming,
    )
    from sagemaker_runtime.credentials import (
        CREDENTIALS as CREDENTIALS,
        AnonymousCredentialsProvider as AnonymousCredentialsProvider,
        BotocoreCredentialsProvider as BotocoreCredentialsProvider,
        CachingCredentialsProvider as CachingCredentialsProvider,
        Credentials as Credentials,
        CredentialsCache as CredentialsCache,
        CredentialsProvider as CredentialsProvider,
        DefaultCredentialsProvider as DefaultCredentialsProvider,
        EnvironmentCredentialsProvider as EnvironmentCredentialsProvider,
        RenewableCredentialsProvider as RenewableCredentialsProvider,
        StaticCredentialsProvider as StaticCredentialsProvider,
    )
    from sagemaker_runtime.custom_attributes import (
        append_custom_attributes as append_custom_attributes,
    )
    from sagemaker_runtime.endpoints import (
        AWSEndpointResolver as AWSEndpointResolver,
        DefaultEndpointResolver as DefaultEndpointResolver,
        Endpoint as Endpoint,
        EndpointResolver as EndpointResolver,
        EndpointResolverFunc as EndpointResolverFunc,
        EndpointResolverOptions as EndpointResolverOptions,
        with_endpoint_resolver as with_endpoint_resolver,
    )
    from sagemaker_runtime.errors import (
        AsyncInferenceError as AsyncInferenceError,
        CertificateError as CertificateError,
        ClientClosedError as ClientClosedError,
        ConfigError as ConfigError,
        ConnectError as ConnectError,
        ConnectionLostError as ConnectionLostError,
        ConnectTimeoutError as ConnectTimeoutError,
        CredentialsError as CredentialsError,
        EndpointError as EndpointError,
        EndpointNotFoundError as EndpointNotFoundError,
        EventStreamError as EventStreamError,
        InputValidationError as InputValidationError,
        InternalDependencyException as InternalDependencyException,
        InternalFailure as InternalFailure,
        InternalServerError as InternalServerError,
        InternalStreamFailure as InternalStreamFailure,
        InvalidHeaderError as InvalidHeaderError,
        InvalidParamsError as InvalidParamsError,
        InvalidResponseError as InvalidResponseError,
        ModelError as ModelError,
        ModelNotReadyException as ModelNotReadyException,
        ModelStreamError as ModelStreamError,
        ProxyRefusedError as ProxyRefusedError,
        ReadTimeoutError as ReadTimeoutError,
        RefusedStreamError as RefusedStreamError,
        SageMakerRuntimeError as SageMakerRuntimeError,
        ServiceError as ServiceError,
        ServiceUnavailable as ServiceUnavailable,
        ServiceUnavailableError as ServiceUnavailableError,
        StackError as StackError,
        StreamClosedError as StreamClosedError,
        StreamContentError as StreamContentError,
        TotalTimeoutError as TotalTimeoutError,
        TransportError as TransportError,
        TruncatedResponseError as TruncatedResponseError,
        ValidationError as ValidationError,
        WaitTimeoutError as WaitTimeoutError,
        WriteTimeoutError as WriteTimeoutError,
    )
    from sagemaker_runtime.headers import (
        Headers as Headers,
    )
    from sagemaker_runtime.log_mode import (
        ClientLogMode as ClientLogMode,
    )
    from sagemaker_runtime.middleware import (
        AFTER as AFTER,
        BEFORE as BEFORE,
        BuildHandler as BuildHandler,
        BuildInput as BuildInput,
        BuildMiddleware as BuildMiddleware,
        DeserializeHandler as DeserializeHandler,
        DeserializeInput as DeserializeInput,
        DeserializeMiddleware as DeserializeMiddleware,
        FinalizeHandler as FinalizeHandler,
        FinalizeInput as FinalizeInput,
        FinalizeMiddleware as FinalizeMiddleware,
        InitializeHandler as InitializeHandler,
        InitializeInput as InitializeInput,
        InitializeMiddleware as InitializeMiddleware,
        Output as Output,
        SerializeHandler as SerializeHandler,
        SerializeInput as SerializeInput,
        SerializeMiddleware as SerializeMiddleware,
        Stack as Stack,
        Step as Step,
        build_middleware as build_middleware,
        deserialize_middleware as deserialize_middleware,
        finalize_middleware as finalize_middleware,
        initialize_middleware as initialize_middleware,
        serialize_middleware as serialize_middleware,
    )
    from sagemaker_runtime.middleware.serialize import (
        ResolveEndpoint as ResolveEndpoint,
    )
    from sagemaker_runtime.operations.base import (
        SERVICE_API_VERSION as SERVICE_API_VERSION,
        SERVICE_ID as SERVICE_ID,
        TRAITS as TRAITS,
        Operation as Operation,
        OperationInput as OperationInput,
        OperationOutput as OperationOutput,
    )
    from sagemaker_runtime.operations.events import (
        DuplexMessage as DuplexMessage,
        PayloadPart as PayloadPart,
        RequestPayloadPart as RequestPayloadPart,
        ResponsePayloadPart as ResponsePayloadPart,
        ResponseStreamEvent as ResponseStreamEvent,
        UnknownEvent as UnknownEvent,
    )
    from sagemaker_runtime.operations.invoke_endpoint import (
        InvokeEndpointInput as InvokeEndpointInput,
        InvokeEndpointOutput as InvokeEndpointOutput,
    )
    from sagemaker_runtime.operations.invoke_endpoint_async import (
        InvokeEndpointAsyncInput as InvokeEndpointAsyncInput,
        InvokeEndpointAsyncOutput as InvokeEndpointAsyncOutput,
    )
    from sagemaker_runtime.operations.invoke_endpoint_with_bidirectional_stream import (
        InvokeEndpointWithBidirectionalStreamInput as InvokeEndpointWithBidirectionalStreamInput,
        InvokeEndpointWithBidirectionalStreamOutput as InvokeEndpointWithBidirectionalStreamOutput,
    )
    from sagemaker_runtime.operations.invoke_endpoint_with_response_stream import (
        InvokeEndpointWithResponseStreamInput as InvokeEndpointWithResponseStreamInput,
        InvokeEndpointWithResponseStreamOutput as InvokeEndpointWithResponseStreamOutput,
    )
    from sagemaker_runtime.operations.service import (
        Service as Service,
    )
    from sagemaker_runtime.options import (
        APIOption as APIOption,
        OptFn as OptFn,
        Options as Options,
    )
    from sagemaker_runtime.overrides import (
        override as override,
        with_api_options as with_api_options,
    )
    from sagemaker_runtime.predictor import (
        ArrowCodec as ArrowCodec,
        Codec as Codec,
        CSVCodec as CSVCodec,
        DecodeError as DecodeError,
        Encoded as Encoded,
        EncodeError as EncodeError,
        JSONCodec as JSONCodec,
        JSONLinesCodec as JSONLinesCodec,
        NumPyCodec as NumPyCodec,
        ParquetCodec as ParquetCodec,
        Prediction as Prediction,
        PredictionStream as PredictionStream,
        Predictor as Predictor,
        SessionError as SessionError,
        SyncPredictionStream as SyncPredictionStream,
        SyncPredictor as SyncPredictor,
        TritonCodec as TritonCodec,
    )
    from sagemaker_runtime.retry import (
        RETRYER as RETRYER,
        AdaptiveRetryer as AdaptiveRetryer,
        NopRetryer as NopRetryer,
        PacedRetryer as PacedRetryer,
        Retryer as Retryer,
        RetryQuota as RetryQuota,
        StandardRetryer as StandardRetryer,
    )
    from sagemaker_runtime.signing import (
        HTTPSignerV4 as HTTPSignerV4,
        SigV4Signer as SigV4Signer,
    )
    from sagemaker_runtime.streams.duplex_stream import (
        DuplexStream as DuplexStream,
    )
    from sagemaker_runtime.streams.parsers import (
        JSONLinesParser as JSONLinesParser,
        LineParser as LineParser,
        StreamParser as StreamParser,
        TextParser as TextParser,
    )
    from sagemaker_runtime.streams.response_stream import (
        ResponseStream as ResponseStream,
        StreamWatcher as StreamWatcher,
    )
    from sagemaker_runtime.streams.server_sent_events import (
        ServerSentEvent as ServerSentEvent,
        ServerSentEventParser as ServerSentEventParser,
    )
    from sagemaker_runtime.sync.client import (
        SyncClient as SyncClient,
    )
    from sagemaker_runtime.sync.duplex import (
        SyncDuplexStream as SyncDuplexStream,
    )
    from sagemaker_runtime.sync.streams import (
        SyncResponseStream as SyncResponseStream,
        SyncResponseStreamOutput as SyncResponseStreamOutput,
    )
    from sagemaker_runtime.transport import (
        DuplexExchange as DuplexExchange,
        DuplexHTTPClient as DuplexHTTPClient,
        HTTPClient as HTTPClient,
    )
    from sagemaker_runtime.transport.aiohttp.client import (
        AioHTTPClient as AioHTTPClient,
    )
    from sagemaker_runtime.transport.h2.client import (
        HTTP2Client as HTTP2Client,
    )
    from sagemaker_runtime.version import __version__ as __version__
    from sagemaker_runtime.wire import (
        Request as Request,
        Response as Response,
        Timeout as Timeout,
    )

_HOMES = {
    "async_inference.s3": "S3Client S3Object S3ObjectReader",
    "async_inference.s3_responses": "S3Response",
    "async_inference.waiting": "AsyncInferenceResult",
    "client": "Client",
    "clock": "Clock SystemClock",
    "config": "Config load_config",
    "context": "ATTEMPTS AttemptRecord CLOCK Context Key LOGGER Metadata RAW_RESPONSE REGION REQUEST_ID ResponseTiming TIMEOUT TIMING",
    "credentials": "AnonymousCredentialsProvider BotocoreCredentialsProvider CREDENTIALS CachingCredentialsProvider Credentials CredentialsCache CredentialsProvider DefaultCredentialsProvider EnvironmentCredentialsProvider RenewableCredentialsProvider StaticCredentialsProvider",
    "custom_attributes": "append_custom_attributes",
    "endpoints": "AWSEndpointResolver DefaultEndpointResolver Endpoint EndpointResolver EndpointResolverFunc EndpointResolverOptions with_endpoint_resolver",
    "errors": "AsyncInferenceError CertificateError ClientClosedError ConfigError ConnectError ConnectTimeoutError ConnectionLostError CredentialsError EndpointError EndpointNotFoundError EventStreamError InputValidationError InternalDependencyException InternalFailure InternalServerError InternalStreamFailure InvalidHeaderError InvalidParamsError InvalidResponseError ModelError ModelNotReadyException ModelStreamError ProxyRefusedError ReadTimeoutError RefusedStreamError SageMakerRuntimeError ServiceError ServiceUnavailable ServiceUnavailableError StackError StreamClosedError StreamContentError TotalTimeoutError TransportError TruncatedResponseError ValidationError WaitTimeoutError WriteTimeoutError",
    "headers": "Headers",
    "log_mode": "ClientLogMode",
    "middleware": "AFTER BEFORE BuildHandler BuildInput BuildMiddleware DeserializeHandler DeserializeInput DeserializeMiddleware FinalizeHandler FinalizeInput FinalizeMiddleware InitializeHandler InitializeInput InitializeMiddleware Output SerializeHandler SerializeInput SerializeMiddleware Stack Step build_middleware deserialize_middleware finalize_middleware initialize_middleware serialize_middleware",
    "middleware.serialize": "ResolveEndpoint",
    "operations.base": "Operation OperationInput OperationOutput SERVICE_API_VERSION SERVICE_ID TRAITS",
    "operations.events": "DuplexMessage PayloadPart RequestPayloadPart ResponsePayloadPart ResponseStreamEvent UnknownEvent",
    "operations.invoke_endpoint": "InvokeEndpointInput InvokeEndpointOutput",
    "operations.invoke_endpoint_async": "InvokeEndpointAsyncInput InvokeEndpointAsyncOutput",
    "operations.invoke_endpoint_with_bidirectional_stream": "InvokeEndpointWithBidirectionalStreamInput InvokeEndpointWithBidirectionalStreamOutput",
    "operations.invoke_endpoint_with_response_stream": "InvokeEndpointWithResponseStreamInput InvokeEndpointWithResponseStreamOutput",
    "operations.service": "Service",
    "options": "APIOption OptFn Options",
    "overrides": "override with_api_options",
    "predictor": "ArrowCodec CSVCodec Codec DecodeError EncodeError Encoded JSONCodec JSONLinesCodec NumPyCodec ParquetCodec Prediction PredictionStream Predictor SessionError SyncPredictionStream SyncPredictor TritonCodec",
    "retry": "AdaptiveRetryer NopRetryer PacedRetryer RETRYER RetryQuota Retryer StandardRetryer",
    "signing": "HTTPSignerV4 SigV4Signer",
    "streams.duplex_stream": "DuplexStream",
    "streams.parsers": "JSONLinesParser LineParser StreamParser TextParser",
    "streams.response_stream": "ResponseStream StreamWatcher",
    "streams.server_sent_events": "ServerSentEvent ServerSentEventParser",
    "sync.client": "SyncClient",
    "sync.duplex": "SyncDuplexStream",
    "sync.streams": "SyncResponseStream SyncResponseStreamOutput",
    "transport": "DuplexExchange DuplexHTTPClient HTTPClient",
    "transport.aiohttp.client": "AioHTTPClient",
    "transport.h2.client": "HTTP2Client",
    "version": "__version__",
    "wire": "Request Response Timeout",
}
# The documented submodules, such as ``sagemaker_runtime.errors``.
_SUBMODULES = [
    "bulk",
    "context",
    "credentials",
    "endpoints",
    "errors",
    "local",
    "middleware",
    "operations",
    "predictor",
    "retry",
    "sync",
    "testing",
    "wire",
]

if not TYPE_CHECKING:  # otherwise a type checker would accept any name, even a misspelt one
    __getattr__ = lazy_names(__name__, _HOMES, _SUBMODULES)
    __all__ = sorted(" ".join(_HOMES.values()).split())  # noqa: PLE0605 - a checker takes the imports above

    def __dir__() -> list[str]:
        return __all__
