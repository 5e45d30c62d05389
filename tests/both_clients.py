"""
`Client` for tests that run twice: with the asynchronous client, and with `SyncClient` behind the same interface.

A module takes `Client` from here, and marks its tests as ``twice``. Tests of the event loop itself, such as those that
cancel a call, are marked as ``async_only`` with a reason, and run once.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

import sagemaker_runtime
from sagemaker_runtime import InvokeEndpointAsyncOutput, InvokeEndpointWithResponseStreamOutput, override
from sagemaker_runtime.async_inference import DEFAULT_WAIT, waiting
from sagemaker_runtime.sync import SyncClient, SyncResponseStream

SYNC = False  # whether the test that runs now is one of the second time; set by the fixture `client_kind`

_END = object()


def Client(options=None, *opt_fns):  # noqa: N802 - stands for the class of this name
    return SyncInThreads(SyncClient(options, *opt_fns)) if SYNC else sagemaker_runtime.Client(options, *opt_fns)


async def wait_for_output(output_location, failure_location, *, s3, clock, timeout=DEFAULT_WAIT):
    """That of the package, or of a `SyncClient`."""
    if not SYNC:
        return await waiting.wait_for_output(output_location, failure_location, s3=s3, clock=clock, timeout=timeout)
    output = InvokeEndpointAsyncOutput(output_location=output_location, failure_location=failure_location)
    async with Client(None, override(region="us-east-1", clock=clock)) as client:
        return await client.wait_for_output(output, s3=s3, timeout=timeout)


class SyncInThreads:
    """A `SyncClient` with the interface of a `Client`: each call blocks a thread of its own, and not the test's loop."""

    def __init__(self, client: SyncClient) -> None:
        self._client = client
        self._threads = ThreadPoolExecutor(64, thread_name_prefix="calls of a test")

    async def invoke_endpoint(self, *args, **kwargs):
        return await self._run(self._client.invoke_endpoint, *args, **kwargs)

    async def invoke_endpoint_async(self, *args, **kwargs):
        return await self._run(self._client.invoke_endpoint_async, *args, **kwargs)

    async def wait_for_output(self, *args, **kwargs):
        return await self._run(self._client.wait_for_output, *args, **kwargs)

    async def invoke_endpoint_with_response_stream(self, *args, **kwargs):
        output = await self._run(self._client.invoke_endpoint_with_response_stream, *args, **kwargs)
        return InvokeEndpointWithResponseStreamOutput(
            body=StreamInThreads(output.body, self._run),
            content_type=output.content_type,
            invoked_production_variant=output.invoked_production_variant,
            custom_attributes=output.custom_attributes,
            result_metadata=output.result_metadata,
        )

    def stack(self, operation):
        return self._client.stack(operation)

    @property
    def options(self):
        return self._client.options

    async def close(self):
        await self._run(self._client.close)
        self._threads.shutdown()

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        await self.close()

    async def _run(self, function, *args, **kwargs):
        context = copy_context()
        return await asyncio.get_running_loop().run_in_executor(
            self._threads, lambda: context.run(function, *args, **kwargs)
        )


class StreamInThreads:
    """A `SyncResponseStream` with the interface of a `ResponseStream`."""

    def __init__(self, stream: SyncResponseStream, run: Callable) -> None:
        self._stream = stream
        self._run = run

    @property
    def ended(self):
        return self._stream.ended

    @property
    def bytes_received(self):
        return self._stream.bytes_received

    def __aiter__(self) -> AsyncIterator:
        iter(self._stream)
        return self

    async def __anext__(self):
        event = await self._run(next, self._stream, _END)
        if event is _END:
            raise StopAsyncIteration
        return event

    def iter_bytes(self):
        return self._each(self._stream.iter_bytes())

    def iter_text(self, *args, **kwargs):
        return self._each(self._stream.iter_text(*args, **kwargs))

    def iter_lines(self, *args, **kwargs):
        return self._each(self._stream.iter_lines(*args, **kwargs))

    def iter_server_sent_events(self, **kwargs):
        return self._each(self._stream.iter_server_sent_events(**kwargs))

    def iter_json_lines(self, **kwargs):
        return self._each(self._stream.iter_json_lines(**kwargs))

    async def aclose(self):
        await self._run(self._stream.close)

    def close(self):
        self._stream.close()

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        await self.aclose()

    def __repr__(self):
        return repr(self._stream)

    async def _each(self, generator: Generator) -> AsyncGenerator:
        try:
            while (item := await self._run(next, generator, _END)) is not _END:
                yield item
        finally:
            await self._run(generator.close)
