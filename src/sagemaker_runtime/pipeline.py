"""The whole pipeline on one page, in the order in which it runs."""

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
    The default stack of an operation; the first middleware sees the request first.

    Every place is always in it, so that users can insert middleware next to it; a middleware that has nothing to do costs at
    most 0.2 µs. Facts of a call, such as its timeout, are not part of the stack: a middleware reads them from the context.

    Args:
        marshaller: That of the operation.

        options: Checked and settled. Their ``api_options`` are applied later.

        skew: That of the client, which corrects the times of its requests.
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
