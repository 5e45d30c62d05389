"""The whole pipeline on one page, in the order it runs."""

from __future__ import annotations

import os
from operator import attrgetter, is_
from typing import TYPE_CHECKING

from sagemaker_runtime.endpoints import BaseEndpointResolver
from sagemaker_runtime.middleware.build import (
    ClientRequestID,
    ComputeContentLength,
    ComputePayloadHash,
    RecursionDetection,
    UserAgent,
)
from sagemaker_runtime.middleware.deserialize import (
    CloseResponseBody,
    OperationDeserializer,
    RecordResponseTiming,
    RequestIDRetriever,
    RequestResponseLogger,
    ResponseErrorWrapper,
    transport_handler,
)
from sagemaker_runtime.middleware.finalize import Retry, RetryMetricsHeader, Signing
from sagemaker_runtime.middleware.initialize import OperationInputValidation
from sagemaker_runtime.middleware.serialize import OperationSerializer, ResolveEndpoint
from sagemaker_runtime.middleware.stack import (
    Stack,
    build_step,
    deserialize_step,
    finalize_step,
    initialize_step,
    serialize_step,
)
from sagemaker_runtime.options import signing_clock
from sagemaker_runtime.retry import StandardRetryer
from sagemaker_runtime.user_agent import RETRY_MODE_FEATURES, user_agent
from sagemaker_runtime.version import __version__

if TYPE_CHECKING:
    from sagemaker_runtime.clock import ClockSkew
    from sagemaker_runtime.middleware.stack import (
        BuildStep,
        DeserializeStep,
        FinalizeStep,
        InitializeStep,
        SerializeStep,
    )
    from sagemaker_runtime.middleware.steps import DeserializeHandler, InitializeHandler
    from sagemaker_runtime.options import Options
    from sagemaker_runtime.protocol import Marshaller
    from sagemaker_runtime.transport import HTTPClient
    from sagemaker_runtime.wire import Timeout

_FEATURES = {mode: (feature,) for mode, feature in RETRY_MODE_FEATURES.items()}


# A function for each step; what stands first sees the request first. Once per call, down to Retry:


def _initialize(marshaller: Marshaller) -> InitializeStep:
    return initialize_step(OperationInputValidation(marshaller))


def _serialize(marshaller: Marshaller, options: Options) -> SerializeStep:
    base = options.base_endpoint
    resolver = options.endpoint_resolver if base is None else BaseEndpointResolver(base)
    return serialize_step(ResolveEndpoint(resolver, options.endpoint_options), OperationSerializer(marshaller))


def _build(options: Options, features: tuple[str, ...]) -> BuildStep:
    return build_step(
        ClientRequestID(),
        ComputeContentLength(),
        ComputePayloadHash(),
        UserAgent(user_agent(__version__, app_id=options.app_id, features=features)),
        RecursionDetection(in_lambda="AWS_LAMBDA_FUNCTION_NAME" in os.environ),
    )


def _finalize(options: Options, skew: ClockSkew, signing: Signing) -> FinalizeStep:
    retryer, clock = options.retryer, options.clock
    return finalize_step(
        Retry(retryer, clock, options.client_log_mode),
        # below Retry: once per attempt
        RetryMetricsHeader(retryer.max_attempts, options.timeout.read, clock, skew),
        signing,
    )


def _signing(options: Options, skew: ClockSkew) -> Signing:
    return Signing(options.http_signer_v4, options.credentials, signing_clock(options, skew), options.client_log_mode)


def _deserialize(marshaller: Marshaller, options: Options, skew: ClockSkew) -> DeserializeStep:
    return deserialize_step(
        CloseResponseBody(streams=marshaller.operation.streams),
        ResponseErrorWrapper(corrects_skew=not options.disable_clock_skew_correction),
        OperationDeserializer(marshaller),
        RequestIDRetriever(),
        RecordResponseTiming(options.clock, skew),
        RequestResponseLogger(options.client_log_mode, streams=marshaller.operation.streams),
    )


class Pipeline:
    """
    The default stacks of one operation of one client.

    Every place is always there, because others anchor on it; what has nothing to do passes on at once (0.2 µs).

    Options of a call's own mostly change how it is retried, or its time limits. For these, only Retry and what stands
    beside it are made again, which costs a third of a whole stack.

    Args:
        marshaller: The operation's.

        skew: The client's, by which its requests are dated.
    """

    def __init__(self, marshaller: Marshaller, skew: ClockSkew) -> None:
        self.marshaller = marshaller
        self._skew = skew
        self._kept: _Kept | None = None
        self._tail: tuple[DeserializeStep, HTTPClient, Timeout, DeserializeHandler] | None = None

    def stack(self, options: Options) -> Stack:
        """The stack under *options*, before their ``api_options`` change it."""
        kept = self._kept
        if kept is None or not kept.serves(options):
            kept = _Kept(self.marshaller, options, self._skew)
            if not options.api_options:  # or these may change what they find in the stack
                self._kept = kept
        return Stack.of(
            self.marshaller.operation.name,
            kept.initialize,
            kept.serialize,
            kept.build,
            _finalize(options, self._skew, kept.signing),
            kept.deserialize,
        )

    def handler(self, stack: Stack, options: Options, http_client: HTTPClient) -> InitializeHandler:
        """A stack of this pipeline folded into one handler, which ends in *http_client*."""
        step, timeout, tail = stack.deserialize, options.timeout, self._tail
        if tail is None or tail[0] is not step or tail[1] is not http_client or tail[2] is not timeout:
            handler = step.compile(transport_handler(http_client, timeout, streams=self.marshaller.operation.streams))
            tail = step, http_client, timeout, handler
            if not options.api_options:
                self._tail = tail
        return stack.compile_upon(tail[3])


class _Kept:
    """The steps that options for retries and time limits leave as they are."""

    __slots__ = ("_features", "_of", "build", "deserialize", "initialize", "serialize", "signing")

    def __init__(self, marshaller: Marshaller, options: Options, skew: ClockSkew) -> None:
        self._of = _OF(options)
        self._features = _features(options)
        self.initialize = _initialize(marshaller)
        self.serialize = _serialize(marshaller, options)
        self.build = _build(options, self._features)
        self.signing = _signing(options, skew)
        self.deserialize = _deserialize(marshaller, options, skew)

    def serves(self, options: Options) -> bool:
        """Whether they would be made of the very same under *options*, and nobody may change them."""
        return (
            not options.api_options and all(map(is_, self._of, _OF(options))) and self._features is _features(options)
        )


# The options that the steps in `_Kept` are made of.
_OF = attrgetter(
    "app_id",
    "base_endpoint",
    "client_log_mode",
    "clock",
    "credentials",
    "disable_clock_skew_correction",
    "endpoint_options",
    "endpoint_resolver",
    "http_signer_v4",
)


def _features(options: Options) -> tuple[str, ...]:
    retryer = options.retryer
    return _FEATURES[retryer.mode] if isinstance(retryer, StandardRetryer) else ()
