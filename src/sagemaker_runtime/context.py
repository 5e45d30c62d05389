"""
The facts of a call: what middleware tell one another, under typed keys.

`Context` travels down with the request, `Metadata` travels up with the result.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar, overload

if TYPE_CHECKING:
    import logging
    from collections.abc import Iterator, Sequence
    from typing import Protocol

    from sagemaker_runtime.wire import Response

    class Closeable(Protocol):
        """A response, or its body as a stream."""

        def close(self) -> None: ...


__all__ = [
    "ATTEMPT",
    "ATTEMPTS",
    "DEADLINE",
    "LOGGER",
    "OPERATION",
    "PAYLOAD_HASH",
    "RAW_RESPONSE",
    "REGION",
    "REQUEST_ID",
    "SERVICE_ID",
    "SIGNING_NAME",
    "SIGNING_REGION",
    "STREAMS",
    "TIMING",
    "AttemptRecord",
    "Context",
    "Key",
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
            known = ", ".join(repr(known.name) for known in self) or "nothing"
            raise KeyError(f"{type(self).__name__} has no {getattr(key, 'name', key)!r}; it has {known}")

        def __repr__(self):  # noqa: ANN204
            # The names only: a value may be a secret, and a repr ends up in logs.
            return f"<{type(self).__name__}: {', '.join(key.name for key in self) or 'empty'}>"


class Context(_Facts):
    """
    The facts of one call, on the way down; `for_attempt` makes the facts of one attempt.

    A middleware may set a fact here, and those below it read it: ``ctx[TENANT] = "acme"``, ``ctx.get(TENANT)``.

    Attributes:
        received: What the transport brought, unset where it brought nothing: for those below Retry who clean up after a
            failure, as an exception carries no Output. Not a fact, and so not in the way of those.

        own_hash: The `PAYLOAD_HASH` that ComputePayloadHash has set, to be told from one that somebody gave; or unset.
    """

    __slots__ = ("own_hash", "received")

    own_hash: str
    received: object

    def for_attempt(self) -> Context:
        """
        The context of one attempt: it starts with the facts known now, and what is set on it ends with it.

        May be called on an attempt's context too, and several may live at once (hedging): each writes only to itself.
        It is a copy, so a fact that is set on this context afterwards is not seen by the attempts under way.
        """
        child = Context(self)
        child.own_hash = getattr(self, "own_hash", "")
        child.received = None  # the parent's response is the parent's to close
        return child


class Metadata(_Facts):
    """The facts about a result, on the way up: ``output.result_metadata[REQUEST_ID]``."""

    __slots__ = ()

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
    """How long it took, from before signing to the end of the answer's body."""

    error: str | None = None
    """What it failed with, as text; None for success. Text, because an exception would keep the request alive."""

    error_type: str | None = None
    """The service's error code, or the name of the exception's class; None for success."""

    status: int | None = None
    """HTTP status of the answer; None for success and where there was no answer."""

    delay: float | None = None
    """Seconds waited before the next attempt; None where there was none."""


class ResponseTiming(NamedTuple):
    """When one attempt's answer came."""

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
"""The logger of the client's options."""

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

STREAMS: Key[list[Closeable]] = Key("streams")
"""The streams of the call, first as responses: whoever fails closes them. Set by the client, where there can be some."""

REQUEST_ID = Key[str]("request id")
"""What the service calls the request. Metadata, set by RequestIDRetriever."""

TIMING = Key[ResponseTiming]("timing")
"""When the answer came. Metadata, set by RecordResponseTiming."""

RAW_RESPONSE: Key[Response] = Key("raw response")
"""The last HTTP response; its body has been read, or is the stream's. Metadata, set below Deserialize."""
