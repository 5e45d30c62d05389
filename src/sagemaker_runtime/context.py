"""
The facts of a call, which middleware share under typed keys.

`Context` travels down with the request, `Metadata` travels up with the result.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar, overload

if TYPE_CHECKING:
    import logging
    from collections.abc import Iterator, Sequence
    from typing import Protocol

    from sagemaker_runtime.clock import Clock
    from sagemaker_runtime.wire import Response, Timeout

    class Closeable(Protocol):
        """Something that can be closed: a response, its stream, or the ledger of an attempt."""

        def close(self) -> None: ...


__all__ = [
    "ATTEMPT",
    "ATTEMPTS",
    "CLOCK",
    "DEADLINE",
    "LOGGER",
    "OPENED",
    "OPERATION",
    "PAYLOAD_HASH",
    "RAW_RESPONSE",
    "REGION",
    "REQUEST_ID",
    "SERVICE_ID",
    "SIGNING_NAME",
    "SIGNING_REGION",
    "STARTED",
    "TIMEOUT",
    "TIMING",
    "AttemptRecord",
    "Context",
    "Key",
    "Ledger",
    "Metadata",
    "ResponseTiming",
]

T = TypeVar("T")
D = TypeVar("D")


class Key(Generic[T]):
    """
    The name of a fact and the type of its value: ``TENANT = Key[str]("tenant")``.

    Declare it once, at module level, in the module that sets the fact. No two keys are equal, even with the same name, so
    packages cannot collide. The name is shown in reprs and errors.
    """

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"Key({self.name!r})"


if TYPE_CHECKING:

    class _Facts:
        """For type checkers: a mapping in which each key has its own type of value."""

        def __init__(self, facts: _Facts = ..., /) -> None: ...
        def __getitem__(self, key: Key[T], /) -> T: ...
        def __setitem__(self, key: Key[T], value: T, /) -> None: ...
        def __delitem__(self, key: Key[T], /) -> None: ...
        def __contains__(self, key: object, /) -> bool: ...
        def __iter__(self) -> Iterator[Key[object]]: ...
        def __len__(self) -> int: ...
        @overload
        def get(self, key: Key[T], /) -> T | None: ...
        @overload
        def get(self, key: Key[T], default: D, /) -> T | D: ...
        def get(self, key: Key[T], default: D | None = None, /) -> T | D | None: ...
        def update(self, facts: _Facts, /) -> None: ...
        def pop(self, key: Key[T], default: D, /) -> T | D: ...

else:

    class _Facts(dict):
        """At run time: a plain dict, because each call creates three (a ChainMap costs 3 times as much)."""

        __slots__ = ()

        def __missing__(self, key):  # noqa: ANN001, ANN204 - a checker reads the class above
            from sagemaker_runtime.known_keys import import_of  # for an error only

            known = ", ".join(repr(getattr(known, "name", known)) for known in self) or "nothing"
            advice = f". {import_of(key)}" if isinstance(key, str) else ""
            raise KeyError(f"{type(self).__name__} has no {getattr(key, 'name', key)!r}; it has {known}{advice}")

        def __getattr__(self, name):  # noqa: ANN001, ANN204
            from sagemaker_runtime.known_keys import import_of

            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}. {import_of(name)}")

        def __repr__(self):  # noqa: ANN204
            # Only the names: a value may be a secret, and a repr ends up in logs.
            return f"<{type(self).__name__}: {', '.join(getattr(key, 'name', '?') for key in self) or 'empty'}>"


class Context(_Facts):
    """
    The facts of one call, on the way down; `for_attempt` creates those of one attempt.

    A middleware may set a fact, and those below it can read it: ``ctx[TENANT] = "acme"``, ``ctx.get(TENANT)``.
    """

    __slots__ = ()

    def for_attempt(self) -> Context:
        """
        Create the context of one attempt. It starts with the facts known now; facts set on it end with the attempt.

        It may be called on an attempt's context too, and several may exist at the same time (hedging): each writes only to
        itself. The new context is a copy, so it does not see facts that are set on this one later. It has its own `Ledger`,
        which is an entry in the ledger of this context.
        """
        child = Context(self)
        opened = self.get(OPENED)
        if opened is not None:
            if opened and type(opened[-1]) is Ledger and not opened[-1]:
                opened.pop()  # the empty ledger of an earlier attempt
            child[OPENED] = own = Ledger()
            own.response = own.metadata = None
            opened.append(own)
        return child


class Ledger(list["Closeable"]):
    """
    Everything that a call, or an attempt, has opened and that must be closed if it fails: responses, streams, and the
    ledgers of attempts.

    Code that opens something appends it here. CloseResponseBody closes what an attempt has opened, except the stream of a
    successful attempt. Retry closes what a failed attempt has opened, and the client closes the rest if the call fails.

    Attributes:
        response: The last response, for errors, which have no Output; None before there is one.

        metadata: Its metadata; None before there is a response.
    """

    __slots__ = ("metadata", "response")

    response: Response | None
    metadata: Metadata | None

    def close(self) -> None:
        """Close everything, the latest first, and remove it. May be called again."""
        while self:
            self.pop().close()
        self.response = self.metadata = None

    def forget(self, entry: Closeable) -> None:
        """Remove *entry*, which has been closed."""
        self[:] = [other for other in self if other is not entry]

    def replace(self, before: Closeable, after: Closeable) -> None:
        """Replace *before* with *after*, which now owns it: for example a response with the stream that reads it."""
        self[:] = [entry for entry in self if entry is not before]
        self.append(after)


class CallLedger(Ledger):
    """The ledger of a call, as opposed to that of an attempt."""

    __slots__ = ()


class Metadata(_Facts):
    """The facts about a result, on the way up: ``output.result_metadata[REQUEST_ID]``."""

    __slots__ = ()

    if not TYPE_CHECKING:  # a checker refuses a string as a key

        def get(self, key: object, default: object = None) -> object:
            """The fact under *key*, or *default*. A string raises KeyError, because it could never be a key."""
            return self[key] if isinstance(key, str) else dict.get(self, key, default)

    def __reduce__(self) -> tuple[type[Metadata], tuple[()]]:
        # It may refer to the live response, so pickle and deepcopy create an empty one.
        return Metadata, ()

    def copy(self) -> Metadata:
        """An independent copy."""
        return Metadata(self)


class AttemptRecord(NamedTuple):
    """The outcome of one attempt."""

    number: int
    """1 for the first."""

    seconds: float
    """How long it took, from before signing to the end of the response's body."""

    error: str | None = None
    """Its error as text, because an exception would keep the request alive; None for success."""

    error_type: str | None = None
    """The service's error code, or the name of the exception's class; None for success."""

    status: int | None = None
    """HTTP status of an error response; None for success, and if there was no response."""

    delay: float | None = None
    """Seconds waited before the next attempt; None if there was none."""


