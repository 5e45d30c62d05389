"""The whole pipeline on one page, in the order it runs."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from sagemaker_runtime.endpoints import settled_resolver
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
from sagemaker_runtime.middleware.places import BuildStep, DeserializeStep, FinalizeStep, InitializeStep, SerializeStep
from sagemaker_runtime.middleware.serialize import OperationSerializer, ResolveEndpoint
from sagemaker_runtime.middleware.stack import Stack

if TYPE_CHECKING:
    from sagemaker_runtime.clock_skew import ClockSkew
    from sagemaker_runtime.options import Options
    from sagemaker_runtime.protocol import Marshaller


def stack_of(marshaller: Marshaller, options: Options, skew: ClockSkew) -> Stack:
    """
    The default stack of an operation; what stands first sees the request first.

    Every place is always there, because others anchor on it; what has nothing to do costs 0.2 µs or nothing. Where a
    middleware needs a fact of the call, such as its timeout, it reads it in the context: those are not in the stack.

    Args:
        marshaller: The operation's.

        options: Settled, and before their ``api_options`` change the stack.

        skew: The client's, by which its requests are dated.
    """
    log_mode, streams = options.client_log_mode, marshaller.operation.streams
    service = marshaller.operation.service
    resolver = settled_resolver(options.endpoint_resolver, options.base_endpoint, service)
    correction = None if options.disable_clock_skew_correction else skew
    return Stack.of(
        marshaller.operation,
        # once per call
        InitializeStep(
            OperationInputValidation(marshaller),
        ),
        SerializeStep(
            ResolveEndpoint(resolver, options.endpoint_options, signing_name=service.signing_name),
            OperationSerializer(marshaller),
        ),
        BuildStep(
            ClientRequestID(),
            ComputeContentLength(),
            ComputePayloadHash(),
            UserAgent(app_id=options.app_id),
            RecursionDetection(in_lambda=bool(os.environ.get("AWS_LAMBDA_FUNCTION_NAME"))),
        ),
        FinalizeStep(
            Retry(log_mode),
            # below Retry: once per attempt
            RetryMetricsHeader(skew),
            Signing(options.http_signer_v4, correction, log_mode),
        ),
        DeserializeStep(
            CloseResponseBody(streams=streams),
            ResponseErrorWrapper(correction),
            OperationDeserializer(marshaller),
            RequestIDRetriever(),
            RecordResponseTiming(skew),
            RequestResponseLogger(log_mode, streams=streams),
        ),
    )
