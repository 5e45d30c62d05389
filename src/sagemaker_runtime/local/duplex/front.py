"""`DuplexFront`: what stands before the models that talk both ways. It checks requests, and carries both directions."""

from __future__ import annotations

import asyncio
import json
import logging
from contextlib import aclosing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal
from uuid import uuid4

from sagemaker_runtime import Headers
from sagemaker_runtime.local.duplex.conversation import Conversation, Part
from sagemaker_runtime.local.duplex.event_chain import EventChain
from sagemaker_runtime.local.duplex.events import exception_of, frame_of, parts_of
from sagemaker_runtime.local.duplex.faults import OverError, before_model, in_request
from sagemaker_runtime.local.faults.kinds import ClockSkew, CutKeepAlive, FrameFault, Latency, Reset
from sagemaker_runtime.local.faults.plan import InjectedFault
from sagemaker_runtime.local.front.constraints import check
from sagemaker_runtime.local.front.failures import ACCOUNT, FailureError, failure
from sagemaker_runtime.local.front.front import http_date
from sagemaker_runtime.local.front.journal import ConversationEvent, Exchange
from sagemaker_runtime.local.front.responses import CutError, cut, pieces_under
from sagemaker_runtime.local.front.signature import ReceivedRequest, check_signature
from sagemaker_runtime.local.front.streaming import spoil
from sagemaker_runtime.operations import DUPLEX_OPERATIONS
from sagemaker_runtime.operations.routes import route
from sagemaker_runtime.verification import Authorization

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping

    from sagemaker_runtime import Clock, Credentials
    from sagemaker_runtime.local.backends.hosting import HostedEndpoint
    from sagemaker_runtime.local.duplex.stream import H2Stream
    from sagemaker_runtime.local.faults.kinds import Fault
    from sagemaker_runtime.local.front.journal import Journal
    from sagemaker_runtime.local.front.responses import Connection

logger = logging.getLogger("sagemaker_runtime.local")

# What the duplex operation calls the errors of the others.
_NAMES = {
    "ValidationError": "InputValidationError",
    "InternalFailure": "InternalServerError",
    "ServiceUnavailable": "ServiceUnavailableError",
}
_CONTENT_TYPE = "application/vnd.amazon.eventstream"


