"""`DuplexResponse`: the model's response in a duplex call, while parts may still be sent."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from sagemaker_runtime.operations.events import ResponsePayloadPart

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from sagemaker_runtime.operations.events import ResponseStreamEvent
    from sagemaker_runtime.operations.invoke_endpoint_with_bidirectional_stream import (
        InvokeEndpointWithBidirectionalStreamOutput,
    )
    from sagemaker_runtime.streams.response_stream import ResponseStream


class DuplexResponse:
    """
    The response of a call that runs in a task, read part by part. A read that is cancelled loses nothing.

    Args:
        call: Returns the output once the head of the response has arrived.
    """

    def __init__(self, call: Coroutine[None, None, InvokeEndpointWithBidirectionalStreamOutput]) -> None:
        self._call = asyncio.get_running_loop().create_task(call)
        self._reading: asyncio.Task[ResponseStreamEvent | None] | None = None

    @property
    def begun(self) -> bool:
        """Whether the head has arrived."""
        return self._call.done() and not self._call.cancelled() and self._call.exception() is None

    async def output(self) -> InvokeEndpointWithBidirectionalStreamOutput | None:
        """Wait for the output of the call; None if the call was cancelled. Raises the call's error."""
        if not self._call.done():
            await asyncio.wait([self._call])
        if self._call.cancelled():
            return None
        error = self._call.exception()
        if error is not None:
            raise error.with_traceback(None)
        return self._call.result()

    async def next_part(self) -> ResponsePayloadPart | None:
        """The next part of a response that has begun, without the events of other types; None at its end."""
        body = self._call.result().body
        while True:
            event = body.take_held() if self._reading is None else None
            if event is None:
                event = await self._wait(body)
            if event is None or isinstance(event, ResponsePayloadPart):
                return event

    async def _wait(self, body: ResponseStream) -> ResponseStreamEvent | None:
        """Wait for the next event, in a task, so that a reader that is cancelled loses nothing and may continue."""
        if self._reading is None:
            self._reading = asyncio.get_running_loop().create_task(_next_of(body))
        await asyncio.wait([self._reading])
        reading, self._reading = self._reading, None
        return reading.result()

    def close(self) -> None:
        """End the call and its response, for code that cannot wait."""
        if not self._call.done():
            self._call.cancel()
        elif self.begun:
            self._call.result().body.close()
        if self._reading is not None:
            self._reading.add_done_callback(_retrieve)

    async def wait_closed(self) -> None:
        """Wait until its tasks have ended."""
        tasks = [task for task in (self._call, self._reading) if task is not None and not task.done()]
        if tasks:
            await asyncio.wait(tasks)


async def _next_of(body: ResponseStream) -> ResponseStreamEvent | None:
    return await anext(body, None)


def _retrieve(task: asyncio.Task[ResponseStreamEvent | None]) -> None:
    """Mark the exception of a read that nobody awaits as retrieved, so that asyncio does not log it."""
    if not task.cancelled():
        task.exception()
