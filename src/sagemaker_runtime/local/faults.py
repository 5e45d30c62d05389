"""
What can go wrong on request: a fault for one call by its number, or for a share of all calls by a seed.

Each fault is a value: it says what happens, and a test that injected it can find it again in `LocalEndpoint.faults`.
"""

from __future__ import annotations

import random
from collections import deque
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from attrs import Attribute, field, frozen
from attrs.validators import min_len

from sagemaker_runtime import ConfigError
from sagemaker_runtime.local.failures import FailureError, failure

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

N = TypeVar("N", int, float)

FAULTS_KEPT = 10_000
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


def _shares(_: object, attribute: Attribute[Mapping[Fault, float]], shares: Mapping[Fault, float]) -> None:
    total = sum(shares.values())
    if not (all(share >= 0 for share in shares.values()) and total <= 1 + 1e-9):
        raise ConfigError(
            f"the {attribute.name} of the faults must be 0 or more, and together 1 or less, not {total:g}"
        )


@frozen
class RandomFaults:
    """
    Faults that hit a share of all calls, the same ones each time: chance depends on seed, endpoint and call number only.

    Raises:
        ConfigError: The shares are no shares of one whole.
    """

    shares: Mapping[Fault, float] = field(validator=[min_len(1), _shares])
    """For each fault the part of the calls that it hits, from 0.0 to 1.0."""

    seed: int = field(kw_only=True)

    def fault(self, endpoint_name: str, call: int) -> Fault | None:
        """What hits a call, as `LocalEndpoint.calls` counts them; None if nothing does."""
        drawn = random.Random(f"{self.seed}/{endpoint_name}/{call}").random()  # noqa: S311 - nothing is to be hidden
        for fault, share in self.shares.items():
            drawn -= share
            if drawn < 0:
                return fault
        return None


@frozen
class InjectedFault:
    """One fault that a request has met."""

    fault: Fault
    endpoint_name: str
    call: int
    """Which request to the endpoint, as `LocalEndpoint.calls` counts them."""

    seed: int | None = None
    """Of the `RandomFaults` that it came from; None for one that was injected by its call's number."""

    @property
    def name(self) -> str:
        """The name of its class, such as ``"Reset"``."""
        return type(self.fault).__name__


class FaultPlan:
    """
    Which request meets which fault, and the log of those that were met.

    Attributes:
        met: The last `FAULTS_KEPT`, oldest first.
    """

    def __init__(self, by_chance: RandomFaults | None) -> None:
        self.met: deque[InjectedFault] = deque(maxlen=FAULTS_KEPT)
        self._by_chance = by_chance
        self._by_number: dict[tuple[str, int], Fault] = {}

    def add(self, endpoint_name: str, call: int, fault: Fault) -> None:
        """Let a call meet *fault*, whatever chance says; the last one given for a call holds."""
        self._by_number[endpoint_name, call] = fault

    def due(self, endpoint_name: str, call: int, *, streamed: bool) -> InjectedFault | None:
        """What a request would meet if it were that call; None for nothing."""
        fault, seed = self._by_number.get((endpoint_name, call)), None
        if fault is None and self._by_chance is not None:
            fault, seed = self._by_chance.fault(endpoint_name, call), self._by_chance.seed
        if fault is None or (isinstance(fault, FrameFault) and not streamed):
            return None
        return InjectedFault(fault, endpoint_name, call, seed)

    def happened(self, injected: InjectedFault) -> None:
        """Write it into the log."""
        self._by_number.pop((injected.endpoint_name, injected.call), None)
        self.met.append(injected)
