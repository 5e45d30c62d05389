"""Bodies: all that holds bytes is sent, and of anything else the error says what to write instead."""

from __future__ import annotations

import array
import asyncio
import io
import json
from pathlib import Path
from typing import Any

import pytest
from support import ScriptedHTTPClient, client

from sagemaker_runtime import (
    BuildHandler,
    BuildInput,
    Client,
    ConfigError,
    Context,
    FinalizeHandler,
    FinalizeInput,
    InvalidParamsError,
    InvokeEndpointAsyncInput,
    InvokeEndpointInput,
    InvokeEndpointWithResponseStreamInput,
    Output,
    Stack,
    build_middleware,
    finalize_middleware,
    with_api_options,
)
from sagemaker_runtime.local import LocalEndpoint


class Binary(bytes):
    """As `numpy.bytes_` and `bson.Binary` are; this one is not to be asked for its bytes."""

    def __bytes__(self) -> bytes:
        return b"something else"

    def __len__(self) -> int:
        return 99


class Buffer(bytearray):
    """A class of somebody's own."""


BODIES = {
    "bytes": lambda: b"1,2,3,4,",
    "a subclass of bytes": lambda: Binary(b"1,2,3,4,"),
    "a bytearray": lambda: bytearray(b"1,2,3,4,"),
    "a subclass of bytearray": lambda: Buffer(b"1,2,3,4,"),
    "a memoryview": lambda: memoryview(b"1,2,3,4,"),
    "a memoryview of what may change": lambda: memoryview(bytearray(b"1,2,3,4,")),
    "every other byte": lambda: memoryview(b"1.,.2.,.3.,.4.,.")[::2],
    "numbers of four bytes": lambda: memoryview(b"1,2,3,4,").cast("I"),
    "two dimensions": lambda: memoryview(b"1,2,3,4,").cast("B", (2, 4)),
}


@pytest.fixture
async def local() -> Any:
    async with LocalEndpoint({"echo": lambda invocation: invocation.body}) as endpoint:
        yield endpoint


@pytest.mark.parametrize("kind", BODIES)
async def test_whatever_holds_bytes_is_sent_by_every_operation(local: LocalEndpoint, kind: str) -> None:
    """The checkers take it, and it needs no copy by the caller; its length is that of its bytes and not of its items."""
    async with Client(local.options()) as caller:
        whole = await caller.invoke_endpoint(InvokeEndpointInput(endpoint_name="echo", body=BODIES[kind]()))
        streamed = await caller.invoke_endpoint_with_response_stream(
            InvokeEndpointWithResponseStreamInput(endpoint_name="echo", body=BODIES[kind]())
        )
        async with streamed.body as stream:
            parts = b"".join([part async for part in stream.iter_bytes()])
        queued = await caller.invoke_endpoint_async(InvokeEndpointAsyncInput(endpoint_name="echo", body=BODIES[kind]()))
        result = await caller.wait_for_output(queued)

    assert [b"1,2,3,4,"] * 3 == [whole.body, parts, result.body]


@pytest.mark.parametrize("kind", BODIES)
async def test_a_middleware_may_set_whatever_holds_bytes(local: LocalEndpoint, kind: str) -> None:
    """What encodes bodies, such as a compressor, has its result in a bytearray; the length and the hash are of its bytes."""

    @build_middleware("Encode")
    async def encode(ctx: Context, step: BuildInput, next: BuildHandler) -> Output:
        step.request.body = BODIES[kind]()
        return await next(ctx, step)

    for place in ("ClientRequestID", "ComputePayloadHash"):

        def add(stack: Stack, place: str = place) -> None:
            stack.build.insert(encode, before=place)

        async with Client(local.options()) as caller:
            if place == "ComputePayloadHash":  # the length is known by then
                params = InvokeEndpointInput(endpoint_name="echo", body=b"8,7,6,5,")
            else:
                params = InvokeEndpointInput(endpoint_name="echo", body=b"")
            output = await caller.invoke_endpoint(params, with_api_options(add))

        assert b"1,2,3,4," == output.body


async def test_the_same_bytes_in_another_object_are_sent_from_below_the_signature(local: LocalEndpoint) -> None:
    """They are what was signed."""

    @finalize_middleware("Wrap")
    async def wrap(ctx: Context, step: FinalizeInput, next: FinalizeHandler) -> Output:
        step.request.body = bytearray(step.request.body)  # type: ignore[assignment]
        return await next(ctx, step)

    async with Client(local.options()) as caller:
        output = await caller.invoke_endpoint(
            InvokeEndpointInput(endpoint_name="echo", body=b"1,2"),
            with_api_options(lambda stack: stack.finalize.add(wrap)),
        )

    assert b"1,2" == output.body


@pytest.mark.parametrize("size", [8, 1_000_000])
async def test_what_changes_during_the_call_is_sent_as_it_was(local: LocalEndpoint, size: int) -> None:
    """A buffer that is filled again at once must not break the signature, nor send another body at the second attempt."""
    buffer = bytearray(b"x" * size)
    local.fail("echo", call=1)

    async with Client(local.options()) as caller:
        task = asyncio.create_task(caller.invoke_endpoint(InvokeEndpointInput(endpoint_name="echo", body=buffer)))
        await asyncio.sleep(0)
        buffer[:] = b"y" * (size + 1)  # which a buffer in use by a view would refuse
        output = await task

    assert b"x" * size == output.body


