"""`Front`: what stands before the models. It knows the service's paths, checks what arrives, and words the answers."""

from __future__ import annotations

import asyncio
import re
from contextlib import aclosing
from datetime import UTC, datetime
from email.utils import formatdate
from functools import lru_cache
from typing import TYPE_CHECKING, cast
from urllib.parse import unquote
from uuid import uuid4
from weakref import WeakKeyDictionary

from aiohttp import web

from sagemaker_runtime import Headers
from sagemaker_runtime.local.answers import Connection, CutError, Outgoing, cut, failed, head_of, under, whole, write
from sagemaker_runtime.local.asynchronous import queued
from sagemaker_runtime.local.bodies import read_body
from sagemaker_runtime.local.constraints import (
    ENDPOINT_NAME,
    INVOKE_ENDPOINT,
    INVOKE_ENDPOINT_WITH_RESPONSE_STREAM,
    MAX_BODY,
    violations,
)
from sagemaker_runtime.local.failures import ACCOUNT, FailureError, failure
from sagemaker_runtime.local.faults import ClockSkew, CutKeepAlive, FrameFault, InjectedFault, Latency, Reset
from sagemaker_runtime.local.invocation import Invocation
from sagemaker_runtime.local.journal import Exchange
from sagemaker_runtime.local.signature import ReceivedRequest, check_signature
from sagemaker_runtime.local.streaming import frames_of, spoil

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sagemaker_runtime import Clock, Credentials
    from sagemaker_runtime.local.asynchronous import Asynchronous
    from sagemaker_runtime.local.constraints import Constraint
    from sagemaker_runtime.local.hosting import HostedEndpoint
    from sagemaker_runtime.local.journal import Journal

_PATH = re.compile(
    r"/endpoints/(?P<name>[^/?]*)/(invocations(?P<streamed>-response-stream)?|(?P<queued>async-invocations))"
)
_OPERATIONS = {
    None: "InvokeEndpoint",
    "-response-stream": "InvokeEndpointWithResponseStream",
    "async-invocations": "InvokeEndpointAsync",
}


class Front:
    """
    Answers each request as the service would.

    Args:
        hosted: The endpoints by name.

        region: The region that requests must be signed for.

        credentials: What they must be signed with.

        clock: The service's time.

        journal: Where each request is kept.

        asynchronous: Takes what may wait.
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

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """The answer to *request*, whatever it is; each has an id of its own."""
        # There is one: who has left by now has had this task cancelled.
        transport = cast("asyncio.WriteTransport", request.transport)
        connection = self._connection(transport)
        exchange = Exchange(
            connection=connection.number,
            time=self._clock.now(),
            method=request.method,
            target=request.raw_path,
            raw_headers=request.raw_headers,
            headers=Headers.received(request.headers.items()),
            request_id=str(uuid4()),
        )
        try:
            try:
                response = await self._invoke(request, exchange, connection)
            except FailureError as error:
                exchange.error_code = error.code
                response = await self._send(request, failed(error), exchange)
        except CutError as ended:
            cut(transport, ended.how)
        except ConnectionError:  # the caller left in the middle of the exchange
            pass
        else:
            match exchange.fault:
                case InjectedFault(CutKeepAlive(at_next_request=True)):
                    connection.doom = exchange.fault
                case InjectedFault(CutKeepAlive()):
                    cut(transport, "end")
                case _:
                    pass
            return response
        return web.Response(status=400)  # which nobody will read

    def _connection(self, transport: asyncio.WriteTransport) -> Connection:
        connection = self._connections.get(transport)
        if connection is None:
            self._connected += 1
            connection = self._connections[transport] = Connection(self._connected)
        return connection

    async def _invoke(self, request: web.Request, exchange: Exchange, connection: Connection) -> web.StreamResponse:
        path = await self._receive(request, exchange, connection)
        name, streamed = unquote(path["name"]), path["streamed"] is not None
        hosted = self._hosted.get(name)
        due = None if hosted is None else hosted.due(streamed=streamed)
        if hosted is not None and due is not None and isinstance(due.fault, ClockSkew):  # refused or not, it was met
            exchange.fault = due
            hosted.count(due)
        received = ReceivedRequest(
            request.method, request.raw_path, request.headers.items(), exchange.headers, exchange.body
        )
        now = datetime.fromtimestamp(self._now(exchange), UTC)
        check_signature(received, credentials=self._credentials, region=self._region, now=now)
        members = INVOKE_ENDPOINT_WITH_RESPONSE_STREAM if streamed else INVOKE_ENDPOINT
        waiting = queued(name, exchange.body, exchange.headers) if path["queued"] else None
        exchange.invocation = (
            _invocation(name, exchange.body, exchange.headers, members) if waiting is None else waiting.invocation
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
        head = head_of(reply.head, streamed=streamed)
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

    async def _receive(self, request: web.Request, exchange: Exchange, connection: Connection) -> re.Match[str]:
        path = _PATH.fullmatch(request.raw_path) if request.method == "POST" else None
        if path is not None:
            exchange.endpoint_name = unquote(path["name"])
            exchange.operation = _OPERATIONS[path["streamed"] or path["queued"]]
        try:
            if connection.doom is not None:
                exchange.fault = connection.doom
                raise CutError("reset")
            if path is None:
                raise failure("UnknownOperationException", "The operation is not known.", 404)
            exchange.body = await read_body(request, MAX_BODY, too_large=_too_large, cut=_cut)
        finally:
            self._journal.record(exchange)
        return path

    async def _send(self, request: web.Request, outgoing: Outgoing, exchange: Exchange) -> web.StreamResponse:
        date = _http_date(int(self._now(exchange)))
        headers = {**outgoing.headers, "x-amzn-RequestId": exchange.request_id, "Date": date}
        body = whole(b"") if request.method == "HEAD" else outgoing.body  # whose answer has only a head
        outgoing = Outgoing(outgoing.status, headers, body, outgoing.length)
        fault = None if exchange.fault is None else exchange.fault.fault
        return await write(request, under(fault, outgoing, self._clock), exchange)

    def _now(self, exchange: Exchange) -> float:
        match exchange.fault:
            case InjectedFault(ClockSkew(seconds)):
                return self._clock.now() + seconds
            case _:
                return self._clock.now()


@lru_cache(maxsize=16)  # it changes with the second
def _http_date(seconds: int) -> str:
    return formatdate(seconds, usegmt=True)


def _too_large() -> FailureError:
    # Without a name: what users report is a bare 413.
    return FailureError(None, 413, {"Message": f"Request body is larger than {MAX_BODY} bytes."})


def _cut() -> FailureError:
    return failure("RequestTimeout", "The body did not come to its end.", 408)


def _invocation(name: str, body: bytes, headers: Headers, members: Mapping[str, Constraint]) -> Invocation:
    raw = headers.raw
    values = {
        attribute: raw[constraint.header] for attribute, constraint in members.items() if constraint.header in raw
    }
    broken = violations([(ENDPOINT_NAME, name), *((members[attribute], value) for attribute, value in values.items())])
    if broken is not None:
        raise broken
    return Invocation(endpoint_name=name, body=body, new_session=False, headers=headers, **values)
