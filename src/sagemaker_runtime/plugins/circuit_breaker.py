"""A circuit breaker: it blocks calls to an endpoint that keeps failing, and after a while lets one attempt probe it."""

from __future__ import annotations

import asyncio
import enum
from collections import OrderedDict
from threading import Lock
from typing import TYPE_CHECKING, TypeAlias

from attrs import define, frozen

from sagemaker_runtime import ConfigError, SageMakerRuntimeError, ServiceError, TransportError
from sagemaker_runtime.context import CLOCK
from sagemaker_runtime.plugins._callbacks import call_back, check_callback
from sagemaker_runtime.plugins._deadline import is_total_timeout
from sagemaker_runtime.plugins._telemetry import is_output
from sagemaker_runtime.plugins._url import url_without_query

if TYPE_CHECKING:
    from collections.abc import Callable

    from sagemaker_runtime import Clock, Context, FinalizeHandler, FinalizeInput, Output, Stack

__all__ = ["Circuit", "CircuitBreaker", "CircuitOpenError", "CircuitState"]

SERVER_ERRORS = 500  # HTTP status, and all above
SERVER_CODES = {"InternalFailure", "ServiceUnavailable", "InternalDependencyException"}  # the codes with such a status


class CircuitOpenError(SageMakerRuntimeError):
    """The endpoint's last attempts all failed. Nothing was sent; never retried."""


class CircuitState(enum.Enum):
    """Whether attempts pass."""

    CLOSED = "closed"
    """All of them do."""

    OPEN = "open"
    """None does. It stays open until the first attempt after `recovery_timeout`."""

    HALF_OPEN = "half-open"
    """One at a time does, as a probe."""


@frozen
class Circuit:
    """One endpoint as it was when `CircuitBreaker.circuits` was read."""

    state: CircuitState
    """Whether attempts pass."""

    failures: int
    """Consecutive failures up to now."""

    retry_after: float | None
    """Seconds until an attempt may probe the endpoint, 0 if one may now; None while it is closed."""


@define(eq=False)
class _Circuit:
    url: str
    failures: int = 0
    state: CircuitState = CircuitState.CLOSED
    clock: Clock | None = None
    """The clock of the call that opened it; None while it is closed."""

    opened: float = 0.0
    """When it opened, in monotonic time."""

    probing: bool = False

    def left(self, recovery: float) -> float:
        """Seconds until an attempt may probe the endpoint."""
        return 0.0 if self.clock is None else max(0.0, self.opened + recovery - self.clock.monotonic())

    def become(self, state: CircuitState) -> list[_Change]:
        before, self.state = self.state, state
        return [] if before is state else [(self.url, before, state)]


_Change: TypeAlias = tuple[str, CircuitState, CircuitState]


class _Circuits:
    """
    The circuits of the endpoints that have failed and not responded since, a bounded number of them.

    A method that changes circuits returns the changes. Several threads may call it.
    """

    def __init__(self, threshold: int, recovery: float, bound: int) -> None:
        self.threshold = threshold
        self.recovery = recovery
        self.bound = bound
        self.lock = Lock()
        # By URL; those that failed longest ago first.
        self.closed: OrderedDict[str, _Circuit] = OrderedDict()
        self.open: OrderedDict[str, _Circuit] = OrderedDict()

    def view(self) -> dict[str, Circuit]:
        with self.lock:
            opened = {url: Circuit(c.state, c.failures, c.left(self.recovery)) for url, c in self.open.items()}
            return opened | {url: Circuit(c.state, c.failures, None) for url, c in self.closed.items()}

    def enter(self, url: str) -> tuple[_Circuit | None, list[_Change]]:
        """Let an attempt pass, or raise CircuitOpenError. Return the circuit if the attempt probes it, and the changes."""
        with self.lock:
            circuit = self.open.get(url)
            if circuit is None:
                return None, []
            left = circuit.left(self.recovery)
            if left > 0 or circuit.probing:
                reason = (
                    f"; the next attempt is allowed in {left:.1f} s"
                    if left > 0
                    else ", and another attempt is probing it"
                )
                raise CircuitOpenError(f"not sent: {url} failed {circuit.failures} times in a row{reason}")
            circuit.probing = True
            return circuit, circuit.become(CircuitState.HALF_OPEN)

    def failed(self, url: str, probed: _Circuit | None, clock: Clock) -> list[_Change]:
        with self.lock:
            circuit = self.open.get(url)
            if circuit is not None and circuit is not probed:
                return []  # an attempt that began before it opened says nothing about the endpoint's present state
            if circuit is None:
                circuit = self.closed.pop(url, None) or _Circuit(url)
            circuit.failures += 1
            changes: list[_Change] = []
            if circuit is probed or circuit.failures >= self.threshold:
                circuit.clock, circuit.opened = clock, clock.monotonic()
                changes += circuit.become(CircuitState.OPEN)
                self.open[url] = circuit
                self.open.move_to_end(url)
            else:
                self.closed[url] = circuit
            if len(self.open) + len(self.closed) > self.bound:
                changes += self._forget_one(url)
            return changes

    def _forget_one(self, failed: str) -> list[_Change]:
        """Make room for the endpoint that has just failed."""
        for circuits in (self.closed, self.open):
            for url in circuits:
                if url != failed:
                    return circuits.pop(url).become(CircuitState.CLOSED)
        return []

    def responded(self, url: str, probed: _Circuit | None) -> list[_Change]:
        with self.lock:
            self.closed.pop(url, None)
            if probed is None or self.open.get(url) is not probed:
                return []  # nothing is open, or the attempt began before it opened
            return self.open.pop(url).become(CircuitState.CLOSED)