class DuplexFront:
    """
    Responds to each stream of HTTP/2 as the service would.

    Args:
        hosted: The endpoints by name.

        region: The region that requests must be signed for.

        credentials: What they must be signed with.

        clock: The service's time.

        journal: Where each request is kept.

        connection_of: What is known of a connection.
    """

    def __init__(
        self,
        hosted: Mapping[str, HostedEndpoint],
        *,
        region: str,
        credentials: Credentials,
        clock: Clock,
        journal: Journal,
        connection_of: Callable[[asyncio.WriteTransport], Connection],
    ) -> None:
        self._hosted = hosted
        self._region = region
        self._credentials = credentials
        self._clock = clock
        self._journal = journal
        self._connection_of = connection_of

    async def handle(self, stream: H2Stream) -> None:
        """Serve *stream*, whatever it asks for."""
        transport = stream.connection.transport
        if transport is None:
            return
        connection = self._connection_of(transport)
        exchange = _exchange(stream, connection.number, self._clock.now())
        call = _Call(stream, exchange, self._journal, self._clock)
        try:
            try:
                await self._converse(call, connection)
            except FailureError as error:
                await call.fail(error)
            exchange.written = True
            call.end()
        except CutError as ended:
            cut(transport, ended.how)
            return
        except OverError:
            return
        except (ConnectionError, asyncio.CancelledError) as error:
            call.note("caller", "left")
            if isinstance(error, asyncio.CancelledError):
                raise
            return
        except Exception:
            logger.exception("the local endpoint failed; this is a mistake of its own")
            return
        match exchange.fault:
            case InjectedFault(CutKeepAlive(at_next_request=True)):
                connection.doom = exchange.fault
            case InjectedFault(CutKeepAlive()):
                cut(transport, "end")
            case _:
                pass

    async def _converse(self, call: _Call, connection: Connection) -> None:
        exchange = call.exchange
        found = route(exchange.method, exchange.target.partition("?")[0], DUPLEX_OPERATIONS)
        if found is not None and not found.prefix:
            exchange.endpoint_name, exchange.operation = found.labels["endpoint_name"], found.operation.name
        self._journal.record(exchange)
        if connection.doom is not None:
            exchange.fault = connection.doom
            raise CutError("reset")
        if found is None or found.prefix:
            raise failure("UnknownOperationException", "The operation is not known over HTTP/2.", 404)
        hosted = self._hosted.get(found.labels["endpoint_name"])
        exchange.fault = None if hosted is None else hosted.due(streamed=True, duplex=True)
        fault = None if exchange.fault is None else exchange.fault.fault
        if hosted is not None and isinstance(fault, ClockSkew):  # refused or not, it was met
            hosted.count(exchange.fault)
        due, exchange.fault = exchange.fault, exchange.fault if isinstance(fault, ClockSkew) else None
        chain = self._check(call, fault)
        members = found.members(exchange.headers)
        check(found.operation.name, members, b"")
        if exchange.headers.get("content-type") != _CONTENT_TYPE:
            raise failure("InputValidationError", f"The content type of the request must be {_CONTENT_TYPE}.")
        if hosted is None:
            raise failure("ValidationError", f"Endpoint {members['endpoint_name']} of account {ACCOUNT} not found.")
        if exchange.fault is None:
            exchange.fault = due
            hosted.count(due)
        await self._talk(call, hosted, chain, members, fault)

    def _check(self, call: _Call, fault: Fault | None) -> EventChain:
        """Check the signature of the request, which is the seed of its events'."""
        skew = fault.seconds if isinstance(fault, ClockSkew) else 0.0
        exchange = call.exchange
        call.skew = skew
        received = ReceivedRequest(
            exchange.method, exchange.target, exchange.headers.items(), exchange.headers, b"", call.https, streams=True
        )
        now = datetime.fromtimestamp(self._clock.now() + skew, UTC)
        check_signature(received, credentials=self._credentials, region=self._region, now=now)
        return EventChain(
            Authorization.parse(exchange.headers["authorization"]).signature,
            credentials=self._credentials,
            region=self._region,
            now=lambda: self._clock.now() + skew,
        )

    async def _talk(
        self,
        call: _Call,
        hosted: HostedEndpoint,
        chain: EventChain,
        members: Mapping[str, str],
        fault: Fault | None,
    ) -> None:
        if isinstance(fault, Latency):
            await self._clock.sleep(fault.seconds)
        if fault == Reset(after_head=False):
            raise CutError("reset")
        parts = parts_of(call.stream.read, chain)
        async with aclosing(parts):
            await before_model(fault, call, parts, hosted)
            conversation = Conversation(
                in_request(fault, call, call.received(parts)),
                lambda: call.head(conversation.invoked_production_variant),
                endpoint_name=hosted.name,
                target_variant=members.get("target_variant"),
                path=members.get("model_invocation_path"),
                query=members.get("model_query_string"),
                headers=call.exchange.headers,
            )
            frames = call.frames(hosted.converse(conversation), conversation)
            if isinstance(fault, FrameFault):
                frames = spoil(frames, fault)
            async with aclosing(pieces_under(fault, frames, self._clock)) as body:
                async for frame in body:
                    conversation.accept()
                    await call.stream.send(frame)
            conversation.accept()


