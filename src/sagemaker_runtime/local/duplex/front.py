"""`DuplexFront`: the HTTP/2 side before the models. It checks requests, and passes parts on in both directions."""

from __future__ import annotations

import asyncio
import logging
from contextlib import aclosing
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import uuid4

from sagemaker_runtime import Headers
from sagemaker_runtime.local.duplex.call import CONTENT_TYPE, DuplexCall
from sagemaker_runtime.local.duplex.conversation import Conversation
from sagemaker_runtime.local.duplex.event_chain import EventChain
from sagemaker_runtime.local.duplex.events import parts_of
from sagemaker_runtime.local.duplex.faults import OverError, before_model, in_request
from sagemaker_runtime.local.faults.kinds import ClockSkew, CutKeepAlive, FrameFault, Latency, Reset
from sagemaker_runtime.local.faults.plan import InjectedFault
from sagemaker_runtime.local.front.constraints import check
from sagemaker_runtime.local.front.failures import ACCOUNT, FailureError, failure
from sagemaker_runtime.local.front.journal import Exchange
from sagemaker_runtime.local.front.responses import CutError, cut, pieces_under
from sagemaker_runtime.local.front.signature import ReceivedRequest, check_signature
from sagemaker_runtime.local.front.streaming import spoil
from sagemaker_runtime.local.front.welcome import WELCOME, is_browser
from sagemaker_runtime.operations import DUPLEX_OPERATIONS
from sagemaker_runtime.operations.routes import route
from sagemaker_runtime.verification import Authorization

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sagemaker_runtime import Clock, Credentials
    from sagemaker_runtime.local.backends.hosting import HostedEndpoint
    from sagemaker_runtime.local.duplex.stream import H2Stream
    from sagemaker_runtime.local.faults.kinds import Fault
    from sagemaker_runtime.local.front.journal import Journal
    from sagemaker_runtime.local.front.responses import Connection

logger = logging.getLogger("sagemaker_runtime.local")


class DuplexFront:
    """
    Responds to each HTTP/2 stream as the service would.

    Args:
        hosted: The endpoints by name.

        region: The region that requests must be signed for.

        credentials: The keys that they must be signed with.

        clock: The service's clock.

        journal: Where each request is recorded.

        connection_of: Returns what is known about a connection.
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
        call = DuplexCall(stream, exchange, self._journal, self._clock)
        try:
            try:
                await self._converse(call, connection)
            except FailureError as error:
                await call.fail(error)
            exchange.written = True
            call.end()
        except CutError as ended:
            call.note_if_watched("reset" if ended.how == "reset" else "cut")
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
            logger.exception("the local endpoint failed; this is a bug in it")
            return
        match exchange.fault:
            case InjectedFault(CutKeepAlive(at_next_request=True)):
                connection.doom = exchange.fault
            case InjectedFault(CutKeepAlive()):
                cut(transport, "end")
            case _:
                pass

    async def _converse(self, call: DuplexCall, connection: Connection) -> None:
        exchange = call.exchange
        found = route(exchange.method, exchange.target.partition("?")[0], DUPLEX_OPERATIONS)
        if found is not None and not found.prefix:
            exchange.endpoint_name, exchange.operation = found.labels["endpoint_name"], found.operation.name
        self._journal.record(exchange)
        if connection.doom is not None:
            exchange.fault = connection.doom
            raise CutError("reset")
        if found is None or found.prefix:
            browser = is_browser(exchange.method, exchange.target, exchange.headers)
            message = WELCOME if browser else "The operation is not known over HTTP/2."
            raise failure("UnknownOperationException", message, 404)
        hosted = self._hosted.get(found.labels["endpoint_name"])
        exchange.fault = None if hosted is None else hosted.due(streamed=True, duplex=True)
        fault = None if exchange.fault is None else exchange.fault.fault
        if hosted is not None and isinstance(fault, ClockSkew):  # even if it is refused
            hosted.count(exchange.fault)
        due, exchange.fault = exchange.fault, exchange.fault if isinstance(fault, ClockSkew) else None
        chain = self._check(call, fault)
        members = found.members(exchange.headers)
        check(found.operation.name, members, b"")
        if exchange.headers.get("content-type") != CONTENT_TYPE:
            raise failure("InputValidationError", f"The content type of the request must be {CONTENT_TYPE}.")
        if hosted is None:
            raise failure("ValidationError", f"Endpoint {members['endpoint_name']} of account {ACCOUNT} not found.")
        if exchange.fault is None:
            exchange.fault = due
            hosted.count(due)
        await self._talk(call, hosted, chain, members, fault)

    def _check(self, call: DuplexCall, fault: Fault | None) -> EventChain:
        """Check the signature of the request, which the signatures of its events begin with."""
        skew = fault.seconds if isinstance(fault, ClockSkew) else 0.0
        exchange = call.exchange
        call.skew = skew
        received = ReceivedRequest(
            exchange.method, exchange.target, exchange.headers.items(), exchange.headers, b"", call.https, streams=True
        )
        now = datetime.fromtimestamp(self._clock.now() + skew, UTC)
        exchange.signature_holds = False
        check_signature(received, credentials=self._credentials, region=self._region, now=now)
        exchange.signature_holds = True
        return EventChain(
            Authorization.parse(exchange.headers["authorization"]).signature,
            credentials=self._credentials,
            region=self._region,
            now=lambda: self._clock.now() + skew,
        )

    async def _talk(
        self,
        call: DuplexCall,
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
