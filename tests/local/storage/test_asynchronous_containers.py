"""Answers of containers that the service takes for a synchronous call, and refuses for an asynchronous inference."""

from __future__ import annotations

import asyncio
import time

import pytest
from both_clients import Client
from local.backends.containers import holding, responding
from support import StillClock

from sagemaker_runtime import (
    AsyncInferenceError,
    InvokeEndpointAsyncInput,
    InvokeEndpointInput,
    ModelError,
    NopRetryer,
    override,
)
from sagemaker_runtime.local import Answer, Backend, Container, Invocation, LocalEndpoint, Sessions, Variants

pytestmark = pytest.mark.twice

NO_LENGTH = "The response from container primary did not specify the required Content-Length header"
LONG = "Response received from the primary container has headers with length greater than 4096 bytes."
PARAMS = InvokeEndpointAsyncInput(endpoint_name="it", body=b"body")


async def outcome(backend: Backend) -> str:
    """What comes of an asynchronous inference: the body or the failure's text."""
    async with (
        LocalEndpoint({"it": backend}) as local,
        Client(local.options(), override(retryer=NopRetryer(), clock=StillClock(time.time()))) as client,
    ):
        queued = await client.invoke_endpoint_async(PARAMS)
        try:
            return (await client.wait_for_output(queued)).body.decode()
        except AsyncInferenceError as error:
            return error.message


def answer(headers: bytes, body: bytes, version: bytes = b"1.1", status: bytes = b"200 OK") -> bytes:
    return b"HTTP/" + version + b" " + status + b"\r\n" + headers + b"\r\n" + body


def of_size(size: int) -> bytes:
    """Headers that have so many bytes with their line ends; the Content-Length is 2."""
    length = b"Content-Length: 2\r\n"
    return length + b"X-Debug: " + b"x" * (size - len(length) - len(b"X-Debug: \r\n")) + b"\r\n"


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (answer(b"Content-Length: 2\r\n", b"ok"), "ok"),
        (answer(b"Transfer-Encoding: chunked\r\n", b"2\r\nok\r\n0\r\n\r\n"), NO_LENGTH),
        (answer(b"Content-Type: text/plain\r\nConnection: close\r\n", b"ok"), NO_LENGTH),
        (answer(b"", b"ok", version=b"1.0"), NO_LENGTH),
        (answer(b"", b"", status=b"204 No Content"), NO_LENGTH),
        (answer(of_size(4_096), b"ok"), "ok"),
        (answer(of_size(4_097), b"ok"), LONG),
        (answer(b"".join(b"X-%d: %s\r\n" % (n, b"y" * 90) for n in range(50)) + of_size(40), b"ok"), LONG),
        (answer(b"X-Word: " + "\u00e9".encode() * 2_040 + b"\r\n" + of_size(40), b"ok"), LONG),
        (answer(b"Transfer-Encoding: chunked\r\n", b"2\r\nno\r\n0\r\n\r\n", status=b"500 Oh"), "server error (500)"),
    ],
    ids=["length", "chunks", "until closed", "HTTP/1.0", "204", "4096", "4097", "many", "not ASCII", "error"],
)
async def test_an_answer_must_have_a_length_and_short_headers(written: bytes, expected: str) -> None:
    """A container that streams works as a synchronous endpoint, and fails when it is deployed as an asynchronous one."""
    async with responding(written) as url:
        for backend in (Container(url), Variants({"only": (Container(url), 1)}), Sessions(Container(url))):
            assert expected in await outcome(backend)


@pytest.mark.parametrize("member", ["content_type", "custom_attributes", "new_session_id", "closed_session_id"])
async def test_a_function_has_the_headers_of_the_container_that_it_stands_for(member: str) -> None:
    """Or it would pass for what no container can say."""
    sizes: list[int] = []

    def model(_: Invocation) -> Answer:
        members = {"content_type": "t", member: "x" * sizes[-1]}
        return Answer(body=iter([b"o", b"k"]), **members)

    async with LocalEndpoint({"it": model}) as local, Client(local.options()) as client:
        for size, expected in ((4_000, "ok"), (4_200, LONG)):
            sizes.append(size)
            queued = await client.invoke_endpoint_async(PARAMS)
            try:
                found = (await client.wait_for_output(queued, timeout=10)).body.decode()
            except AsyncInferenceError as error:
                found = error.message
            assert expected in found


async def test_other_calls_take_such_an_answer() -> None:
    """The limits are those of asynchronous inference; a real-time endpoint streams."""
    written = answer(b"Transfer-Encoding: chunked\r\nX-Debug: " + b"x" * 5_000 + b"\r\n", b"2\r\nok\r\n0\r\n\r\n")
    async with (
        responding(written) as url,
        LocalEndpoint({"it": Container(url)}) as local,
        Client(local.options()) as client,
    ):
        assert b"ok" == (await client.invoke_endpoint(InvokeEndpointInput(endpoint_name="it", body=b""))).body


async def test_an_answer_that_is_refused_is_not_waited_for() -> None:
    """Its head says enough, and its body may never end: the connection to the container is closed at once."""
    left = asyncio.Event()
    async with (
        holding(answer(b"Transfer-Encoding: chunked\r\n", b"2\r\nok\r\n"), left) as url,
        LocalEndpoint({"it": Container(url)}) as local,
        Client(local.options()) as client,
    ):
        await client.invoke_endpoint_async(PARAMS)
        async with asyncio.timeout(10):
            await left.wait()


async def test_the_pieces_of_a_refused_answer_are_closed() -> None:
    """Of a function's too, in whatever way it gives them: a file would stay open."""
    closed: list[str] = []

    class Pieces:
        def __iter__(self) -> Pieces:
            return self

        def __next__(self) -> bytes:
            return b"piece"

        def close(self) -> None:
            closed.append("plain")

    def model(_: Invocation) -> Answer:
        return Answer(body=Pieces(), custom_attributes="x" * 5_000)

    async with LocalEndpoint({"it": model}) as local, Client(local.options()) as client:
        queued = await client.invoke_endpoint_async(PARAMS)
        with pytest.raises(AsyncInferenceError, match="headers with length greater than 4096 bytes"):
            await client.wait_for_output(queued, timeout=10)

    assert ["plain"] == closed


async def test_a_model_error_says_nothing_of_headers() -> None:
    """Here the status comes first, as the caller of the other operations sees it."""
    async with responding(answer(of_size(5_000), b"no", status=b"500 Oh")) as url:
        async with (
            LocalEndpoint({"it": Container(url)}) as local,
            Client(local.options(), override(retryer=NopRetryer())) as client,
        ):
            with pytest.raises(ModelError, match="no"):
                await client.invoke_endpoint(InvokeEndpointInput(endpoint_name="it", body=b""))
        assert "server error (500)" in await outcome(Container(url))