class _Call:
    """
    One duplex call: its stream, and its page of the journal.

    Attributes:
        https: Whether it came over TLS.

        skew: Seconds by which the service's clock is wrong for it.
    """

    def __init__(self, stream: H2Stream, exchange: Exchange, journal: Journal, clock: Clock) -> None:
        self.stream = stream
        self.exchange = exchange
        self.https = dict(stream.headers).get(":scheme") == "https"
        self.skew = 0.0
        self._journal = journal
        self._clock = clock
        self._failure: FailureError | None = None

    def note(self, sender: Literal["caller", "endpoint"], name: str, part: Part | None = None) -> None:
        """Write what was done into the journal."""
        self._journal.note(self.exchange, ConversationEvent(self._clock.now(), sender, name, part))

    def sent(self, name: str) -> None:
        """Write what the local endpoint sent into the journal."""
        self.note("endpoint", name)

    async def received(self, parts: AsyncIterator[Part]) -> AsyncGenerator[Part]:
        """The parts of the caller, each noted. What breaks them is kept, since a model may not let it pass."""
        try:
            async for part in parts:
                self.note("caller", "PayloadPart", part)
                yield part
        except FailureError as error:
            self._failure = error
            raise
        self.note("caller", "end")

    async def frames(self, parts: AsyncGenerator[Part], conversation: Conversation) -> AsyncGenerator[bytes]:
        """The frames of the model's parts, and of what fails once the response has begun."""
        try:
            async with aclosing(parts):
                async for part in parts:
                    conversation.accept()
                    yield frame_of(part)
                    self.note("endpoint", "PayloadPart", part)
            if self._failure is not None:
                raise self._failure
        except FailureError as error:
            if self.exchange.status is None:
                raise
            yield self.exception(self._failure or error)

    def exception(self, error: FailureError) -> bytes:
        """The frame of an exception, noted."""
        error = _renamed(error)
        name = "ModelStreamError" if error.code == "ModelError" else error.code
        self.exchange.error_code = name
        self.note("endpoint", name or "exception")
        return exception_of(error)

    def head(self, variant: str = "AllTraffic") -> None:
        """Send the head of the response; does nothing if it has been sent, or the caller has left."""
        if self.exchange.status is None and not self.stream.lost:
            headers = {"content-type": _CONTENT_TYPE, "x-amzn-invoked-production-variant": variant}
            self._head(200, headers)

    def _head(self, status: int, headers: dict[str, str]) -> None:
        date = http_date(int(self._clock.now() + self.skew))
        self.stream.send_head(
            status, [("x-amzn-requestid", self.exchange.request_id), ("date", date), *headers.items()]
        )
        self.exchange.status = status
        self.note("endpoint", "head")

    async def fail(self, error: FailureError) -> None:
        """Respond with an error; in the stream, if the response has begun."""
        if self.exchange.status is not None:
            await self.stream.send(self.exception(error))
            return
        error = _renamed(error)
        self.exchange.error_code = error.code
        headers = {"content-type": "application/json"}
        if error.code is not None:
            headers["x-amzn-errortype"] = error.code
        body = json.dumps(error.document).encode()
        self._head(error.status, {**headers, "content-length": str(len(body))})
        await self.stream.send(body)

    def end(self) -> None:
        """End the response."""
        self.note("endpoint", "end")
        self.stream.end()


def _renamed(error: FailureError) -> FailureError:
    """The error under the name that the duplex operation has for it."""
    name = _NAMES.get(error.code or "")
    return error if name is None else FailureError(name, error.status, error.document)


def _exchange(stream: H2Stream, connection: int, now: float) -> Exchange:
    pseudo = {name: value for name, value in stream.headers if name.startswith(":")}
    pairs = [(name, value) for name, value in stream.headers if not name.startswith(":")]
    if ":authority" in pseudo:
        pairs = [("host", pseudo[":authority"]), *(pair for pair in pairs if pair[0] != "host")]
    return Exchange(
        connection=connection,
        time=now,
        method=pseudo.get(":method", ""),
        target=pseudo.get(":path", ""),
        raw_headers=tuple((name.encode("latin-1"), value.encode("latin-1")) for name, value in stream.headers),
        headers=Headers.received(pairs),
        request_id=str(uuid4()),
    )