async def test_a_memoryview_that_was_released_is_refused() -> None:
    """Python's own error would name neither the body nor the call."""
    view = memoryview(b"1,2")
    view.release()

    async with client() as caller:
        with pytest.raises(ConfigError, match="the request's body is a memoryview that was released"):
            await caller.invoke_endpoint(InvokeEndpointInput(endpoint_name="iris", body=view))
    assert "InvokeEndpointInput(endpoint_name='iris', body=<0 bytes>)" == repr(
        InvokeEndpointInput(endpoint_name="iris", body=view)
    )


@pytest.mark.parametrize("kind", BODIES)
def test_the_repr_of_an_input_shows_the_number_of_bytes_only(kind: str) -> None:
    """A repr ends up in logs, and a body is the user's."""
    shown = repr(InvokeEndpointInput(endpoint_name="iris", body=BODIES[kind]()))

    assert "InvokeEndpointInput(endpoint_name='iris', body=<8 bytes>)" == shown


class Tensor:
    """As NumPy's arrays, pandas' frames and torch's tensors are."""

    def __array__(self) -> object:
        return self


class Upload:
    """As the uploads of web frameworks are."""

    async def read(self) -> bytes:
        return b""


async def lines() -> Any:
    yield b""


NO_BODIES = {
    "text": (lambda: "1,2", "str; it takes bytes; encode it first, as in text.encode()"),
    "a path": (lambda: Path("iris.csv"), r"\w+Path; it takes bytes; read the file first, as in path.read_bytes()"),
    "a file": (
        lambda: io.BytesIO(b"1,2"),
        r"BytesIO; it takes bytes; read it first, as in file.read\(\), of a file opened",
    ),
    "a file of text": (
        lambda: io.StringIO("1,2"),
        r"StringIO; it takes bytes; read it first, as in file.read\(\), of a",
    ),
    "an upload": (Upload, r"Upload; it takes bytes; read it first, as in await file.read\(\)"),
    "a coroutine": (Upload().read, "coroutine; it takes bytes; await it first: body=await"),
    "a dict": (
        lambda: {"a": 1},
        r"dict; it takes bytes; encode it first, as in json.dumps\(value\).encode\(\) with cont",
    ),
    "a list": (lambda: [1, 2], r"list; it takes bytes; encode it first, as in json.dumps\(value\).encode\(\)"),
    "a number": (lambda: 5.1, r"float; it takes bytes; encode it first, as in json.dumps\(value\).encode\(\)"),
    "an array": (lambda: array.array("d", [5.1]), r"array; it takes bytes; encode it first: array.tobytes\(\)"),
    "a tensor": (Tensor, r"Tensor; it takes bytes; encode it first: array.tobytes\(\) for the raw numbers"),
    "pieces": (
        lambda: iter([b"1", b"2"]),
        r'list_iterator; it takes bytes; .*join the pieces first, as in b"".join\(pi',
    ),
    "a generator": (
        lambda: (piece for piece in [b"1", b"2"]),
        "generator; it takes bytes; .*join the pieces first",
    ),
    "pieces to await": (lines, "async_generator; it takes bytes; .*join the pieces first"),
    "an object": (object, "object; it takes bytes; encode it first, as the model's content_type says"),
}


@pytest.mark.parametrize("kind", NO_BODIES)
@pytest.mark.parametrize(
    "input_type", [InvokeEndpointInput, InvokeEndpointAsyncInput, InvokeEndpointWithResponseStreamInput]
)
async def test_of_what_holds_no_bytes_the_error_says_how_to_get_them(input_type: Any, kind: str) -> None:
    """boto3 takes a file and text too, so they come first to mind."""
    make, text = NO_BODIES[kind]
    http_client = ScriptedHTTPClient()
    async with client(http_client) as caller:
        method = {
            InvokeEndpointInput: caller.invoke_endpoint,
            InvokeEndpointAsyncInput: caller.invoke_endpoint_async,
            InvokeEndpointWithResponseStreamInput: caller.invoke_endpoint_with_response_stream,
        }[input_type]
        with pytest.raises(InvalidParamsError, match=f"body is of type {text}"):
            await method(input_type(endpoint_name="iris", body=make()))

    assert [] == http_client.requests


async def test_what_a_middleware_sets_in_its_place_is_refused_with_the_same_advice() -> None:
    """It is found in the next middleware, and not in the transport."""

    @build_middleware("Encode")
    async def encode(ctx: Context, step: BuildInput, next: BuildHandler) -> Output:
        step.request.body = json.dumps([1])  # type: ignore[assignment]
        return await next(ctx, step)

    async with client(api_options=[lambda stack: stack.build.insert(encode, before="ComputeContentLength")]) as caller:
        with pytest.raises(
            ConfigError, match=r"the request's body is of type str; .*; encode it first, as in text.enc"
        ):
            await caller.invoke_endpoint(InvokeEndpointInput(endpoint_name="iris", body=b"1,2"))


def test_two_inputs_are_equal_by_their_bytes() -> None:
    """As they were when all bodies were of one class."""
    one, two = (InvokeEndpointInput(endpoint_name="iris", body=body) for body in (b"1", bytearray(b"1")))

    assert one == two
