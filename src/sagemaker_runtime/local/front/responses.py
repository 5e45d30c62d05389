"""Writes a response: whole, or spoiled by a fault."""

from __future__ import annotations

import json
import socket
import struct
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, Literal

from aiohttp import web
from attrs import define, evolve, frozen

from sagemaker_runtime.local.faults.kinds import Reset, SlowBody, TruncatedBody
from sagemaker_runtime.operations import bindings

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncGenerator, Mapping

    from sagemaker_runtime import Clock, Operation, OperationInput, OperationOutput
    from sagemaker_runtime.local.backends.invocation import Answer
    from sagemaker_runtime.local.faults.kinds import Fault
    from sagemaker_runtime.local.faults.plan import InjectedFault
    from sagemaker_runtime.local.front.failures import FailureError
    from sagemaker_runtime.local.front.journal import Exchange


class CutError(Exception):
    """The exchange ends here, and its connection is closed: by a reset, or in order (see `cut`)."""

    def __init__(self, how: Literal["reset", "end"]) -> None:
        super().__init__(how)
        self.how: Literal["reset", "end"] = how


@define(eq=False)
class Connection:
    """What the front knows about a connection."""

    number: int
    """1 for the first connection with a request."""

    doom: InjectedFault | None = None
    """The fault that resets it when the next request arrives."""


def cut(transport: asyncio.WriteTransport, how: Literal["reset", "end"]) -> None:
    """Close a connection: immediately, by a reset (RST), or in order (FIN), after all that was written has been sent."""
    if how == "end":
        transport.close()
        return
    with suppress(OSError):  # it is closed already
        no_linger = struct.pack("ii", 1, 0)
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, no_linger)
    transport.abort()


@frozen
class Outgoing:
    """A response to be written."""

    status: int
    headers: Mapping[str, str]
    body: bytes | AsyncGenerator[bytes]
    """Whole, or in pieces, which may raise FailureError before the first one, and `CutError` at any time."""

    length: int | None = None
    """The Content-Length; None for chunked coding."""


async def whole(body: bytes) -> AsyncGenerator[bytes]:
    """The pieces of a body that is in memory: one."""
    yield body


def head_of(answer: Answer, operation: Operation[OperationInput, OperationOutput]) -> dict[str, str]:
    """The headers for a model's answer: the members of the operation's output that are bound to headers."""
    headers = {"Content-Type": "application/vnd.amazon.eventstream"} if operation.streams else {}
    for member, binding in bindings(operation.output_type).items():
        value: object = getattr(answer, member, None)
        if binding.location == "header" and isinstance(value, str):
            headers[binding.name] = value
    return headers


def failed(error: FailureError) -> Outgoing:
    """The response for a failure."""
    headers = {"Content-Type": "application/json"}
    if error.code is not None:
        headers["x-amzn-ErrorType"] = error.code
    body = json.dumps(error.document).encode()
    return Outgoing(error.status, headers, body, len(body))


async def write(request: web.BaseRequest, outgoing: Outgoing, exchange: Exchange) -> web.StreamResponse:
    """
    Send a response, no faster than the caller reads it. The head is sent with the first piece of the body.

    Raises:
        FailureError: The body failed before its first piece; nothing was sent.
        CutError: A fault closes the connection.
        ConnectionError: The caller has left.
    """
    if isinstance(outgoing.body, bytes):  # one write for head and body: pieces would take two, and so two wake-ups
        complete = web.Response(status=outgoing.status, body=outgoing.body, headers=outgoing.headers)
        await complete.prepare(request)
        exchange.status = outgoing.status
        await complete.write_eof()
        exchange.written = True
        return complete
    response = web.StreamResponse(status=outgoing.status, headers=outgoing.headers)
    response.content_length = outgoing.length
    async with aclosing(outgoing.body) as body:
        piece = await anext(body, None)
        await response.prepare(request)
        exchange.status = outgoing.status
        while piece is not None and request.method != "HEAD":  # its response has no body
            await response.write(piece)
            piece = await anext(body, None)
    await response.write_eof()
    exchange.written = True
    return response


def pieces_under(fault: Fault | None, body: AsyncGenerator[bytes], clock: Clock) -> AsyncGenerator[bytes]:
    """The pieces of a body, spoiled by *fault* if it is a fault of the body."""
    spoiled = under(fault, Outgoing(200, {}, body), clock).body
    return whole(spoiled) if isinstance(spoiled, bytes) else spoiled


def under(fault: Fault | None, outgoing: Outgoing, clock: Clock) -> Outgoing:
    """The response, spoiled by *fault* if it is a fault of the body."""
    if fault is None:
        return outgoing
    length = outgoing.length
    body = whole(outgoing.body) if isinstance(outgoing.body, bytes) else outgoing.body
    match fault:
        case SlowBody():
            return evolve(outgoing, body=_slow(body, fault, clock))
        case Reset():  # after the head: a reset before it leaves no response
            return evolve(outgoing, body=_reset(body), length=None if length is None else max(length, 1))
        case TruncatedBody(kept):
            promised = None if length is None else max(length, min(length, kept) + 1)
            return evolve(outgoing, body=_truncated(body, kept), length=promised)
        case _:
            return outgoing


async def _slow(body: AsyncGenerator[bytes], fault: SlowBody, clock: Clock) -> AsyncGenerator[bytes]:
    begun = False
    async with aclosing(body) as pieces:
        async for piece in pieces:
            for start in range(0, len(piece), fault.size):
                if begun:
                    await clock.sleep(fault.seconds)
                begun = True
                yield piece[start : start + fault.size]


async def _reset(body: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    async with aclosing(body) as pieces:
        await anext(pieces, None)
    yield b""  # the head
    raise CutError("reset")


async def _truncated(body: AsyncGenerator[bytes], kept: int) -> AsyncGenerator[bytes]:
    async with aclosing(body) as pieces:
        async for piece in pieces:
            yield piece[:kept]
            kept -= len(piece)
            if kept <= 0:
                break
    yield b""  # the head, if there was no piece
    raise CutError("end")
