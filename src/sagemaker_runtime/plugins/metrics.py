"""
OpenTelemetry metrics with the Go SDK's names, and names of our own (*) for what it does not measure.

::

    client = Client(Options(region="eu-west-1", api_options=[Metrics()]))

- ``client.call.duration``, s: a call with its retries, a streamed one until its stream closes
- ``client.call.in_flight`` (*), {call}: calls that have not ended
- ``client.call.attempts``, {attempt}: attempts, the first of each call included
- ``client.call.errors``, {error}: errors of attempts, and of calls outside of their attempts
- ``client.call.attempt_duration``, s: signing to the end of the response, or to a stream's head
- ``client.call.serialization_duration``, s: writing the input into a request
- ``client.call.resolve_endpoint_duration``, s: asking the resolver for the URL
- ``client.call.auth.signing_duration``, s: signing, and waiting for credentials if necessary
- ``client.call.time_to_first_part`` (*), s: from a call's start to the first part of its stream
- ``client.http.time_to_first_byte``, s: from handing over the request to the head of the response
- ``client.http.connections.usage``, {connection}: connections acquired, or waited for: one for each exchange
- ``client.retry_quota.available`` (*), {token}: the lowest retry quota of the retryers that calls have used

For bulk runs, once a second:

- ``client.bulk.records`` (*), {record}: records with a result or a dead letter
- ``client.bulk.dead_letters`` (*), {record}: dead letters
- ``client.bulk.limit`` (*), {call}: how many calls may run at once
- ``client.bulk.in_flight`` (*), {request}: requests in flight, including those that wait for the limit or for a retry

Attributes: ``rpc.service``, ``rpc.method``, ``aws.sagemaker.endpoint_name`` if the input was valid, and ``error.type`` on
errors and on the durations of failures. Connections, the retry quota and ``client.call.in_flight`` have no endpoint. The
OpenTelemetry SDK keeps a time series for each value, so only the first 1,000 endpoints and the first 100 error types have
one each; the others share ``_OTHER``.
"""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, TypeAlias, TypeVar
from weakref import WeakSet

from attrs import define, field

try:
    from opentelemetry.metrics import Observation
except ImportError as error:
    raise ImportError("metrics need OpenTelemetry: pip install 'sagemaker-runtime[opentelemetry]'") from error

from sagemaker_runtime import (
    BEFORE,
    SERVICE_ID,
    InvalidParamsError,
    Key,
    RetryQuota,
    deserialize_middleware,
    finalize_middleware,
    serialize_middleware,
)
from sagemaker_runtime.context import ATTEMPT, CLOCK
from sagemaker_runtime.plugins import _telemetry as names
from sagemaker_runtime.plugins._instruments import BoundedValues, Instruments
from sagemaker_runtime.plugins._telemetry import (
    add_once_per_attempt,
    endpoint_attributes,
    error_type,
    operation_attributes,
    stream_of,
)
from sagemaker_runtime.retry import RETRYER

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator, Iterator

    from opentelemetry.metrics import CallbackOptions, Histogram, MeterProvider

    from sagemaker_runtime import (
        Clock,
        Context,
        DeserializeHandler,
        DeserializeInput,
        FinalizeHandler,
        FinalizeInput,
        InitializeHandler,
        InitializeInput,
        Output,
        ResponseStream,
        Retryer,
        Stack,
    )
    from sagemaker_runtime.bulk import BulkInterval, BulkRun
    from sagemaker_runtime.middleware import Handler

    S = TypeVar("S")
    Handle: TypeAlias = Callable[[Context, S, Handler[S]], Awaitable[Output]]

__all__ = ["Metrics"]

Attributes: TypeAlias = dict[str, str]

MAX_ERROR_TYPES = 100  # with a time series each; a code may be anything that a peer has sent

_SERVICE: Attributes = {names.RPC_SERVICE: SERVICE_ID}
_ACQUIRED: Attributes = {**_SERVICE, "state": "acquired"}


@define(eq=False)
class _Call:
    """The state of one call."""

    clock: Clock
    started: float
    """In monotonic time."""

    operation: Attributes
    endpoint: str | None
    """The endpoint that the input names; None if it names none."""

    names: BoundedValues
    _attributes: Attributes | None = None

    counted: list[BaseException] = field(factory=list[BaseException])
    """Errors of its attempts, which have been counted already."""

    @property
    def attributes(self) -> Attributes:
        """The operation and the endpoint; not read before the input is known to be valid."""
        if self._attributes is None:
            endpoint = {} if self.endpoint is None else {names.ENDPOINT_NAME: self.names.bounded(self.endpoint)}
            self._attributes = {**self.operation, **endpoint}
        return self._attributes


