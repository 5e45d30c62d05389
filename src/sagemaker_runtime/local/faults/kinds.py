"""The faults that can be injected into a call, one class each."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias, TypeVar

from attrs import Attribute, field, frozen

from sagemaker_runtime import ConfigError
from sagemaker_runtime.local.front.failures import FailureError, failure

if TYPE_CHECKING:
    from collections.abc import Callable

N = TypeVar("N", int, float)

MAX_SKEW = 315_576_000.0  # seconds; ten years


def _at_least(least: N) -> Callable[[object, Attribute[N], N], None]:
    def check(fault: object, attribute: Attribute[N], value: N) -> None:
        if not value >= least:
            raise ConfigError(f"{type(fault).__name__}({attribute.name}={value!r}): it takes {least:g} or more")

    return check


def _in_the_calendar(fault: object, attribute: Attribute[float], value: float) -> None:
    if not abs(value) <= MAX_SKEW:
        raise ConfigError(f"{type(fault).__name__}({attribute.name}={value!r}): it takes ten years at most")


@frozen
class ErrorAnswer:
    """
    An error response instead of the model's, which is not called.

    Raises:
        ConfigError: The error has no known status, and none is given.
    """

    error: str = "ServiceUnavailable"
    """Name of the error. Those of the API model, and ``ThrottlingException``, have a known status and message."""

    status: int | None = None
    """HTTP status. None for the known one."""

    message: str | None = None
    """The error's message. None for the known one."""

    after: int = field(default=0, validator=_at_least(0))
    """Parts of the request that are read before, while the caller is still sending; for duplex calls only."""

    def __attrs_post_init__(self) -> None:
        self.answer()

    def answer(self) -> FailureError:
        """The error response that is sent."""
        return failure(self.error, self.message, self.status)


@frozen
class Throttled:
    """A 400 named ``ThrottlingException``, with a null message, as the service sends it. The model is not called."""

    def answer(self) -> FailureError:
        """The error response that is sent."""
        return failure("ThrottlingException")


@frozen
class Latency:
    """A wait before the model is called."""

    seconds: float = field(validator=_at_least(0.0))
    """How long, on the local endpoint's clock."""


@frozen
class SlowBody:
    """A response whose body arrives slowly, in small pieces. The head and the first piece are not delayed."""

    seconds: float = field(validator=_at_least(0.0))
    """The time from one piece to the next, on the local endpoint's clock."""

    size: int = field(default=1, validator=_at_least(1))
    """Bytes per piece."""


@frozen
class Reset:
    """The connection is reset (TCP RST): instead of a response, or after the head of the response."""

    after_head: bool = False
    """Whether the head of the response is sent first; otherwise, the model is not called."""


@frozen
class TruncatedBody:
    """A response whose body is cut off, before its Content-Length or before the last chunk, by closing the connection."""

    kept: int = field(default=0, validator=_at_least(0))
    """Bytes of the body that are sent. If the body has no more than that, its Content-Length is one byte too large."""


@frozen
class TruncatedFrame:
    """A stream that ends in the middle of a frame, although its HTTP body is complete. It affects only streams."""

    after: int = field(default=1, validator=_at_least(0))
    """Whole frames before the cut one. If the stream has no more than these, the cut frame is added at its end."""


@frozen
class CorruptFrame:
    """A stream with one wrong byte in a frame, after which it continues. It affects only streams."""

    after: int = field(default=1, validator=_at_least(0))
    """Good frames before the corrupt one. If the stream has no more than these, the corrupt frame is added at its end."""

    at: int = -1
    """The position of the wrong byte, modulo the frame's length: 0 is in the length field, -1 in the checksum."""


@frozen
class StreamError:
    """A stream whose last message is an error. It affects only streams."""

    error: str = "ModelStreamError"
    """Name of the error; the API model also has ``InternalStreamFailure``."""

    message: str = "The stream failed."
    """The error's message."""

    error_code: str = "StreamBroken"
    """The ``ErrorCode`` of a ``ModelStreamError``; other errors have none."""

    after: int = field(default=1, validator=_at_least(0))
    """Parts before the error; if the stream has fewer, all of them."""


@frozen
class StreamReset:
    """A stream that is reset (RST_STREAM), while its connection stays open. It affects only duplex calls; no model runs."""

    code: int = field(default=2, validator=_at_least(0))
    """The error code of RFC 9113: 2 is INTERNAL_ERROR, 7 REFUSED_STREAM, 8 CANCEL."""

    after: int = field(default=0, validator=_at_least(0))
    """Parts of the request that are read before."""

    after_head: bool = False
    """Whether the head of the response is sent before."""


@frozen
class GoAway:
    """A connection that accepts no new streams (GOAWAY), and closes after those it has. It affects only duplex calls."""

    code: int = field(default=0, validator=_at_least(0))
    """The error code of RFC 9113: 0 is NO_ERROR, 11 ENHANCE_YOUR_CALM."""

    refused: bool = False
    """
    Whether this call is refused too, with all later ones on the connection: the model is not called, and the caller may try
    again.
    """

    after: int = field(default=0, validator=_at_least(0))
    """Parts of the request that are read before."""


@frozen
class StalledWindow:
    """
    A response that stops after its head, while the request is no longer read, so that the sender blocks when the window of
    the stream is full. The connection itself works, and PINGs are answered. It affects only duplex calls; no model runs.
    """

    after: int = field(default=0, validator=_at_least(0))
    """Parts of the request that are read before."""


@frozen
class Silence:
    """
    A connection on which nothing arrives any more, not even the response to a PING, as after a cut cable. It silences all
    streams of the connection. It affects only duplex calls; no model runs.
    """

    after: int = field(default=0, validator=_at_least(0))
    """Parts of the request that are read before. Unless it is 0, the head of the response is sent before, too."""


@frozen
class CutKeepAlive:
    """A good response whose connection is then closed, although nothing in the response announced it."""

    at_next_request: bool = False
    """
    Whether the connection is not closed immediately, but reset when the next request to the runtime arrives on it. A client
    sees this when it uses an idle connection that the server is just closing. The next request may be for another endpoint,
    or one that would be refused; it reaches no model, and does not count as a call of its endpoint. Requests to S3 on the
    connection are not affected. If no request follows, nothing happens.
    """


@frozen
class ClockSkew:
    """
    A wrong clock of the server, for one request: in the check of the signature, and in the ``Date`` of the response.

    For a clock that stays wrong for a while, use ``inject(..., times=…)``.
    """

    seconds: float = field(validator=_in_the_calendar)
    """How far it is ahead, at most ten years; negative if it is behind. Up to five minutes, signatures are still valid."""


FrameFault: TypeAlias = TruncatedFrame | CorruptFrame | StreamError
"""A fault that affects only streams."""

DuplexFault: TypeAlias = StreamReset | GoAway | StalledWindow | Silence
"""A fault that affects only duplex calls."""

Fault: TypeAlias = (
    ErrorAnswer
    | Throttled
    | Latency
    | SlowBody
    | Reset
    | TruncatedBody
    | FrameFault
    | DuplexFault
    | CutKeepAlive
    | ClockSkew
)
"""What can be injected."""
