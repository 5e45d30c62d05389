"""`Front`: the HTTP/1.1 side before the models. It knows the service's paths, checks requests, and writes responses."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from datetime import UTC, datetime
from email.utils import formatdate
from functools import cache, lru_cache, partial
from typing import TYPE_CHECKING, Literal
from uuid import uuid4
from weakref import WeakKeyDictionary

from aiohttp import web
from attrs import fields

from sagemaker_runtime import Headers
from sagemaker_runtime.local.backends.invocation import Invocation
from sagemaker_runtime.local.faults.kinds import ClockSkew, CutKeepAlive, FrameFault, Latency, Reset
from sagemaker_runtime.local.faults.plan import InjectedFault
from sagemaker_runtime.local.front.bodies import read_body
from sagemaker_runtime.local.front.constraints import MAX_BODY, check
from sagemaker_runtime.local.front.failures import ACCOUNT, FailureError, failure
from sagemaker_runtime.local.front.journal import ConversationEvent, Exchange
from sagemaker_runtime.local.front.responses import (
    Connection,
    CutError,
    Outgoing,
    cut,
    failed,
    head_of,
    under,
    whole,
    write,
)
from sagemaker_runtime.local.front.signature import ReceivedRequest, check_signature
from sagemaker_runtime.local.front.streaming import frames_of, spoil
from sagemaker_runtime.local.storage.asynchronous import queued
from sagemaker_runtime.operations import DUPLEX_OPERATIONS, bindings
from sagemaker_runtime.operations.routes import route

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sagemaker_runtime import Clock, Credentials, Operation, OperationInput, OperationOutput
    from sagemaker_runtime.local.backends.hosting import HostedEndpoint
    from sagemaker_runtime.local.duplex.conversation import Part
    from sagemaker_runtime.local.front.journal import Journal
    from sagemaker_runtime.local.storage.asynchronous import Asynchronous
    from sagemaker_runtime.operations.routes import Route


class Front:
    """
    Responds to each request as the service would.

    Args:
        hosted: The endpoints by name.

        region: The region that requests must be signed for.

        credentials: The keys that they must be signed with.

        clock: The service's clock.

        journal: Where each request is recorded.

        asynchronous: The queue for asynchronous inferences.
    """

    def __init__(
        self,
        hosted: Mapping[str, HostedEndpoint],
        *,
        region: str,
        credentials: Credentials,
        clock: Clock,
        journal: Journal,
        asynchronous: Asynchronous,
    ) -> None:
        self._hosted = hosted
        self._region = region
        self._credentials = credentials
        self._clock = clock
        self._journal = journal
        self._asynchronous = asynchronous
        self._connections: WeakKeyDictionary[asyncio.WriteTransport, Connection] = WeakKeyDictionary()
        self._connected = 0

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """The response to *request*, whatever it is. Each has its own request id."""
        transport = request.transport
        if transport is None:
            return _to_nobody()
        connection = self.connection_of(transport)
        exchange = Exchange(
            connection=connection.number,
            time=self._clock.now(),
            method=request.method,
            target=request.raw_path,
            raw_headers=request.raw_headers,
            headers=Headers.received(request.headers.items()),
            request_id=str(uuid4()),
        )
        outcome = "left"
        try:
            try:
                response = await self._invoke(request, exchange, connection)
            except FailureError as error:
                exchange.error_code = error.code
                response = await self._send(request, failed(error), exchange)
        except CutError as ended:
            outcome = "reset" if ended.how == "reset" else "cut"
            cut(transport, ended.how)
        except ConnectionError:  # the caller left in the middle of the exchange
            pass
        else:
            outcome = "end"
            match exchange.fault:
                case InjectedFault(CutKeepAlive(at_next_request=True)):
                    connection.doom = exchange.fault
                case InjectedFault(CutKeepAlive()):
                    cut(transport, "end")
                case _:
                    pass
            return response
        finally:
            if self._journal.watchers:
                self._note(exchange, outcome, None)
        return _to_nobody()

    def connection_of(self, transport: asyncio.WriteTransport) -> Connection:
        """What is known about a connection."""
        connection = self._connections.get(transport)
        if connection is None:
            self._connected += 1
            connection = self._connections[transport] = Connection(self._connected)
        return connection

    async def _invoke(self, request: web.BaseRequest, exchange: Exchange, connection: Connection) -> web.StreamResponse:
        found = await self._receive(request, exchange, connection)
        operation, name = found.operation, found.labels["endpoint_name"]
        streamed = operation.streams
        hosted = self._hosted.get(name)
        due = None if hosted is None else hosted.due(streamed=streamed)
        if hosted is not None and due is not None and isinstance(due.fault, ClockSkew):  # even if it is refused
            exchange.fault = due
            hosted.count(due)
        received = ReceivedRequest(
            request.method, request.raw_path, request.headers.items(), exchange.headers, exchange.body, request.secure
        )
        now = datetime.fromtimestamp(self._now(exchange), UTC)
        exchange.signature_holds = False
        check_signature(received, credentials=self._credentials, region=self._region, now=now)
        exchange.signature_holds = True
        waiting = queued(found, exchange.body, exchange.headers) if _is_queued(operation) else None
        exchange.invocation = (
            _invocation(found, exchange.body, exchange.headers) if waiting is None else waiting.invocation
        )
        if hosted is None:
            raise failure("ValidationError", f"Endpoint {name} of account {ACCOUNT} not found.")
        if exchange.fault is None:
            exchange.fault = due
            hosted.count(due)
        fault = None if due is None else due.fault
        if isinstance(fault, Latency):
            await self._clock.sleep(fault.seconds)
        if fault == Reset(after_head=False):
            raise CutError("reset")
        if waiting is not None:
            head, body = self._asynchronous.put(waiting, hosted, fault)
            return await self._send(request, Outgoing(202, head, body, len(body)), exchange)
        reply = await hosted.invoke(exchange.invocation, fault)
        head = head_of(reply.head, operation)
        if not streamed and isinstance(reply.head.body, bytes):  # there is nothing to close
            body = reply.head.body
            return await self._send(request, Outgoing(200, head, body, len(body)), exchange)
        async with aclosing(reply.pieces) as pieces:
            if not streamed:
                body = b"".join([piece async for piece in pieces])
                return await self._send(request, Outgoing(200, head, body, len(body)), exchange)
            frames = frames_of(pieces)
            if isinstance(fault, FrameFault):
                frames = spoil(frames, fault)
            return await self._send(request, Outgoing(200, head, frames), exchange)

    async def _receive(self, request: web.BaseRequest, exchange: Exchange, connection: Connection) -> Route:
        found = route(request.method, request.raw_path)
        if found is not None and not found.prefix:
            exchange.endpoint_name = found.labels.get("endpoint_name")
            exchange.operation = found.operation.name
        try:
            if connection.doom is not None:
                exchange.fault = connection.doom
                raise CutError("reset")
            if found is None and route(request.method, request.raw_path, DUPLEX_OPERATIONS) is not None:
                raise failure("UnknownOperationException", "The operation is served over HTTP/2 only.", 404)
            if found is None or found.prefix:
                raise failure("UnknownOperationException", "The operation is not known.", 404)
            if (problem := _not_served(found.operation)) is not None:
                raise failure(
                    "UnknownOperationException", f"{found.operation.name} is not served here: {problem}.", 404
                )
            exchange.body = await read_body(request, MAX_BODY, too_large=_too_large, cut=_cut)
        finally:
            self._journal.record(exchange)
        return found

    async def _send(self, request: web.BaseRequest, outgoing: Outgoing, exchange: Exchange) -> web.StreamResponse:
        date = http_date(int(self._now(exchange)))
        headers = {**outgoing.headers, "x-amzn-RequestId": exchange.request_id, "Date": date}
        body = whole(b"") if request.method == "HEAD" else outgoing.body  # its response has only a head
        outgoing = Outgoing(outgoing.status, headers, body, outgoing.length)
        fault = None if exchange.fault is None else exchange.fault.fault
        outgoing = under(fault, outgoing, self._clock)
        if self._journal.watchers:
            from sagemaker_runtime.local.front.watched import write_watched  # few programs watch

            return await write_watched(request, outgoing, exchange, partial(self._note, exchange))
        return await write(request, outgoing, exchange)

    def _note(self, exchange: Exchange, name: str, part: Part | None) -> None:
        """Add an event to a watched journal."""
        sender: Literal["caller", "endpoint"] = "caller" if name == "left" else "endpoint"
        self._journal.note(exchange, ConversationEvent(self._clock.now(), sender, name, part))

    def _now(self, exchange: Exchange) -> float:
        match exchange.fault:
            case InjectedFault(ClockSkew(seconds)):
                return self._clock.now() + seconds
            case _:
                return self._clock.now()


def _to_nobody() -> web.Response:
    """The response to a caller who has left."""
    return web.Response(status=400)


@lru_cache(maxsize=16)  # it changes with the second
def http_date(seconds: int) -> str:
    """The ``Date`` of a response."""
    return formatdate(seconds, usegmt=True)


def _too_large() -> FailureError:
    # Without an error name: what users report is a bare 413.
    return FailureError(None, 413, {"Message": f"Request body is larger than {MAX_BODY} bytes."})


def _cut() -> FailureError:
    return failure("RequestTimeout", "The body did not arrive completely.", 408)


def _is_queued(operation: Operation[OperationInput, OperationOutput]) -> bool:
    """Whether the response only says where the result will be stored."""
    return "output_location" in bindings(operation.output_type)


@cache
def _not_served(operation: Operation[OperationInput, OperationOutput]) -> str | None:
    """Why a model cannot serve the operation; None if it can."""
    label = bindings(operation.input_type).get("endpoint_name")
    if label is None or label.location != "label":
        return "its path names no endpoint"
    if operation.streams and "PayloadPart" not in operation.events:
        return "its stream carries no PayloadPart"
    whole = any(binding.location == "payload" for binding in bindings(operation.output_type).values())
    if operation.streams or whole or _is_queued(operation):
        return None
    return "its response has no body for a model's output"


_MEMBERS = {attribute.name for attribute in fields(Invocation)} - {"body", "headers", "new_session"}


def _invocation(route: Route, body: bytes, headers: Headers) -> Invocation:
    values = route.members(headers)
    check(route.operation.name, values, body)
    known = {name: value for name, value in values.items() if name in _MEMBERS}  # the others are in the headers
    return Invocation(body=body, new_session=False, headers=headers, **known)
