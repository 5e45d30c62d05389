"""
The facts of a call: what middleware share, under typed keys.

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
        """A response, its body as a stream, or the ledger of an attempt."""

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

    Declare it once, at module level, in the module that sets the fact. Two keys are never equal, even under one name,
    so packages cannot collide.
    """

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"Key({self.name!r})"


if TYPE_CHECKING:

    class _Facts:
        """What a checker sees: a mapping in which each key has its own type of value."""

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
        """What runs: a plain dict, because three of them are made for each call (a ChainMap costs 3 times as much)."""

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
            # The names only: a value may be a secret, and a repr ends up in logs.
            return f"<{type(self).__name__}: {', '.join(getattr(key, 'name', '?') for key in self) or 'empty'}>"


class Context(_Facts):
    """
    The facts of one call, on the way down; `for_attempt` makes the facts of one attempt.

    A middleware may set a fact here, and those below it read it: ``ctx[TENANT] = "acme"``, ``ctx.get(TENANT)``.
    """

    __slots__ = ()

    def for_attempt(self) -> Context:
        """
        The context of one attempt: it starts with the facts known now, and what is set on it ends with it.

        May be called on an attempt's context too, and several may live at once (hedging): each writes only to itself.
        It is a copy, so a fact that is set on this context afterwards is not seen by the attempts under way. It has a
        `Ledger` of its own, an entry in this context's.
        """
        child = Context(self)
        opened = self.get(OPENED)
        if opened is not None:
            if opened and type(opened[-1]) is Ledger and not opened[-1]:
                opened.pop()  # of an attempt before, which has let go of all
            child[OPENED] = own = Ledger()
            own.response = own.metadata = None
            opened.append(own)
        return child


class Ledger(list["Closeable"]):
    """
    What was opened in a call, or in one attempt of it, and is to be closed if that fails: responses, streams, and the
    ledgers of attempts.

    Whoever opens something appends it. CloseResponseBody closes what an attempt has opened, but for the stream of one
    that succeeds; Retry, what a failed attempt has; the client, what is left when the call fails.

    Attributes:
        response: The last response, because an exception carries no Output; None before there was one.

        metadata: What is known of it; None before there was one.
    """

    __slots__ = ("metadata", "response")

    response: Response | None
    metadata: Metadata | None

    def close(self) -> None:
        """Close all of it, latest first, and forget it. May be called again."""
        while self:
            self.pop().close()
        self.response = self.metadata = None

    def forget(self, entry: Closeable) -> None:
        """Take out *entry*, which has been closed."""
        self[:] = [other for other in self if other is not entry]

    def replace(self, before: Closeable, after: Closeable) -> None:
        """Enter *after* in the place of *before*, which it owns from now on: a response that is read as a stream."""
        self[:] = [entry for entry in self if entry is not before]
        self.append(after)


class CallLedger(Ledger):
    """That of a call, and not of one of its attempts."""

    __slots__ = ()


class Metadata(_Facts):
    """The facts about a result, on the way up: ``output.result_metadata[REQUEST_ID]``."""

    __slots__ = ()

    if not TYPE_CHECKING:  # a checker refuses a text as key

        def get(self, key: object, default: object = None) -> object:
            """The fact under *key*, or *default*; a text is no key, and would get the default for ever."""
            return self[key] if isinstance(key, str) else dict.get(self, key, default)

    def __reduce__(self) -> tuple[type[Metadata], tuple[()]]:
        # What is in it may hold the live response, so pickle and deepcopy make an empty one.
        return Metadata, ()

    def copy(self) -> Metadata:
        """A second Metadata with the same facts; what is set on one is not seen by the other."""
        return Metadata(self)


class AttemptRecord(NamedTuple):
    """What became of one attempt."""

    number: int
    """1 for the first."""

    seconds: float
    """How long it took, from before signing to the end of the response's body."""

    error: str | None = None
    """What it failed with, as text; None for success. Text, because an exception would keep the request alive."""

    error_type: str | None = None
    """The service's error code, or the name of the exception's class; None for success."""

    status: int | None = None
    """HTTP status of the response; None for success, and where no response came."""

    delay: float | None = None
    """Seconds waited before the next attempt; None where there was none."""


class ResponseTiming(NamedTuple):
    """When one attempt's response came."""

    sent: float
    """`Clock.now` when the request was handed to the transport: seconds since 1970, UTC."""

    received: float
    """`Clock.now` when the head of the response was there."""

    date: str | None = None
    """The response's ``Date``, as it was written; None where it has none."""


SERVICE_ID = Key[str]("service id")
"""``"SageMaker Runtime"``."""

OPERATION = Key[str]("operation")
"""The operation called, such as ``"InvokeEndpoint"``."""

REGION = Key[str]("region")
"""The region of the client's options; missing where they have none."""

LOGGER: Key[logging.Logger] = Key("logger")
"""The logger of the options."""

CLOCK: Key[Clock] = Key("clock")
"""The clock of the options: ask it for the time, and have it wait, wherever a test may want to turn the hands."""

TIMEOUT: Key[Timeout] = Key("timeout")
"""
The time limits of the options, or of a middleware that has set others: ``ctx[TIMEOUT] = Timeout(total=5)``.

Set above Retry, the limits hold for the whole call, ``total`` from the call's start. Set below Retry, they hold for the
attempt, and a call that would get another ``total`` there fails with ConfigError.
"""

REPLAY_BUFFER = Key[int]("replay buffer")
"""``Options.replay_buffer``: bytes kept of what is sent into a duplex call; missing where the options do not say."""

STARTED = Key[float]("started")
"""`Clock.monotonic` when the call began."""

DEADLINE = Key[float]("deadline")
"""`Clock.monotonic` at which ``Timeout.total`` ends; missing where there is no such limit."""

SIGNING_NAME = Key[str]("signing name")
"""The service's name in the signature's scope. Set by ResolveEndpoint, unless an outer middleware has set it."""

SIGNING_REGION = Key[str]("signing region")
"""The region in the signature's scope. Set by ResolveEndpoint, unless an outer middleware has set it."""

PAYLOAD_HASH = Key[str]("payload hash")
"""SHA-256 of the body in hex. Set by ComputePayloadHash, unless an outer middleware has set it."""

ATTEMPT = Key[int]("attempt")
"""The number of the attempt, 1 for the first. Set by Retry, once per attempt."""

ATTEMPTS: Key[Sequence[AttemptRecord]] = Key("attempts")
"""One record for each attempt, in both `Context` (so far) and `Metadata`. Set by Retry."""

OPENED: Key[Ledger] = Key("opened")
"""What the call, or the attempt, has opened. Set by the client, and for each attempt by `Context.for_attempt`."""

REQUEST_ID = Key[str]("request id")
"""What the service calls the request. Metadata, set by RequestIDRetriever."""

TIMING = Key[ResponseTiming]("timing")
"""When the response came. Metadata, set by RecordResponseTiming."""

RAW_RESPONSE: Key[Response] = Key("raw response")
"""The last HTTP response; its body has been read, or is the stream's. Metadata, set below Deserialize."""
