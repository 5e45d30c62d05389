"""`Journal`: the requests that arrived at a local endpoint and the responses to them, for the assertions of tests."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from threading import Lock
from typing import TYPE_CHECKING, Literal, TypeAlias, overload

from attrs import define, field, frozen

from sagemaker_runtime import ConfigError

if TYPE_CHECKING:
    from sagemaker_runtime import Headers
    from sagemaker_runtime.local.backends.invocation import Invocation
    from sagemaker_runtime.local.duplex.conversation import Part
    from sagemaker_runtime.local.faults.plan import InjectedFault

MAX_EXCHANGES = 1_000
MAX_EVENTS = 10_000  # per exchange
MAX_EVENT_BYTES = 1_048_576  # of the events of one exchange
_EVENT = 100  # bytes that an event counts for, beside those of its part
MAX_BYTES = 16_777_216  # of requests: bodies, headers and targets


@frozen
class ConversationEvent:
    """One thing that the caller or the local endpoint did in a duplex call."""

    time: float
    """Seconds since 1970, on the local endpoint's clock."""

    sender: Literal["caller", "endpoint"]
    """Who did it."""

    name: str
    """
    ``"PayloadPart"``, or the name of the exception that ended the response; ``"head"`` and ``"end"`` of a response, ``"end"``
    of a request; ``"RST_STREAM"`` and ``"GOAWAY"``; ``"left"`` for a caller who reset the stream or the connection.

    In a watched journal also: ``"body"``, a piece of a response that is not an event stream; ``"broken frame"`` and
    ``"cut frame"`` of one that is; ``"reset"`` and ``"cut"``, for a connection that a fault has reset or closed.
    """

    part: Part | None = None
    """What the event carried: the content of a ``PayloadPart``, for example. None for nothing. No log shows its bytes."""


@define(eq=False)
class SentResponse:
    """What has been sent in response so far. The parts of its body are among the `Exchange.events`."""

    headers: Mapping[str, str] = field(repr=False)
    """The headers by name."""

    size: int = 0
    """Bytes of its body so far; of an event stream, those of its parts."""


@define(eq=False, repr=False, kw_only=True)
class Exchange:
    """One request and its response. Facts that are unknown, or not known yet, are None."""

    number: int = 0
    """1 for the first request that arrived."""

    connection: int
    """The number of the TCP connection, 1 for the first one with a request. Requests on the same connection share it."""

    time: float
    """When the head of the request had arrived, in seconds since 1970, on the local endpoint's clock."""

    method: str
    """HTTP method."""

    target: str
    """Path and query, as received."""

    raw_headers: tuple[tuple[bytes, bytes], ...]
    """The header lines, as received."""

    headers: Headers
    """The headers by name."""

    request_id: str
    """Its id in the response, ``x-amzn-RequestId``."""

    body: bytes = b""
    """The body, as received; empty if it was incomplete or too large."""

    operation: str | None = None
    """The operation, such as ``"InvokeEndpoint"``."""

    endpoint_name: str | None = None
    """The endpoint in the path, even if it does not exist."""

    signature_holds: bool | None = None
    """Whether the signature is valid; None if it was not checked."""

    invocation: Invocation | None = None
    """What the model gets; None for a request that was refused."""

    fault: InjectedFault | None = None
    """The fault that was injected."""

    status: int | None = None
    """HTTP status of the response; None if its head was never sent."""

    error_code: str | None = None
    """Name of the error in the response, such as ``"ModelError"``."""

    written: bool = False
    """Whether the response was sent to its end."""

    response: SentResponse | None = None
    """What was sent in response; None unless the journal was watched (`Journal.watch`)."""

    events: deque[ConversationEvent] = field(factory=deque["ConversationEvent"])
    """
    What both sides did in a duplex call, in order: the last 10,000 events, with at most 1 MiB. Other calls have events
    only if the journal was watched: what was sent in response.
    """

    kept: bool = False
    """Whether the journal still has it."""

    size: int = 0
    """Bytes that it counts for in the journal."""

    event_bytes: int = 0
    """How many of these are for its events."""

    @property
    def parts(self) -> list[Part]:
        """The parts among the `events` that the caller sent."""
        return [event.part for event in self.events if event.sender == "caller" and event.part is not None]

    @property
    def invocation_id(self) -> str | None:
        """The client's id for the call, the same for all its attempts (``amz-sdk-invocation-id``)."""
        return self.headers.get("amz-sdk-invocation-id")

    def __repr__(self) -> str:
        # No body, no header, no member: they may be secret. A query may hold a signature.
        facts = [f"{self.method} {self.target.partition('?')[0]}", str(self.status or "no response")]
        facts += [] if self.error_code is None else [self.error_code]
        facts += [] if self.fault is None else [repr(self.fault.fault)]
        return f"<Exchange {self.number} on connection {self.connection}: {', '.join(facts)}>"


