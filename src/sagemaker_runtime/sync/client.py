"""`SyncClient`: the calls of `Client` without ``await``."""

from __future__ import annotations

import atexit
from asyncio import CancelledError
from contextlib import nullcontext
from typing import TYPE_CHECKING, NoReturn, ParamSpec, TypeVar
from weakref import WeakSet, finalize

from sagemaker_runtime import (
    Client,
    ClientClosedError,
    ConfigError,
    load_config,
)
from sagemaker_runtime.async_inference import DEFAULT_WAIT
from sagemaker_runtime.sync.loop_thread import LoopThread, NotRunError, this_process
from sagemaker_runtime.sync.process_state import ProcessState
from sagemaker_runtime.sync.streams import SyncResponseStream, SyncResponseStreamOutput

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from types import TracebackType
    from typing import Self

    from sagemaker_runtime import (
        AsyncInferenceResult,
        Config,
        InvokeEndpointAsyncInput,
        InvokeEndpointAsyncOutput,
        InvokeEndpointInput,
        InvokeEndpointOutput,
        InvokeEndpointWithBidirectionalStreamInput,
        InvokeEndpointWithResponseStreamInput,
        OptFn,
        Options,
        S3ObjectReader,
        Stack,
    )
    from sagemaker_runtime.sync.duplex import SyncDuplexStream

T = TypeVar("T")
P = ParamSpec("P")

_AT_EXIT = 5.0  # seconds for which the end of the process waits for a client that was not closed