class CircuitBreaker:
    """
    Fail immediately, with `CircuitOpenError`, if an endpoint's last attempts all failed.

    While closed, it counts consecutive failures: a failed exchange (`TransportError`), a status of 500 or above,
    or an attempt in progress when ``Timeout.total`` ended. At *failure_threshold* it opens, for *recovery_timeout*. Then
    it is half open: one attempt goes through, which closes it or opens it again. Any other response, `ModelError` and
    throttling included, shows that the endpoint works. An error without a status comes from a middleware: it counts as a
    failure if its code is one that the service sends with such a status, and is ignored otherwise. So is an output
    without a response, which comes from a cache or a fallback.

    It is just below Retry, so it sees each attempt, and ends the retries of the calls in progress when it opens. One
    object may serve several clients and threads. Each URL has its own circuit (its query does not count), so each region
    and each operation has one too.

    Args:
        failure_threshold: Consecutive failures that open it.

        recovery_timeout: Seconds from then to the attempt that may close it.

        max_circuits: The maximum number of endpoints to remember, about 0.5 KB each: those that have failed and not
            responded since. Above it, the one that failed longest ago is forgotten, closed ones first.

        on_change: Called with the URL, the state before and the state after, once for each change, by the call or the
            thread that causes it: ``lambda url, old, new: gauge.set(...)``. A circuit that is forgotten while open is
            reported as closed. An exception that it raises is logged, and does not affect the call. None for no callback.

    Raises:
        ConfigError: The threshold or max_circuits is below 1, the timeout is negative, or on_change is async.
    """

    id = "CircuitBreaker"

    def __init__(
        self,
        failure_threshold: int = 5,
        *,
        recovery_timeout: float = 30.0,
        max_circuits: int = 1_024,
        on_change: Callable[[str, CircuitState, CircuitState], object] | None = None,
    ) -> None:
        if failure_threshold < 1:
            raise ConfigError(f"CircuitBreaker: a failure_threshold of {failure_threshold!r} would never let it close")
        if max_circuits < 1:
            raise ConfigError(f"CircuitBreaker: with max_circuits={max_circuits!r} it could not count any failure")
        if not recovery_timeout >= 0:
            raise ConfigError(f"CircuitBreaker: recovery_timeout is {recovery_timeout!r}; it takes seconds, 0 or more")
        check_callback(self.id, on_change)
        self._circuits = _Circuits(failure_threshold, recovery_timeout, max_circuits)
        self._on_change = on_change

    @property
    def circuits(self) -> dict[str, Circuit]:
        """The endpoints that have failed and not responded since, by URL; all others are closed. A copy."""
        return self._circuits.view()

    def __call__(self, stack: Stack) -> None:
        stack.finalize.insert(self, after="Retry")

    async def handle_finalize(self, ctx: Context, step: FinalizeInput, next: FinalizeHandler) -> Output:
        url, circuits = url_without_query(step.request), self._circuits
        probed, changes = circuits.enter(url)
        try:
            self._report(changes, ctx)
            output = await next(ctx, step)
        except TransportError:
            self._report(circuits.failed(url, probed, ctx[CLOCK]), ctx)
            raise
        except asyncio.CancelledError as error:
            if is_total_timeout(error, ctx):
                self._report(circuits.failed(url, probed, ctx[CLOCK]), ctx)
            raise
        except ServiceError as error:
            if error.code in SERVER_CODES if error.status is None else error.status >= SERVER_ERRORS:
                self._report(circuits.failed(url, probed, ctx[CLOCK]), ctx)
            elif error.status is not None:
                self._report(circuits.responded(url, probed), ctx)
            raise
        else:
            if is_output(output) and output.raw_response is not None:
                self._report(circuits.responded(url, probed), ctx)
            return output
        finally:
            if probed is not None:
                probed.probing = False

    def _report(self, changes: list[_Change], ctx: Context) -> None:
        for url, before, after in changes:
            call_back(self.id, ctx, self._on_change, url, before, after)
