"""The whole pipeline on one page, in the order it runs."""

from __future__ import annotations

import os
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
)
from sagemaker_runtime.middleware.finalize import Retry, RetryMetricsHeader, Signing
from sagemaker_runtime.middleware.initialize import OperationInputValidation
from sagemaker_runtime.middleware.serialize import OperationSerializer, ResolveEndpoint
from sagemaker_runtime.middleware.stack import Stack
from sagemaker_runtime.options import signing_clock
from sagemaker_runtime.retry import StandardRetryer
from sagemaker_runtime.user_agent import RETRY_MODE_FEATURES, user_agent
from sagemaker_runtime.version import __version__

if TYPE_CHECKING:
    from sagemaker_runtime.clock import ClockSkew
    from sagemaker_runtime.options import Options
    from sagemaker_runtime.protocol import Codec
    from sagemaker_runtime.retry import Retryer


def default_stack(codec: Codec, options: Options, skew: ClockSkew) -> Stack:
    """
    The stack of one operation, before ``options.api_options`` change it.

    Every place is always there, because others anchor on it; what has nothing to do passes on at once (0.2 µs).
    """
    clock, mode, retryer = options.clock, options.client_log_mode, options.retryer
    base = options.base_endpoint
    resolver = options.endpoint_resolver if base is None else BaseEndpointResolver(base)
    features = _features(retryer)
    agent = user_agent(__version__, app_id=options.app_id, features=features)

    stack = Stack(codec.operation.name)
    # once per call
    stack.initialize.add(OperationInputValidation(codec))

    stack.serialize.add(ResolveEndpoint(resolver, options.endpoint_options))
    stack.serialize.add(OperationSerializer(codec))

    stack.build.add(ClientRequestID())
    stack.build.add(ComputeContentLength())
    stack.build.add(ComputePayloadHash())
    stack.build.add(UserAgent(agent))
    stack.build.add(RecursionDetection(in_lambda="AWS_LAMBDA_FUNCTION_NAME" in os.environ))

    stack.finalize.add(Retry(retryer, clock, mode))
    # below Retry: once per attempt
    stack.finalize.add(RetryMetricsHeader(retryer.max_attempts, options.timeout.read, clock, skew))
    stack.finalize.add(Signing(options.http_signer_v4, options.credentials, signing_clock(options, skew), mode))

    stack.deserialize.add(CloseResponseBody(streams=codec.streams))
    stack.deserialize.add(ResponseErrorWrapper(corrects_skew=not options.disable_clock_skew_correction))
    stack.deserialize.add(OperationDeserializer(codec))
    stack.deserialize.add(RequestIDRetriever())
    stack.deserialize.add(RecordResponseTiming(clock, skew))
    stack.deserialize.add(RequestResponseLogger(mode, streams=codec.streams))
    return stack


def _features(retryer: Retryer) -> tuple[str, ...]:
    return (RETRY_MODE_FEATURES[retryer.mode],) if isinstance(retryer, StandardRetryer) else ()
