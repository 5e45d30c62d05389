"""One duplex call: its stream, and the stack that runs in a task of the stream."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sagemaker_runtime.call import call
from sagemaker_runtime.context import REPLAY_BUFFER
from sagemaker_runtime.errors import SageMakerRuntimeError, StreamClosedError
from sagemaker_runtime.middleware.attempts import FORBIDS_RETRY
from sagemaker_runtime.streams.duplex_stream import DuplexStream
from sagemaker_runtime.streams.event_writer import EventWriter
from sagemaker_runtime.streams.outgoing import OUTGOING, REPLAY_BUFFER_SIZE, OutgoingEvents

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from sagemaker_runtime.context import Context
    from sagemaker_runtime.middleware.steps import InitializeHandler
    from sagemaker_runtime.operations.base import Operation
    from sagemaker_runtime.operations.invoke_endpoint_with_bidirectional_stream import (
        InvokeEndpointWithBidirectionalStreamInput,
        InvokeEndpointWithBidirectionalStreamOutput,
    )


async def open_stream(
    operation: Operation[InvokeEndpointWithBidirectionalStreamInput, InvokeEndpointWithBidirectionalStreamOutput],
    handler: InitializeHandler,
    context: Context,
    params: InvokeEndpointWithBidirectionalStreamInput,
) -> DuplexStream:
    """
    Start the stack in a task that the stream owns, and return the stream once the request has begun.

    Raises:
        SageMakerRuntimeError: The call failed before that.
    """
    size = context.get(REPLAY_BUFFER)
    outgoing = OutgoingEvents(REPLAY_BUFFER_SIZE if size is None else size)
    context[OUTGOING] = outgoing
    context[FORBIDS_RETRY] = outgoing.forbids_retry
    running = call(operation, handler, context, params)
    stream = DuplexStream(_reported(running, outgoing), outgoing, EventWriter(operation.input_events), operation.name)
    try:
        await stream.begun()
    except BaseException:
        await stream.aclose()
        raise
    return stream


async def _reported(
    call: Coroutine[None, None, InvokeEndpointWithBidirectionalStreamOutput], outgoing: OutgoingEvents
) -> InvokeEndpointWithBidirectionalStreamOutput:
    """Run *call*, and report its end to the senders. A function, because the task must not keep the stream alive."""
    try:
        output = await call
    except SageMakerRuntimeError as error:
        outgoing.fail(error)
        raise
    except BaseException as error:
        outgoing.fail(_closed_with(error))
        raise
    outgoing.begun()
    return output


def _closed_with(error: BaseException) -> StreamClosedError:
    """The error for senders if the call ended with an exception that is not ours: a middleware's, or a cancellation."""
    closed = StreamClosedError(f"the call has ended: {type(error).__name__}")
    closed.__cause__ = error
    return closed
