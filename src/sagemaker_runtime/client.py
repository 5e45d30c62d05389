"""`Client`: compiles a stack for each operation, and sends each call through it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Never, TypeVar

from sagemaker_runtime.async_inference import DEFAULT_WAIT
from sagemaker_runtime.asyncio_only import asyncio_only
from sagemaker_runtime.call import by_input_alone, call
from sagemaker_runtime.clock_skew import ClockSkew
from sagemaker_runtime.errors import ClientClosedError, ConfigError
from sagemaker_runtime.forking import finish_imports
from sagemaker_runtime.operations import OPERATIONS, base
from sagemaker_runtime.operations.base import OperationInput, OperationOutput
from sagemaker_runtime.operations.invoke_endpoint import INVOKE_ENDPOINT
from sagemaker_runtime.options import Options
from sagemaker_runtime.overrides import changed_by
from sagemaker_runtime.plans import Plans

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from types import TracebackType
    from typing import Self

    from sagemaker_runtime.async_inference.s3 import S3Client, S3ObjectReader
    from sagemaker_runtime.async_inference.waiting import AsyncInferenceResult
    from sagemaker_runtime.config import Config
    from sagemaker_runtime.context import Context
    from sagemaker_runtime.middleware.stack import Stack
    from sagemaker_runtime.middleware.steps import InitializeHandler
    from sagemaker_runtime.operations.base import Operation
    from sagemaker_runtime.operations.invoke_endpoint import InvokeEndpointInput, InvokeEndpointOutput
    from sagemaker_runtime.operations.invoke_endpoint_async import InvokeEndpointAsyncInput, InvokeEndpointAsyncOutput
    from sagemaker_runtime.operations.invoke_endpoint_with_bidirectional_stream import (
        InvokeEndpointWithBidirectionalStreamInput,
    )
    from sagemaker_runtime.operations.invoke_endpoint_with_response_stream import (
        InvokeEndpointWithResponseStreamInput,
        InvokeEndpointWithResponseStreamOutput,
    )
    from sagemaker_runtime.options import OptFn
    from sagemaker_runtime.streams.duplex_stream import DuplexStream
    from sagemaker_runtime.transport import HTTPClient

In = TypeVar("In", bound=OperationInput)
Out = TypeVar("Out", bound=OperationOutput)


class Client:
    """
    An asyncio client for Amazon SageMaker Runtime.

    One client serves any number of tasks in one thread, and several event loops one after another. After a fork, use it in
    a new event loop. Use it as an async context manager, or close it::

        async with Client(Options(region="eu-west-1")) as client:
            output = await client.invoke_endpoint(
                InvokeEndpointInput(endpoint_name="iris", body=b"5.1,3.5,1.4,0.2")
            )

    Creating a client does no I/O. If there are ``api_options``, the stack of each operation is built and checked, so that a
    mistake in them raises an error here.

    Args:
        options: None for the defaults. The client takes a copy.

        opt_fns: Change the copy, in order.

    Raises:
        ConfigError: The options are invalid.
        StackError: One of the ``api_options`` failed.
    """

    def __init__(self, options: Options | None = None, *opt_fns: OptFn, _ca_bundle: str | None = None) -> None:
        options = Options() if options is None else options
        if not isinstance(options, Options):  # pyright: ignore[reportUnnecessaryIsInstance] - not every caller is checked
            from sagemaker_runtime.mistakes import not_options

            raise not_options(options)
        self._options = changed_by(opt_fns, options, settled=False)
        self._closed = False
        self._owns_http_client = self._options.http_client is None
        self._http_client = (
            _default_http_client(_ca_bundle) if self._options.http_client is None else self._options.http_client
        )
        self._skew = ClockSkew()
        self._plans = Plans(self._options, self._http_client, self._skew, _ca_bundle)
        # Only api_options can make a stack fail; without them, the other stacks are built at the operations' first calls.
        for name in OPERATIONS if self._options.api_options else OPERATIONS[:1]:
            self._plans.plan(name)
        self._s3: S3Client | None = None

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
        from sagemaker_runtime.config import Config  # a caller with a Config has already imported it

        if not isinstance(config, Config):  # pyright: ignore[reportUnnecessaryIsInstance] - not every caller is checked
            from sagemaker_runtime.mistakes import not_config

            raise not_config(config)
        return cls(config.options(), *opt_fns, _ca_bundle=config.ca_bundle)

    @classmethod
    async def load(cls, *opt_fns: OptFn, region: str | None = None, profile: str | None = None) -> Self:
        """
        Create a client from the environment and the shared files: `load_config` and `from_config` in one call.

        Args:
            opt_fns: Change the options found, in order.

            region: None for the configured one.

            profile: The profile in the shared files; None for the configured one.

        Raises:
            ConfigError: The configuration cannot be read, or is invalid.
        """
        from sagemaker_runtime.config import load_config  # not needed by a client created from Options

        return cls.from_config(await load_config(region=region, profile=profile), *opt_fns)

    @by_input_alone
    async def invoke_endpoint(
        self, params: InvokeEndpointInput, *opt_fns: OptFn, **members: Never
    ) -> InvokeEndpointOutput:
        """
        Send a body to the model of an endpoint, and return its response.

        Args:
            params: The endpoint, the body and the other members.

            opt_fns: Change the options for this call: ``override(timeout=Timeout(total=5))``.

            members: Not supported; boto3's keyword arguments are members of *params*.

        Raises:
            InvalidParamsError: The input violates the API model; nothing was sent.
            ModelError: The model's container failed.
            ModelNotReadyException: The model was still being loaded when the retryer gave up.
            ServiceError: Any other error of the service.
            TransportError: The HTTP exchange failed.
            TotalTimeoutError: ``Timeout.total`` has expired.
            SageMakerRuntimeError: The base of these and all other errors.
        """
        return await self._call(INVOKE_ENDPOINT, params, opt_fns, members)

    @by_input_alone
    async def invoke_endpoint_async(
        self, params: InvokeEndpointAsyncInput, *opt_fns: OptFn, **members: Never
    ) -> InvokeEndpointAsyncOutput:
        """
        Queue a body, or an object in S3, for the model of an endpoint. `wait_for_output` fetches the result.

        Args:
            params: The endpoint, the body or its location in S3, and the other members.

            opt_fns: Change the options for this call.

            members: Not supported.

        Raises:
            InvalidParamsError: The input violates the API model; nothing was sent.
            ServiceError: The service refused the request.
            TransportError: The HTTP exchange failed.
            TotalTimeoutError: ``Timeout.total`` has expired.
            SageMakerRuntimeError: The base of these and all other errors.
        """
        from sagemaker_runtime.operations.invoke_endpoint_async import INVOKE_ENDPOINT_ASYNC

        return await self._call(INVOKE_ENDPOINT_ASYNC, params, opt_fns, members)

    async def wait_for_output(
        self,
        output: InvokeEndpointAsyncOutput,
        *opt_fns: OptFn,
        timeout: float | None = DEFAULT_WAIT,
        s3: S3ObjectReader | None = None,
    ) -> AsyncInferenceResult:
        """
        Wait until an asynchronous inference has ended, and return its result. May be called again after a timeout.

        Args:
            output: The output of `invoke_endpoint_async`, or one that you create from saved locations.

            opt_fns: Change the options for this wait: ``override(s3_endpoint_url="http://localhost:9000")``.

            timeout: Seconds to wait, by default an hour. 0 checks once; None waits without a limit.

            s3: Reads the objects. None for an `S3Client` with the credentials, region, transport and
                ``s3_endpoint_url`` of the options.

        Raises:
            AsyncInferenceError: The inference failed.
            WaitTimeoutError: There was no result in time; the inference may still be running.
            ServiceError: S3 refused the request, and would refuse it again.
            ConfigError: The output has no valid S3 location, or the options are invalid.
            SageMakerRuntimeError: The base of these and all other errors.
        """
        from sagemaker_runtime.async_inference.waiting import wait_for_output  # few clients need it and S3

        if self._closed:
            raise ClientClosedError("the client is closed; make a new one")
        if output.output_location is None:
            raise ConfigError(
                "the output has no output_location; the service sends one for every inference that it accepts"
            )
        options = changed_by(opt_fns, self._options) if opt_fns else self._options
        return await wait_for_output(
            output.output_location,
            output.failure_location,
            s3=self._s3_client(options) if s3 is None else s3,
            clock=options.clock,
            timeout=timeout,
        )

    @by_input_alone
    async def invoke_endpoint_with_response_stream(
        self, params: InvokeEndpointWithResponseStreamInput, *opt_fns: OptFn, **members: Never
    ) -> InvokeEndpointWithResponseStreamOutput:
        """
        Send a body to the model of an endpoint, and return its response as a stream.

        The call returns when the head of the response has arrived. Then read ``output.body`` to the end, or close it::

            output = await client.invoke_endpoint_with_response_stream(params)
            async with output.body as stream:
                async for text in stream.iter_text():
                    print(text, end="")

        ``Timeout.total`` applies until the head has arrived; after that, ``Timeout.read`` limits each wait for the next
        bytes, and nothing is retried.

        Args:
            params: The endpoint, the body and the other members.

            opt_fns: Change the options for this call.

            members: Not supported.

        Raises:
            InvalidParamsError: The input violates the API model; nothing was sent.
            ModelError: The model's container failed before the first part. Later, reading raises `ModelStreamError`.
            ServiceError: Any other error of the service.
            TransportError: The HTTP exchange failed.
            TotalTimeoutError: ``Timeout.total`` has expired.
            SageMakerRuntimeError: The base of these and all other errors.
        """
        from sagemaker_runtime.operations.invoke_endpoint_with_response_stream import (
            INVOKE_ENDPOINT_WITH_RESPONSE_STREAM,
        )

        return await self._call(INVOKE_ENDPOINT_WITH_RESPONSE_STREAM, params, opt_fns, members)

    @by_input_alone
    async def invoke_endpoint_with_bidirectional_stream(
        self, params: InvokeEndpointWithBidirectionalStreamInput, *opt_fns: OptFn, **members: Never
    ) -> DuplexStream:
        """
        Open a conversation with the model of an endpoint, in which both sides send parts. Requires the extra ``http2``.

        The call returns once the request has begun, which may be long before the model responds::

            async with await client.invoke_endpoint_with_bidirectional_stream(params) as stream:
                await stream.send("Hello")
                async for part in stream:
                    print(part.text)

        Args:
            params: The endpoint, and the path of the model.

            opt_fns: Change the options for this call: ``override(replay_buffer=0)``.

            members: Not supported.

        Raises:
            InvalidParamsError: The input violates the API model; nothing was sent.
            ConnectError: There was no connection.
            SageMakerRuntimeError: The base of these and all other errors. Later errors are raised by the stream.
        """
        from sagemaker_runtime.duplex_call import open_stream
        from sagemaker_runtime.operations.invoke_endpoint_with_bidirectional_stream import (
            INVOKE_ENDPOINT_WITH_BIDIRECTIONAL_STREAM as OPERATION,
        )

        return await open_stream(OPERATION, *self._begin(OPERATION, opt_fns, members), params)

    def stack(self, operation: str) -> Stack:
        """
        Return a copy of an operation's stack, for example to print it: ``print(client.stack("InvokeEndpoint"))``.

        Raises:
            ConfigError: There is no such operation.
        """
        return self._plans.plan(operation).stack.copy()

    def s3_client(self, *opt_fns: OptFn) -> S3Client:
        """
        Create an `S3Client` with the credentials, region, transport and ``s3_endpoint_url`` of this client.

        It can be used as long as this client is open.

        Args:
            opt_fns: Change the options for it. Without any, further calls return the same `S3Client`.

        Raises:
            ConfigError: There is no region, or the options are invalid.
        """
        return self._s3_client(changed_by(opt_fns, self._options) if opt_fns else self._options)

    @property
    def options(self) -> Options:
        """A copy of the client's options."""
        return self._options.copy()

    @asyncio_only
    async def close(self) -> None:
        """Close everything that the client opened. An ``http_client`` that you passed stays open. May be called again."""
        self._closed = True
        if self._owns_http_client:
            await self._http_client.close()
        await self._plans.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"<Client for {base.SERVICE_ID} in {self._options.region}{', closed' if self._closed else ''}>"

    def _s3_client(self, options: Options) -> S3Client:
        if self._s3 is not None and options is self._options:
            return self._s3
        from sagemaker_runtime.async_inference.clients import s3_client_of

        made = s3_client_of(options, self._http_client, self._skew)
        if options is self._options:
            self._s3 = made  # it caches the regions of buckets
        return made

    def _call(
        self, operation: Operation[In, Out], params: In, opt_fns: tuple[OptFn, ...], members: dict[str, Never]
    ) -> Coroutine[None, None, Out]:
        return call(operation, *self._begin(operation, opt_fns, members), params)

    def _begin(
        self, operation: Operation[In, Out], opt_fns: tuple[OptFn, ...], members: dict[str, Never]
    ) -> tuple[InitializeHandler, Context]:
        if members:
            from sagemaker_runtime.mistakes import members_given

            raise members_given(operation, {**members})
        if self._closed:
            raise ClientClosedError("the client is closed; make a new one")
        return self._plans.begin(operation.name, opt_fns)


def _default_http_client(ca_bundle: str | None) -> HTTPClient:
    from sagemaker_runtime.transport.aiohttp.client import AioHTTPClient  # takes 5 ms, and not every client needs it

    return AioHTTPClient(ca_bundle=ca_bundle)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=finish_imports)