Watcher: TypeAlias = Callable[[Exchange, ConversationEvent | None], object]
"""Called with an exchange that was just recorded, and None; then with the exchange and each event that is added to it."""


class Journal(Sequence[Exchange]):
    """
    The exchanges of a local endpoint, oldest first. One is added with its request; its response is filled in later.

    It may be used from any thread. It is bounded: the oldest exchanges are dropped if there are too many, or if their
    total size is too large.

    Args:
        max_exchanges: How many exchanges are kept.

        max_bytes: Their total size: target, headers, body and events of each.

    Attributes:
        dropped: How many exchanges were dropped; check that it is 0 before an assertion about all calls.

        watchers: The functions that `watch` was given.

    Raises:
        ConfigError: A bound is below 1.
    """

    def __init__(self, *, max_exchanges: int = MAX_EXCHANGES, max_bytes: int = MAX_BYTES) -> None:
        if max_exchanges < 1 or max_bytes < 1:
            raise ConfigError(f"Journal({max_exchanges=}, {max_bytes=}): each must be 1 or more")
        self.max_exchanges = max_exchanges
        self.max_bytes = max_bytes
        self.dropped = 0
        self.watchers: tuple[Watcher, ...] = ()
        self._recorded = 0
        self._exchanges: deque[Exchange] = deque()
        self._bytes = 0
        self._turn = Lock()  # for changes

    def record(self, exchange: Exchange) -> None:
        """Number an exchange and keep it; its body must not change any more. The local endpoint calls this."""
        size = len(exchange.body) + len(exchange.target)
        for name, value in exchange.raw_headers:
            size += len(name) + len(value)
        with self._turn:
            self._recorded += 1
            exchange.number = self._recorded
            self._exchanges.append(exchange)
            exchange.kept, exchange.size = True, size
            self._bytes += size
            self._shrink()
        for watcher in self.watchers:
            watcher(exchange, None)

    def note(self, exchange: Exchange, event: ConversationEvent) -> None:
        """Add an event to an exchange. The local endpoint calls this."""
        with self._turn:
            events = exchange.events
            events.append(event)
            grown = _weight(event)
            while len(events) > 1 and (len(events) > MAX_EVENTS or exchange.event_bytes + grown > MAX_EVENT_BYTES):
                grown -= _weight(events.popleft())
            exchange.event_bytes += grown
            if exchange.kept:
                exchange.size += grown
                self._bytes += grown
                self._shrink()
        for watcher in self.watchers:
            watcher(exchange, event)

    def watch(self, watcher: Watcher) -> Callable[[], None]:
        """
        Call *watcher* with each new exchange, and with each event.

        While the journal is watched, all calls, not only duplex calls, have `Exchange.events` and an `Exchange.response`:
        what was sent, piece by piece, with its time. They count towards *max_bytes*. The last event of a call is ``"end"``,
        ``"left"``, ``"reset"``, ``"cut"`` or ``"RST_STREAM"``.

        Args:
            watcher: Called in the thread of the local endpoint, which waits for it. It must not raise.

        Returns:
            A function that stops it.
        """
        with self._turn:
            self.watchers = (*self.watchers, watcher)

        def end() -> None:
            with self._turn:
                self.watchers = tuple(each for each in self.watchers if each is not watcher)

        return end

    def _shrink(self) -> None:
        while len(self._exchanges) > self.max_exchanges or self._bytes > self.max_bytes:
            dropped = self._exchanges.popleft()
            dropped.kept = False
            self._bytes -= dropped.size
            self.dropped += 1

    def of(self, endpoint_name: str) -> list[Exchange]:
        """The exchanges with one endpoint, including those that were refused."""
        return [exchange for exchange in list(self._exchanges) if exchange.endpoint_name == endpoint_name]

    def attempts_of(self, invocation_id: str) -> list[Exchange]:
        """The attempts of one call, by its ``amz-sdk-invocation-id``."""
        return [exchange for exchange in list(self._exchanges) if exchange.invocation_id == invocation_id]

    def take(self) -> list[Exchange]:
        """Return all exchanges, and remove them from the journal."""
        with self._turn:
            taken = list(self._exchanges)
            self._forget()
        return taken

    def clear(self) -> None:
        """Remove all exchanges. The numbers of later ones continue from there."""
        with self._turn:
            self._forget()

    def _forget(self) -> None:
        for exchange in self._exchanges:
            exchange.kept = False
        self._exchanges.clear()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._exchanges)

    @overload
    def __getitem__(self, index: int) -> Exchange: ...
    @overload
    def __getitem__(self, index: slice) -> list[Exchange]: ...
    def __getitem__(self, index: int | slice) -> Exchange | list[Exchange]:
        return list(self._exchanges)[index] if isinstance(index, slice) else self._exchanges[index]

    def __repr__(self) -> str:
        return f"<Journal of {len(self)} exchanges, {self.dropped} dropped>"


def _weight(event: ConversationEvent) -> int:
    return _EVENT + (0 if event.part is None else len(event.part.bytes))
