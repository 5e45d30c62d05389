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
    A failure in place of the model, which is not called.

    Raises:
        ConfigError: The error has no known status, and none is given.
    """

    error: str = "ServiceUnavailable"
    """Name of the error. Those of the API model, and ``ThrottlingException``, have a status and a message."""

    status: int | None = None
    """HTTP status. None for the error's own."""

    message: str | None = None
    """None for the error's own."""

    after: int = field(default=0, validator=_at_least(0))
    """Parts of the request that come before, of a caller who is still sending; of duplex calls only."""

    def __attrs_post_init__(self) -> None:
        self.answer()

    def answer(self) -> FailureError:
        """The failure that is sent."""
        return failure(self.error, self.message, self.status)


@frozen
class Throttled:
    """A 400 named ``ThrottlingException`` whose message is null, as the service sends it. The model is not called."""

    def answer(self) -> FailureError:
        """The failure that is sent."""
        return failure("ThrottlingException")


@frozen
class Latency:
    """A wait before the model is called."""

    seconds: float = field(validator=_at_least(0.0))
    """By the local endpoint's clock."""


@frozen
class SlowBody:
    """A response whose body dribbles in. The head and the first piece are not late."""

    seconds: float = field(validator=_at_least(0.0))
    """Between one piece and the next, by the local endpoint's clock."""

    size: int = field(default=1, validator=_at_least(1))
    """Bytes of a piece."""


@frozen
class Reset:
    """The connection is reset (TCP RST): in place of the model and the response, or after the head of the response."""

    after_head: bool = False


@frozen
class TruncatedBody:
    """A response whose connection is closed before the end of its body: short of Content-Length, or without the last chunk."""

    kept: int = field(default=0, validator=_at_least(0))
    """Bytes of the body that are sent. If the body has no more, the head promises one more, which does not come."""


@frozen
class TruncatedFrame:
    """A stream that ends in the middle of a frame, though its HTTP body is complete. Only streams meet it."""

    after: int = field(default=1, validator=_at_least(0))
    """Whole frames before. In a shorter stream, the cut frame is an additional one at its end."""


@frozen
class CorruptFrame:
    """A stream that goes on after a frame with one wrong byte. Only streams meet it."""

    after: int = field(default=1, validator=_at_least(0))
    """Good frames before. In a shorter stream, the corrupt frame is an additional one at its end."""

    at: int = -1
    """Which byte, modulo the length of the frame: 0 is in its length field, -1 in its checksum."""


@frozen
class StreamError:
    """A stream whose last message is an error. Only streams meet it."""

    error: str = "ModelStreamError"
    """Name of the error; the API model also has ``InternalStreamFailure``."""

    message: str = "The stream failed."
    error_code: str = "StreamBroken"
    """Of a ``ModelStreamError``; others have none."""

    after: int = field(default=1, validator=_at_least(0))
    """Parts before, or all of a shorter stream."""


@frozen
class StreamReset:
    """A stream that is reset (RST_STREAM), while its connection stands. Only duplex calls meet it; there is no model."""

    code: int = field(default=2, validator=_at_least(0))
    """RFC 9113's: 2 is INTERNAL_ERROR, 7 REFUSED_STREAM, 8 CANCEL."""

    after: int = field(default=0, validator=_at_least(0))
    """Parts of the request that come before."""

    after_head: bool = False
    """Whether the head of the response comes before."""


@frozen
class GoAway:
    """A connection that takes no more streams (GOAWAY), and is closed after those it has. Only duplex calls meet it."""

    code: int = field(default=0, validator=_at_least(0))
    """RFC 9113's: 0 is NO_ERROR, 11 ENHANCE_YOUR_CALM."""

    refused: bool = False
    """
    Whether this call is among what is not served, and all that came after it on the connection: the model is not called, and
    the caller may call again.
    """

    after: int = field(default=0, validator=_at_least(0))
    """Parts of the request that come before."""


@frozen
class StalledWindow:
    """
    A response whose head comes, and nothing after it; nothing of the request is read, so that the window of the stream fills
    up and whoever sends has to wait. The connection is well, and answers a PING. Only duplex calls meet it; there is no model.
    """

    after: int = field(default=0, validator=_at_least(0))
    """Parts of the request that are read before."""


@frozen
class Silence:
    """
    A connection on which nothing comes any more, not even the response to a PING, as after a cut cable. All its streams share
    it. Only duplex calls meet it; there is no model.
    """

    after: int = field(default=0, validator=_at_least(0))
    """Parts of the request that are read before; the head of the response comes with the first of them."""


@frozen
class CutKeepAlive:
    """A good response whose connection is then closed, though nothing in the response announced it."""

    at_next_request: bool = False
    """
    Whether it is not closed at once, but reset when the next request to the runtime has come over it. This is what a
    client meets when it uses an idle connection that the server is just closing. The next request may be one to another
    endpoint, or one that would be refused; it reaches no model, and does not count as a call of its endpoint. Requests
    to S3 over the connection pass. If no request follows, nothing happens.
    """


@frozen
class ClockSkew:
    """
    A server whose clock is wrong, for one request: in the check of the signature, and in the ``Date`` of the response.

    A clock that stays wrong for a while is ``inject(..., times=…)``.
    """

    seconds: float = field(validator=_in_the_calendar)
    """How far it is ahead, ten years at most; negative if it is behind. Within five minutes, signatures still hold."""


FrameFault: TypeAlias = TruncatedFrame | CorruptFrame | StreamError
"""A fault that only streams meet."""

DuplexFault: TypeAlias = StreamReset | GoAway | StalledWindow | Silence
"""A fault that only duplex calls meet."""

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
