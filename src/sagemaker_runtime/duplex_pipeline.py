"""The pipeline of an operation in which both sides send at the same time, on one page, in the order in which it runs."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from sagemaker_runtime.endpoints import settled_resolver
from sagemaker_runtime.middleware.build import ClientRequestID, RecursionDetection, UserAgent
from sagemaker_runtime.middleware.deserialize import (
    CloseResponseBody,
    OperationDeserializer,
    RecordResponseTiming,
    RequestIDRetriever,
    RequestResponseLogger,
    ResponseErrorWrapper,
)
from sagemaker_runtime.middleware.duplex import DuplexSigning, InitializeStreamWriter, StreamingEventsPayload
from sagemaker_runtime.middleware.finalize import Retry, RetryMetricsHeader
from sagemaker_runtime.middleware.initialize import OperationInputValidation
from sagemaker_runtime.middleware.places import BuildStep, DeserializeStep, FinalizeStep, InitializeStep, SerializeStep
from sagemaker_runtime.middleware.serialize import OperationSerializer, ResolveEndpoint
from sagemaker_runtime.middleware.stack import Stack

if TYPE_CHECKING:
    from sagemaker_runtime.clock_skew import ClockSkew
    from sagemaker_runtime.options import Options
    from sagemaker_runtime.protocol import Marshaller


def duplex_stack_of(marshaller: Marshaller, options: Options, skew: ClockSkew) -> Stack:
    """
    The default stack of a duplex operation. The arguments are those of `stack_of`.

    Its request has no length, and each event is signed too, in a chain that starts with the request's signature.
    """
    log_mode, service = options.client_log_mode, marshaller.operation.service
    base = options.base_endpoint if options.duplex_base_endpoint is None else options.duplex_base_endpoint
    resolver = settled_resolver(options.endpoint_resolver, base, service)
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
            StreamingEventsPayload(),
            UserAgent(app_id=options.app_id),
            RecursionDetection(in_lambda=bool(os.environ.get("AWS_LAMBDA_FUNCTION_NAME"))),
        ),
        FinalizeStep(
            Retry(log_mode),
            # below Retry: once per attempt
            RetryMetricsHeader(skew),
            DuplexSigning(options.http_signer_v4, correction, log_mode),
            InitializeStreamWriter(correction, log_mode),
        ),
        DeserializeStep(
            CloseResponseBody(streams=True),
            ResponseErrorWrapper(correction),
            OperationDeserializer(marshaller),
            RequestIDRetriever(),
            RecordResponseTiming(skew),
            RequestResponseLogger(log_mode, streams=True),
        ),
    )