class SyncClient:
    """
    A client for Amazon SageMaker Runtime, for code without ``async``.

    It has the calls, options and errors of `Client`, which does the work in its own event loop, in a thread that the first
    call starts. Any number of threads may share a client. After a fork, the first call in the child starts its own thread
    and opens its own connections. Use it as a context manager, or close it::

        with SyncClient(Options(region="eu-west-1")) as client:
            output = client.invoke_endpoint(
                InvokeEndpointInput(endpoint_name="iris", body=b"5.1,3.5,1.4,0.2")
            )

    A call blocks its thread; a KeyboardInterrupt cancels it. Middleware, credentials providers and other objects in the
    options run in the client's thread, with the context variables of the caller.

    Args:
        options: None for the defaults. The client takes a copy.

        opt_fns: Change the copy, in order.

    Raises:
        ConfigError: The options are invalid.
        StackError: One of the ``api_options`` failed.
    """

    def __init__(self, options: Options | None = None, *opt_fns: OptFn, _client: Client | None = None) -> None:
        self._client = Client(options, *opt_fns) if _client is None else _client
        self._closed = False
        self._states: dict[object, ProcessState] = {}  # by process
        _CLIENTS.add(self)
        finalize(self, _close_soon, self._states).atexit = False

    @classmethod
    def from_config(cls, config: Config, *opt_fns: OptFn) -> Self:
        """
        Create a client from the result of `load_config`. The only I/O is reading the CA bundle, if one is configured.

        Args:
            config: The configuration.

            opt_fns: Change the options in it, in order.

        Raises:
            ConfigError: The options are invalid, or *config* is not a `Config`.
            StackError: One of the ``api_options`` failed.
        """
        return cls(_client=Client.from_config(config, *opt_fns))

    @classmethod
    def load(cls, *opt_fns: OptFn, region: str | None = None, profile: str | None = None) -> Self:
        """
        Create a client from the environment and the shared files; see `load_config`.

        Args:
            opt_fns: Change the options found, in order.

            region: None for the configured one.

            profile: The profile in the shared files; None for the configured one.

        Raises:
            ConfigError: The configuration cannot be read, or is invalid.
        """
        thread = LoopThread(nullcontext(), name="sagemaker-runtime-load")
        try:
            thread.open()
            return cls.from_config(thread.run(load_config, region=region, profile=profile), *opt_fns)
        finally:
            thread.close()

    def invoke_endpoint(self, params: InvokeEndpointInput, *opt_fns: OptFn) -> InvokeEndpointOutput:
        """
        Send a body to the model of an endpoint, and return its response.

        The arguments and errors are those of `Client.invoke_endpoint`.
        """
        return self._run(self._client.invoke_endpoint, params, *opt_fns)

    def invoke_endpoint_async(self, params: InvokeEndpointAsyncInput, *opt_fns: OptFn) -> InvokeEndpointAsyncOutput:
        """
        Queue a body, or an object in S3, for the model of an endpoint. `wait_for_output` fetches the result.

        The arguments and errors are those of `Client.invoke_endpoint_async`.
        """
        return self._run(self._client.invoke_endpoint_async, params, *opt_fns)

    def wait_for_output(
        self,
        output: InvokeEndpointAsyncOutput,
        *opt_fns: OptFn,
        timeout: float | None = DEFAULT_WAIT,
        s3: S3ObjectReader | None = None,
    ) -> AsyncInferenceResult:
        """
        Wait until an asynchronous inference has ended, and return its result. May be called again after a timeout.

        The arguments and errors are those of `Client.wait_for_output`.
        """
        return self._run(self._client.wait_for_output, output, *opt_fns, timeout=timeout, s3=s3)

    def invoke_endpoint_with_response_stream(
        self, params: InvokeEndpointWithResponseStreamInput, *opt_fns: OptFn
    ) -> SyncResponseStreamOutput:
        """
        Send a body to the model of an endpoint, and return its response as a stream.

        The arguments and errors are those of `Client.invoke_endpoint_with_response_stream`. The call returns when the head of
        the response has arrived. Then read ``output.body`` to the end, or close it::

            output = client.invoke_endpoint_with_response_stream(params)
            with output.body as stream:
                for text in stream.iter_text():
                    print(text, end="")
        """
        return self._run(self._open_stream, params, *opt_fns)

    def invoke_endpoint_with_bidirectional_stream(
        self, params: InvokeEndpointWithBidirectionalStreamInput, *opt_fns: OptFn
    ) -> SyncDuplexStream:
        """
        Open a conversation in which both sides send parts. Requires the extra ``http2``.

        The arguments and errors are those of `Client.invoke_endpoint_with_bidirectional_stream`. One thread may send while
        another one reads.
        """
        return self._run(self._open_duplex_stream, params, *opt_fns)

    def run(self, function: Callable[[Client], Coroutine[object, None, T]]) -> T:
        """
        Run your own coroutine function in the client's event loop, and wait for its result.

        Args:
            function: Receives the asynchronous client. It must not block, because all threads with this client would wait.

        Raises:
            ClientClosedError: The client is closed.
            BaseException: Any exception of the function.
        """
        return self._run(function, self._client)

    def stack(self, operation: str) -> Stack:
        """
        Return a copy of an operation's stack, for example to print it: ``print(client.stack("InvokeEndpoint"))``.

        Raises:
            ConfigError: There is no such operation.
        """
        return self._client.stack(operation)

    @property
    def options(self) -> Options:
        """A copy of the client's options."""
        return self._client.options

    def close(self) -> None:
        """
        Close everything that the client opened, and end its thread. Calls in progress end with ClientClosedError.

        An ``http_client`` that you passed stays open. May be called again, and from any thread. In the client's own thread,
        for example in a middleware, it returns without waiting.
        """
        self._closed = True
        state = self._states.get(this_process())
        if state is not None:
            state.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            f"a {type(self).__name__} cannot be copied or pickled; create one in each process, for example at module level"
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__} in {self.options.region}{', closed' if self._closed else ''}>"

    async def _open_stream(
        self, params: InvokeEndpointWithResponseStreamInput, *opt_fns: OptFn
    ) -> SyncResponseStreamOutput:
        # Created in the loop: if an interrupt discards the result, the garbage collector closes the stream.
        output = await self._client.invoke_endpoint_with_response_stream(params, *opt_fns)
        metadata = output.result_metadata
        return SyncResponseStreamOutput(
            body=SyncResponseStream(output.body, self._thread(), metadata, "InvokeEndpointWithResponseStream"),
            content_type=output.content_type,
            invoked_production_variant=output.invoked_production_variant,
            custom_attributes=output.custom_attributes,
            result_metadata=metadata,
        )

    async def _open_duplex_stream(
        self, params: InvokeEndpointWithBidirectionalStreamInput, *opt_fns: OptFn
    ) -> SyncDuplexStream:
        from sagemaker_runtime.sync.duplex import SyncDuplexStream  # few clients have such a call

        opened = await self._client.invoke_endpoint_with_bidirectional_stream(params, *opt_fns)
        return SyncDuplexStream(opened, self._thread())

    def _run(self, function: Callable[P, Coroutine[object, None, T]], *args: P.args, **kwargs: P.kwargs) -> T:
        thread = self._thread()
        try:
            return thread.run(function, *args, **kwargs)
        except (NotRunError, CancelledError):
            if thread.is_current:
                raise ConfigError(
                    "a SyncClient was called in its own event loop, which would wait for itself: in a middleware, and in "
                    "other code that runs there, call next(ctx, step), or await an asynchronous Client"
                ) from None
            if thread.is_open:  # code in the call raised it
                raise
            raise ClientClosedError("the client is closed; make a new one") from None

    def _thread(self) -> LoopThread:
        """The thread of this process; started at the first call."""
        state = self._states.get(this_process())
        if state is not None and state.thread is not None:
            return state.thread
        # One state, with its lock, per process: a lock that is held during a fork is never released in the child.
        state = self._states.setdefault(this_process(), ProcessState())
        with state.lock:
            if state.thread is None and not self._closed:
                state.open(self._client)
            if state.thread is not None and not self._closed:
                return state.thread
        state.close()  # perhaps a signal handler closed the client while the thread was being started
        raise ClientClosedError("the client is closed; make a new one")


_CLIENTS: WeakSet[SyncClient] = WeakSet()


def _close_soon(states: dict[object, ProcessState]) -> None:
    """Begin to close a client that was garbage-collected, in any thread."""
    state = states.get(this_process())
    if state is not None and state.thread is not None:
        state.thread.close_soon()


@atexit.register
def _close_all() -> None:
    """Close all clients at exit: a thread that still runs its loop could crash the interpreter."""
    for client in list(_CLIENTS):
        state = client._states.get(this_process())  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - of this module
        if state is not None and state.thread is not None:
            state.thread.close_at_exit(_AT_EXIT)
