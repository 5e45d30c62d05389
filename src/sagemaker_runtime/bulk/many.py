"""`invoke_many`: sends many records to an endpoint, with as many concurrent calls as it can take."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Iterable
from itertools import islice
from typing import TYPE_CHECKING, Literal, TypeVar, overload

from sagemaker_runtime import Client, ConfigError, SyncClient, override, with_api_options
from sagemaker_runtime.bulk.retryer import PatientRetryer
from sagemaker_runtime.bulk.workload import Result, Workload
from sagemaker_runtime.plugins.concurrency import KneeLimit

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Generator
    from typing import TypeAlias

    from sagemaker_runtime import InvokeEndpointInput, InvokeEndpointOutput, OptFn

__all__ = ["Manner", "call_many", "call_many_in_thread", "invoke_many"]

Given = TypeVar("Given")
Taken = TypeVar("Taken")

if TYPE_CHECKING:
    Caller: TypeAlias = Callable[[Client, tuple[OptFn, ...]], Callable[[Given], Awaitable[Taken]]]
    """Makes the function that sends one record, from a client and its ``opt_fns``."""


@overload
def invoke_many(
    client: Client,
    inputs: Iterable[InvokeEndpointInput] | AsyncIterable[InvokeEndpointInput],
    /,
    *opt_fns: OptFn,
    limit: int | KneeLimit | None = None,
    ordered: bool = True,
    on_error: Literal["return", "raise"] = "return",
) -> AsyncGenerator[Result[InvokeEndpointInput, InvokeEndpointOutput]]: ...


@overload
def invoke_many(
    client: SyncClient,
    inputs: Iterable[InvokeEndpointInput],
    /,
    *opt_fns: OptFn,
    limit: int | KneeLimit | None = None,
    ordered: bool = True,
    on_error: Literal["return", "raise"] = "return",
) -> Generator[Result[InvokeEndpointInput, InvokeEndpointOutput]]: ...


def invoke_many(
    client: Client | SyncClient,
    inputs: Iterable[InvokeEndpointInput] | AsyncIterable[InvokeEndpointInput],
    /,
    *opt_fns: OptFn,
    limit: int | KneeLimit | None = None,
    ordered: bool = True,
    on_error: Literal["return", "raise"] = "return",
) -> (
    AsyncGenerator[Result[InvokeEndpointInput, InvokeEndpointOutput]]
    | Generator[Result[InvokeEndpointInput, InvokeEndpointOutput]]
):
    """
    Send many inputs, with as many concurrent calls as the endpoint can take, and yield a `Result` for each.

    ::

        async with aclosing(invoke_many(client, inputs)) as results:
            async for result in results:
                print(result.index, result.output.body)

    With a `SyncClient`, it is an ordinary iterator. Memory is bounded: inputs are read only as fast as they can be sent, and
    at most 1,024 results wait to be read, so a slow reader slows the calls down.

    While the endpoint is overloaded or unavailable, a connection is lost, or a model is not ready, calls are retried
    indefinitely and without the retry quota; the concurrency is reduced instead. An error of one record becomes its result's
    ``error``. So does a read timeout, unless the client's retryer retries those. Errors that every record would meet are
    raised: credentials, access, an unknown region, an endpoint or variant that is unknown or has an invalid name, invalid
    options, no connection at all for a minute.

    To leave early, close the iterator, as ``aclosing`` does; this cancels the calls in flight. After a ``break`` alone, they
    run until the garbage collector closes it.

    Args:
        client: Makes the calls. It stays open.

        inputs: What to send. With a `SyncClient`, they are read in the caller's thread.

        opt_fns: Change the client's options for these calls. A retryer among them replaces the patient one.

        limit: The number of concurrent calls, or a `KneeLimit`, which may have bounds or be shared. None for a new `KneeLimit`.

        ordered: Whether results come in the order of the inputs, or as soon as each is ready.

        on_error: What happens when a record fails: ``"return"`` yields a result with the error; ``"raise"`` raises it, after
            the results before it, and cancels the calls in flight.

    Raises:
        ConfigError: An argument is invalid.
        SageMakerRuntimeError: Every record would fail this way; or, with ``on_error="raise"``, one did.
    """
    how = Manner(opt_fns, limit, ordered=ordered, on_error=on_error)
    if isinstance(client, SyncClient):
        if isinstance(inputs, AsyncIterable):
            raise ConfigError("inputs is an asynchronous iterable; a SyncClient takes an ordinary one")
        return call_many_in_thread(client, _caller, inputs, how)
    return call_many(client, _caller, inputs, how)


def _caller(
    client: Client, opt_fns: tuple[OptFn, ...]
) -> Callable[[InvokeEndpointInput], Awaitable[InvokeEndpointOutput]]:
    return lambda params: client.invoke_endpoint(params, *opt_fns)


class Manner:
    """
    How records are sent; the arguments are those of `invoke_many`.

    Raises:
        ConfigError: An argument is invalid.
    """

    def __init__(
        self, opt_fns: tuple[OptFn, ...], limit: int | KneeLimit | None, *, ordered: bool, on_error: str
    ) -> None:
        if on_error not in ("return", "raise"):
            raise ConfigError(f"on_error is {on_error!r}; it takes 'return' or 'raise'")
        self._opt_fns = opt_fns
        self._limit = KneeLimit() if limit is None else _checked_limit(limit)
        self._ordered = ordered
        self._raises = on_error == "raise"

    def workload(self, client: Client, caller: Caller[Given, Taken]) -> Workload[Given, Taken]:
        """A new workload in the running loop."""
        # The same objects for every call, so that the client compiles one stack for all of them.
        ours: tuple[OptFn, ...] = (override(retryer=PatientRetryer(client.options.retryer)),)
        if isinstance(self._limit, KneeLimit):
            ours = (*ours, with_api_options(self._limit))
        call = caller(client, (*ours, *self._opt_fns))
        return Workload(call, self._limit, ordered=self._ordered, raises=self._raises)


def _checked_limit(limit: object) -> int | KneeLimit:
    if isinstance(limit, KneeLimit) or (isinstance(limit, int) and not isinstance(limit, bool) and limit >= 1):
        return limit
    raise ConfigError(f"limit is {limit!r}; it takes a number of calls, 1 or more, a KneeLimit, or None")


async def call_many(
    client: Client, caller: Caller[Given, Taken], inputs: Iterable[Given] | AsyncIterable[Given], how: Manner
) -> AsyncGenerator[Result[Given, Taken]]:
    """`invoke_many` for calls of any kind."""
    workload = how.workload(client, caller)
    source = None if isinstance(inputs, AsyncIterable) else iter(inputs)
    later = aiter(inputs) if isinstance(inputs, AsyncIterable) else None
    pull: asyncio.Task[Given] | None = None
    try:
        while True:
            if source is not None and (room := workload.room):
                records = list(islice(source, room))
                workload.add(records)
                if len(records) < room:
                    source = None
            if later is not None and pull is None and workload.room:
                pull = asyncio.create_task(_next(later))
            if source is None and later is None and workload.is_idle:
                return
            await workload.wait(*(() if pull is None else (pull,)))
            if pull is not None and pull.done():
                try:
                    workload.add([pull.result()])
                except StopAsyncIteration:
                    later = None
                pull = None
            for result in workload.take():
                yield result
    finally:
        if pull is not None:
            pull.cancel()
            await asyncio.gather(pull, return_exceptions=True)
        await workload.close()


def call_many_in_thread(
    client: SyncClient, caller: Caller[Given, Taken], inputs: Iterable[Given], how: Manner
) -> Generator[Result[Given, Taken]]:
    """The same in the loop of a `SyncClient`: each switch between the threads brings all results that are ready."""

    async def begin(found: Client) -> Workload[Given, Taken]:
        return how.workload(found, caller)

    async def step(_: Client) -> list[Result[Given, Taken]]:
        workload.add(records)
        await workload.wait()
        return workload.take()

    async def end(_: Client) -> None:
        await workload.close()

    workload = client.run(begin)
    source = iter(inputs)
    records: list[Given] = []
    ended = False
    try:
        while not (ended and workload.is_idle):
            room = 0 if ended else workload.room
            records = list(islice(source, room))
            ended = ended or len(records) < room
            yield from client.run(step)
    finally:
        client.run(end)


async def _next(source: AsyncIterator[Given]) -> Given:
    return await anext(source)  # a coroutine, which a task needs