class ResponseTiming(NamedTuple):
    """When the response of an attempt arrived."""

    sent: float
    """`Clock.now` when the request was handed to the transport: seconds since 1970, UTC."""

    received: float
    """`Clock.now` when the head of the response arrived."""

    date: str | None = None
    """The response's ``Date``, unchanged; None if it has none."""


SERVICE_ID = Key[str]("service id")
"""``"SageMaker Runtime"``."""

OPERATION = Key[str]("operation")
"""The operation called, such as ``"InvokeEndpoint"``."""

REGION = Key[str]("region")
"""The region in the client's options; missing if they have none."""

LOGGER: Key[logging.Logger] = Key("logger")
"""The logger in the options."""

CLOCK: Key[Clock] = Key("clock")
"""The clock in the options. Use it for times and waits, so that tests can control them."""

TIMEOUT: Key[Timeout] = Key("timeout")
"""
The time limits in the options, unless a middleware sets others: ``ctx[TIMEOUT] = Timeout(total=5)``.

Set above Retry, they apply to all attempts, and ``total`` to the whole call from its start. Set below Retry, they apply to
the attempt; changing ``total`` there raises ConfigError.
"""

REPLAY_BUFFER = Key[int]("replay buffer")
"""``Options.replay_buffer``: how many bytes sent in a duplex call are kept; missing if the options do not set it."""

STARTED = Key[float]("started")
"""`Clock.monotonic` when the call began."""

DEADLINE = Key[float]("deadline")
"""The `Clock.monotonic` time at which ``Timeout.total`` expires; missing without that limit."""

SIGNING_NAME = Key[str]("signing name")
"""The service's name in the signature's scope. Set by ResolveEndpoint, unless an outer middleware has set it."""

SIGNING_REGION = Key[str]("signing region")
"""The region in the signature's scope. Set by ResolveEndpoint, unless an outer middleware has set it."""

PAYLOAD_HASH = Key[str]("payload hash")
"""SHA-256 of the body in hex. Set by ComputePayloadHash, unless an outer middleware has set it."""

ATTEMPT = Key[int]("attempt")
"""The number of the attempt, 1 for the first. Set by Retry, once per attempt."""

ATTEMPTS: Key[Sequence[AttemptRecord]] = Key("attempts")
"""One record per attempt, in `Context` (those so far) and in `Metadata`. Set by Retry."""

OPENED: Key[Ledger] = Key("opened")
"""
Everything that the call, or the attempt, has opened. Set by the client, and for each attempt by `Context.for_attempt`.
"""

REQUEST_ID = Key[str]("request id")
"""The id that the service gave the request. Metadata, set by RequestIDRetriever."""

TIMING = Key[ResponseTiming]("timing")
"""When the response arrived. Metadata, set by RecordResponseTiming."""

RAW_RESPONSE: Key[Response] = Key("raw response")
"""The last HTTP response; its body has been read, or belongs to the stream. Metadata, set at the end of the stack."""