class Metrics:
    """
    Records the metrics: give it to a client, or to one call, in ``api_options``. One object serves any number of clients.

    It times the middleware that are in the places ``OperationSerializer``, ``ResolveEndpoint`` and ``Signing`` when it is
    added. A middleware that is swapped in later is not timed.

    Args:
        meter_provider: None for OpenTelemetry's global one.

        max_endpoints: How many endpoints get a time series each; a bound, so that names from outside cannot make memory grow.

        id: The name in the printed stack, and an attribute of the instrumentation scope. Two `Metrics` in one client, or with
            one provider, need different ids.
    """

    def __init__(
        self, meter_provider: MeterProvider | None = None, *, max_endpoints: int = 1_000, id: str = "Metrics"
    ) -> None:
        self.id = id
        self._call = Key[_Call](f"{id}, the call")  # private to this object
        self._quotas: WeakSet[RetryQuota] = WeakSet()
        self._lock = Lock()
        self._endpoints = BoundedValues(max_endpoints)
        self._errors = BoundedValues(MAX_ERROR_TYPES)
        self._measure = Instruments(id, meter_provider, self._observe_quota)

    def __call__(self, stack: Stack) -> None:
        measure = self._measure
        stack.initialize.add(self, BEFORE)
        for place, histogram in (
            ("OperationSerializer", measure.serialization),
            ("ResolveEndpoint", measure.resolution),
        ):
            writer = stack.serialize.get(place)
            if writer is not None:
                timed = serialize_middleware(f"{writer.id}, timed by {self.id}")
                stack.serialize.swap(place, timed(self._timed(writer.handle_serialize, histogram)))
        signer = stack.finalize.get("Signing")
        if signer is not None:
            timed_signing = finalize_middleware(f"{signer.id}, timed by {self.id}")
            stack.finalize.swap("Signing", timed_signing(self._timed(signer.handle_finalize, measure.signing)))
        add_once_per_attempt(stack, finalize_middleware(self.id)(self._attempt))
        stack.deserialize.add(deserialize_middleware(self.id)(self._exchange), BEFORE)
        stack.deserialize.add(deserialize_middleware(f"{self.id}, first byte")(self._first_byte))

    async def handle_initialize(self, ctx: Context, step: InitializeInput, next: InitializeHandler) -> Output:
        """Once per call."""
        operation = operation_attributes(ctx)
        endpoint = endpoint_attributes(step.parameters).get(names.ENDPOINT_NAME)
        ctx[self._call] = call = _Call(ctx[CLOCK], ctx[CLOCK].monotonic(), operation, endpoint, self._endpoints)
        self._measure.in_flight.add(1, operation)
        try:
            output = await next(ctx, step)
        except BaseException as error:
            self._end(call, error, ctx)
            raise
        finally:
            call.counted.clear()  # or an error, its traceback and this list would form a cycle that keeps the stream
        stream = stream_of(ctx, output)
        if stream is None:
            self._end(call)
        else:
            # Without the context, which refers to the stream: an abandoned stream must not be kept alive.
            stream.watch(_Watcher(partial(self._first_part, call), partial(self._end, call)))
        return output

    @contextmanager
    def observe_run(self, run: BulkRun) -> Generator[Callable[[BulkInterval], None]]:
        """Record a bulk run. `run_bulk` enters this context manager; the returned function takes each interval."""
        measure = self._measure
        attributes = {**_SERVICE, names.ENDPOINT_NAME: self._endpoints.bounded(run.endpoint)}
        limit = in_flight = 0

        def count(interval: BulkInterval) -> None:
            nonlocal limit, in_flight
            measure.bulk_records.add(interval.succeeded + sum(interval.failures.values()), attributes)
            for code, number in interval.failures.items():
                failed = {**attributes, names.ERROR_TYPE: self._errors.bounded(code)}
                measure.bulk_dead_letters.add(number, failed)
            measure.bulk_limit.add(interval.limit - limit, attributes)
            measure.bulk_in_flight.add(interval.in_flight - in_flight, attributes)
            limit, in_flight = interval.limit, interval.in_flight

        try:
            yield count
        finally:
            measure.bulk_limit.add(-limit, attributes)
            measure.bulk_in_flight.add(-in_flight, attributes)

    def _end(self, call: _Call, error: BaseException | None = None, ctx: Context | None = None) -> None:
        measure = self._measure
        if error is None:
            attributes = call.attributes
        else:
            # An invalid name may be anything, and each would make a time series.
            known = call.operation if isinstance(error, InvalidParamsError) else call.attributes
            attributes = {**known, names.ERROR_TYPE: self._errors.bounded(error_type(error, ctx))}
            if not any(error is counted for counted in call.counted):
                measure.errors.add(1, attributes)
        measure.duration.record(call.clock.monotonic() - call.started, attributes)
        measure.in_flight.add(-1, call.operation)

    def _first_part(self, call: _Call) -> None:
        self._measure.first_part.record(call.clock.monotonic() - call.started, call.attributes)

    async def _attempt(self, ctx: Context, step: FinalizeInput, next: FinalizeHandler) -> Output:
        """Once per attempt."""
        call = ctx.get(self._call)
        if call is None:
            return await next(ctx, step)
        if ATTEMPT in ctx:  # set by Retry, which asks the retryer
            self._note_quota(ctx[RETRYER])
        measure, attributes = self._measure, call.attributes
        measure.attempts.add(1, attributes)
        started = call.clock.monotonic()
        try:
            return await next(ctx, step)
        except BaseException as error:
            attributes = {**attributes, names.ERROR_TYPE: self._errors.bounded(error_type(error, ctx))}
            if not isinstance(error, asyncio.CancelledError):  # it ends the call, which counts it; or a hedge that lost
                measure.errors.add(1, attributes)
                call.counted.append(error)
            raise
        finally:
            measure.attempt_duration.record(call.clock.monotonic() - started, attributes)

    async def _exchange(self, ctx: Context, step: DeserializeInput, next: DeserializeHandler) -> Output:
        """Once per attempt: a connection is held until the response has been read, or its stream is closed."""
        connections = self._measure.connections
        connections.add(1, _ACQUIRED)
        try:
            output = await next(ctx, step)
            stream = stream_of(ctx, output)
        except BaseException:
            connections.add(-1, _ACQUIRED)
            raise
        if stream is None:
            connections.add(-1, _ACQUIRED)
        else:
            stream.watch(_Watcher(_nothing, lambda _: connections.add(-1, _ACQUIRED)))
        return output

    async def _first_byte(self, ctx: Context, step: DeserializeInput, next: DeserializeHandler) -> Output:
        """Once per attempt, next to the transport."""
        clock = ctx[CLOCK]
        started = clock.monotonic()
        output = await next(ctx, step)
        call = ctx.get(self._call)
        if call is not None:
            self._measure.first_byte.record(clock.monotonic() - started, call.attributes)
        return output

    def _timed(self, handle: Handle[S], histogram: Histogram) -> Handle[S]:
        """The method of a middleware, which also records how long the middleware takes until it calls ``next``."""

        def timed(ctx: Context, step: S, next: Handler[S]) -> Awaitable[Output]:
            monotonic = ctx[CLOCK].monotonic
            started = monotonic()

            def then(ctx: Context, step: S) -> Awaitable[Output]:
                call = ctx.get(self._call)
                if call is not None:
                    histogram.record(monotonic() - started, call.attributes)
                return next(ctx, step)

            return handle(ctx, step, then)

        return timed

    def _note_quota(self, retryer: Retryer) -> None:
        """Observe the quota of a retryer that has one, for as long as the quota exists."""
        quota: object = getattr(retryer, "quota", None)
        if isinstance(quota, RetryQuota) and quota not in self._quotas:
            with self._lock:  # calls may come from several threads, and another thread reads the gauge
                self._quotas = WeakSet({*self._quotas, quota})

    def _observe_quota(self, _: CallbackOptions) -> Iterator[Observation]:
        available = [quota.available for quota in self._quotas]
        if available:
            yield Observation(min(available), _SERVICE)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.id!r}>"


class _Watcher:
    """Passes on the events of a stream."""

    def __init__(self, first_part: Callable[[], None], end: Callable[[BaseException | None], None]) -> None:
        self.first_part = first_part
        self.end = end

    def first_event(self, _: ResponseStream) -> None:
        self.first_part()

    def closed(self, _: ResponseStream, error: BaseException | None) -> None:
        self.end(error)


def _nothing() -> None:
    pass
