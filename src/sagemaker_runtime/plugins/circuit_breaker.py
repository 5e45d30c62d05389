"""A circuit breaker: it blocks calls to an endpoint that keeps failing, and after a while lets one attempt probe it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from attrs import define

from sagemaker_runtime import ConfigError, SageMakerRuntimeError, ServiceError, TransportError
from sagemaker_runtime.context import CLOCK
from sagemaker_runtime.plugins._deadline import is_total_timeout
from sagemaker_runtime.plugins._url import url_without_query

if TYPE_CHECKING:
    from sagemaker_runtime import Clock, Context, FinalizeHandler, FinalizeInput, Output, Stack

__all__ = ["CircuitBreaker", "CircuitOpenError"]

SERVER_ERRORS = 500  # HTTP status; and all above
SERVER_CODES = {"InternalFailure", "ServiceUnavailable", "InternalDependencyException"}  # the codes with such a status


class CircuitOpenError(SageMakerRuntimeError):
    """The endpoint's last attempts all failed. Nothing was sent; never retried."""


@define(eq=False)
class _Circuit:
    failures: int = 0
    opened: float | None = None
    """When it last opened, in monotonic time; None while it is closed."""

    probing: bool = False


class CircuitBreaker:
    """
    Fail at once with `CircuitOpenError` if an endpoint's last attempts all failed.

    While closed, it counts consecutive failures: an exchange that broke off (`TransportError`), a status of 500 or above,
    or an attempt in progress when ``Timeout.total`` ended. At *failure_threshold* it opens, for *recovery_timeout*. Then
    it is half open: one attempt goes through, which closes it or opens it again. Any other response, `ModelError` and
    throttling included, shows that the endpoint works. An error without a status comes from a middleware: it counts as a
    failure if its code is one that the service sends with such a status, and is ignored otherwise.

    Stands just below Retry, so it sees each attempt, and ends the retries of the calls in progress when it opens. One
    object may serve several clients. Each URL without its query, so also each region and operation, has its own circuit.

    Args:
        failure_threshold: Consecutive failures that open it.

        recovery_timeout: Seconds from then to the attempt that may close it.

    Raises:
        ConfigError: The threshold is below 1.
    """

    id = "CircuitBreaker"

    def __init__(self, failure_threshold: int = 5, *, recovery_timeout: float = 30.0) -> None:
        if failure_threshold < 1:
            raise ConfigError(f"CircuitBreaker: a failure_threshold of {failure_threshold!r} would never let it close")
        self._threshold = failure_threshold
        self._recovery = recovery_timeout
        self._circuits: dict[str, _Circuit] = {}  # by URL, of the endpoints that have failed and not responded since

    def __call__(self, stack: Stack) -> None:
        stack.finalize.insert(self, after="Retry")

    async def handle_finalize(self, ctx: Context, step: FinalizeInput, next: FinalizeHandler) -> Output:
        url, clock = url_without_query(step.request), ctx[CLOCK]
        probed = self._enter(url, clock)
        try:
            output = await next(ctx, step)
        except TransportError:
            self._failed(url, probed, clock)
            raise
        except asyncio.CancelledError as error:
            if is_total_timeout(error, ctx):
                self._failed(url, probed, clock)
            raise
        except ServiceError as error:
            if error.code in SERVER_CODES if error.status is None else error.status >= SERVER_ERRORS:
                self._failed(url, probed, clock)
            elif error.status is not None:
                self._responded(url, probed)
            raise
        else:
            self._responded(url, probed)
            return output
        finally:
            if probed is not None:
                probed.probing = False

    def _enter(self, url: str, clock: Clock) -> _Circuit | None:
        """Let an attempt pass, or raise; returns the circuit if the attempt probes it."""
        circuit = self._circuits.get(url)
        if circuit is None or circuit.opened is None:
            return None
        left = circuit.opened + self._recovery - clock.monotonic()
        if left > 0:
            raise CircuitOpenError(
                f"not sent: {url} failed {circuit.failures} times in a row; the next attempt is allowed in {left:.1f} s"
            )
        if circuit.probing:
            raise CircuitOpenError(
                f"not sent: {url} failed {circuit.failures} times in a row, and another attempt is probing it"
            )
        circuit.probing = True
        return circuit

    def _failed(self, url: str, probed: _Circuit | None, clock: Clock) -> None:
        circuit = self._circuits.setdefault(url, _Circuit())
        if circuit is probed or circuit.opened is None:
            circuit.failures += 1
            if circuit.failures >= self._threshold:
                circuit.opened = clock.monotonic()

    def _responded(self, url: str, probed: _Circuit | None) -> None:
        # An attempt that began before it opened says nothing about the endpoint's present state.
        circuit = self._circuits.get(url)
        if circuit is not None and (circuit is probed or circuit.opened is None):
            del self._circuits[url]
