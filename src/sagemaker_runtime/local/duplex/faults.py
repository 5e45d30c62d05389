"""Carries out the faults of duplex calls: instead of the model, or in the middle of a request."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING

from sagemaker_runtime.local.faults.kinds import ErrorAnswer, GoAway, Silence, StalledWindow, StreamReset, Throttled

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    from sagemaker_runtime.local.backends.hosting import HostedEndpoint
    from sagemaker_runtime.local.duplex.call import DuplexCall
    from sagemaker_runtime.local.duplex.conversation import Part
    from sagemaker_runtime.local.faults.kinds import Fault


class OverError(Exception):
    """The call is over, and its stream is gone."""


async def before_model(
    fault: Fault | None, call: DuplexCall, parts: AsyncIterator[Part], hosted: HostedEndpoint
) -> None:
    """
    Carry out *fault*, if it replaces the model.

    Raises:
        FailureError: The fault is an error of the service.
        OverError: The stream was reset, or refused by a GOAWAY.
    """
    match fault:
        case ErrorAnswer() | Throttled():
            await _take(call, parts, fault.after if isinstance(fault, ErrorAnswer) else 0)
            raise hosted.answer_of(fault)
        case StreamReset():
            await _take(call, parts, fault.after)
            if fault.after_head:
                call.head()
            call.note("endpoint", "RST_STREAM")
            call.stream.reset(fault.code)
            raise OverError
        case GoAway(refused=True):
            await _take(call, parts, fault.after)
            call.note("endpoint", "GOAWAY")
            call.stream.connection.go_away(call.stream.number - 1, fault.code)
            raise OverError
        case StalledWindow() | Silence():
            if isinstance(fault, StalledWindow) or fault.after:
                call.head()
            await _take(call, parts, fault.after)
            if isinstance(fault, Silence):
                call.stream.connection.fall_silent()
        case _:
            return
    await asyncio.get_running_loop().create_future()  # until the stream is gone


async def in_request(fault: Fault | None, call: DuplexCall, parts: AsyncGenerator[Part]) -> AsyncGenerator[Part]:
    """The caller's parts. If the fault is a GOAWAY, it is sent between two of them; this call continues."""
    if not isinstance(fault, GoAway):
        async for part in parts:
            yield part
        return
    left = fault.after
    if not left:
        _go_away(fault, call)
    async for part in parts:
        yield part
        left -= 1
        if not left:
            _go_away(fault, call)


def _go_away(fault: GoAway, call: DuplexCall) -> None:
    connection = call.stream.connection
    call.note("endpoint", "GOAWAY")
    connection.go_away(connection.newest, fault.code)


async def _take(call: DuplexCall, parts: AsyncIterator[Part], count: int) -> None:
    if count:
        async with aclosing(call.received(parts)) as received:
            async for _ in received:
                count -= 1
                if not count:
                    return
