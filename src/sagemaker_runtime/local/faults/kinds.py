"""The faults that a call can be made to meet, one class each."""

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
    An error of the service in place of the model, which is not asked.

    Raises:
        ConfigError: The error has no known status, and none is given.
    """

    error: str = "ServiceUnavailable"
    """Its name. Those of the API model, and ``ThrottlingException``, have a status and a message."""

    status: int | None = None
    """HTTP status. None for the error's own."""

    message: str | None = None
    """None for the error's own."""

    def __attrs_post_init__(self) -> None:
        self.answer()

    def answer(self) -> FailureError:
        """The error as it is answered."""
        return failure(self.error, self.message, self.status)


@frozen
class Throttled:
    """A 400 named ``ThrottlingException`` whose message is null, as the service has it. The model is not asked."""

    def answer(self) -> FailureError:
        """The error as it is answered."""
        return failure("ThrottlingException")


@frozen
class Latency:
    """A wait before the model is asked."""

    seconds: float = field(validator=_at_least(0.0))
    """By the local endpoint's clock."""


@frozen
class SlowBody:
    """An answer whose body dribbles in. The head, and the first piece, are not late."""

    seconds: float = field(validator=_at_least(0.0))
    """Between one piece and the next, by the local endpoint's clock."""

    size: int = field(default=1, validator=_at_least(1))
    """Bytes of a piece."""


@frozen
class Reset:
    """The connection is reset (TCP RST): in place of the model and its answer, or when the answer's head is out."""

    after_head: bool = False


@frozen
class TruncatedBody:
    """An answer whose connection is closed before the end of its body: short of Content-Length, or of the last chunk."""

    kept: int = field(default=0, validator=_at_least(0))
    """Bytes of the body that are sent. If there are no more, the head promises one that does not come."""


@frozen
class TruncatedFrame:
    """A stream that ends in the middle of a frame; in HTTP's eyes it is whole. Only streams meet it."""

    after: int = field(default=1, validator=_at_least(0))
    """Whole frames before. In a shorter stream it is one frame more that is cut."""


@frozen
class CorruptFrame:
    """A stream that goes on after a frame with one wrong byte. Only streams meet it."""

    after: int = field(default=1, validator=_at_least(0))
    """Good frames before. In a shorter stream it is one frame more that is wrong."""

    at: int = -1
    """Which byte, counted round the frame: 0 is in its length, -1 in its checksum."""


@frozen
class StreamError:
    """A stream whose last message is an error. Only streams meet it."""

    error: str = "ModelStreamError"
    """Its name; the API model has ``InternalStreamFailure`` beside it."""

    message: str = "The stream failed."
    error_code: str = "StreamBroken"
    """Of a ``ModelStreamError``; others have none."""

    after: int = field(default=1, validator=_at_least(0))
    """Parts before, as far as there are so many."""


@frozen
class CutKeepAlive:
    """A good answer whose connection is then closed, though nothing in the answer said so."""

    at_next_request: bool = False
    """
    Whether it is not closed at once, but reset when the next request to the runtime has come over it: so a server that
    closes an idle connection meets a client that is just using it. That may be a request to another endpoint, or one
    that would be refused; it reaches no model, and is no call of its endpoint. Requests to S3 over it pass. If none
    follows, nothing happens.
    """


@frozen
class ClockSkew:
    """
    A server whose clock is wrong, for one request: in the check of the signature, and in the ``Date`` of the answer.

    A clock that stays wrong for a while is ``inject(..., times=…)``.
    """

    seconds: float = field(validator=_in_the_calendar)
    """How far it is ahead, ten years at most; negative if it is behind. Within five minutes, signatures still hold."""


FrameFault: TypeAlias = TruncatedFrame | CorruptFrame | StreamError
"""A fault that only streams meet."""

Fault: TypeAlias = (
    ErrorAnswer | Throttled | Latency | SlowBody | Reset | TruncatedBody | FrameFault | CutKeepAlive | ClockSkew
)
"""What can be injected."""
