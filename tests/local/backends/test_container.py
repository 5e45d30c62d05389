"""A container behind the endpoint: a server over real sockets, as users bring them."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from aiohttp import web
from both_clients import Client
from local.backends.containers import ONCE, client_of, echo, holding, invoke, responding, served
from support import ManualClock

from sagemaker_runtime import (
    BuildHandler,
    BuildInput,
    Context,
    InvokeEndpointInput,
    InvokeEndpointOutput,
    InvokeEndpointWithResponseStreamInput,
    ModelError,
    ModelStreamError,
    Output,
    PayloadPart,
    ValidationError,
    build_middleware,
    with_api_options,
)
from sagemaker_runtime.local import Container, LocalEndpoint, Sessions

pytestmark = pytest.mark.twice

TIMED_OUT = "Your invocation timed out while waiting for a response from container primary"


STREAMED = InvokeEndpointWithResponseStreamInput(endpoint_name="it", body=b"body", accept="text/event-stream")


async def test_a_container_sees_what_the_platform_lets_through_and_nothing_else() -> None:
    """A model that works here because of a header that the platform strips would fail there; a signature is not its affair."""
    seen: list[tuple[dict[str, str], bytes]] = []

    async def note(request: web.Request) -> web.Response:
        seen.append(({name.lower(): value for name, value in request.headers.items()}, await request.read()))
        return web.Response(
            body=b"\x00\xff",
            headers={
                "Content-Type": "image/png",
                "X-Amzn-SageMaker-Custom-Attributes": "from: the container",
                "X-Amzn-SageMaker-New-Session-Id": "s1; Expires=2027-01-01T00:00:00Z",
                "X-Amzn-SageMaker-Closed-Session-Id": "s0",
            },
        )

    @build_middleware("Others")
    async def others(ctx: Context, step: BuildInput, next: BuildHandler) -> Output:
        step.request.headers["X-Amzn-SageMaker-Adapter-Identifier"] = "lora-1"
        step.request.headers["X-Tenant"] = "acme"
        return await next(ctx, step)

    members = {
        "content_type": "application/x-npy",
        "accept": "image/png",
        "custom_attributes": "to: the container",
        "target_model": "model a.tar.gz",
        "target_variant": "blue",
        "target_container_hostname": "second",
        "inference_id": "id 1",
        "enable_explanations": "`true`",
        "inference_component_name": "component-1",
        "session_id": "NEW_SESSION",
        "prefix_aware_id": "prompt 7",
    }

    async with served(note) as url, client_of(Container(url)) as client:
        output = await client.invoke_endpoint(
            InvokeEndpointInput(endpoint_name="it", body=bytes(range(256)), **members),
            with_api_options(lambda stack: stack.build.add(others)),
        )

    assert [
        (
            {
                "host": url.removeprefix("http://"),
                "content-length": "256",
                "content-type": "application/x-npy",
                "accept": "image/png",
                "x-amzn-sagemaker-custom-attributes": "to: the container",
                "x-amzn-sagemaker-target-model": "model a.tar.gz",
                "x-amzn-sagemaker-inference-id": "id 1",
                "x-amzn-sagemaker-session-id": "NEW_SESSION",
                "x-amzn-sagemaker-adapter-identifier": "lora-1",
            },
            bytes(range(256)),
        )
    ] == seen
    assert (b"\x00\xff", "image/png", "from: the container", "s1; Expires=2027-01-01T00:00:00Z", "s0") == (
        output.body,
        output.content_type,
        output.custom_attributes,
        output.new_session_id,
        output.closed_session_id,
    )


async def test_a_chunked_response_comes_part_by_part() -> None:
    """The second piece is written only when the first has been received: a response that was gathered would never come."""
    received = asyncio.Event()
    accepted: list[str] = []

    async def stream(request: web.Request) -> web.StreamResponse:
        accepted.append(request.headers["Accept"])
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(b"one")
        await received.wait()
        await response.write(b"two")
        return response

    parts: list[bytes] = []
    async with served(stream) as url, client_of(Container(url)) as client:
        output = await client.invoke_endpoint_with_response_stream(STREAMED)
        async with output.body as events:
            async for event in events:
                assert isinstance(event, PayloadPart)
                parts.append(event.bytes)
                received.set()

    assert [b"one", b"two"] == parts
    assert (["text/event-stream"], "text/event-stream") == (accepted, output.content_type)


async def test_a_server_that_ends_its_response_by_hanging_up_is_a_container_too() -> None:
    """So does HTTP/1.0, which Python's own server speaks: small containers are written with it."""
    async with responding(b"HTTP/1.0 200 OK\r\n\r\n", b"all ", b"of it") as url:
        output = await invoke(url)

    assert (b"all of it", "application/octet-stream") == (output.body, output.content_type)


@pytest.mark.parametrize("status", [302, 400, 404, 500, 507])
async def test_a_status_other_than_2xx_is_a_model_error_with_its_text(status: int) -> None:
    """What the container said is all that a user has to find out why; a redirect leads nowhere on the platform."""

    async def refuse(request: web.Request) -> web.Response:
        return web.Response(status=status, text="no such flower: \u2740", headers={"Location": "/ping"})

    async with served(refuse) as url:
        with pytest.raises(ModelError) as raised:
            await invoke(url)

    assert (424, status, "no such flower: \u2740") == (
        raised.value.status,
        raised.value.original_status_code,
        raised.value.original_message,
    )


@pytest.mark.parametrize(
    ("written", "message"),
    [
        (b"Content-Length: 100000\r\n\r\n" + b"x" * 100_000, "x" * 2048),
        (b"Content-Length: 100\r\n\r\nsorry", "sorry"),
    ],
)
async def test_the_text_of_a_model_error_is_the_beginning_of_what_came(written: bytes, message: str) -> None:
    """The service's member takes 2048 characters; and where the text breaks off, the status still says enough."""
    async with responding(b"HTTP/1.1 500 Oh\r\n" + written) as url:
        with pytest.raises(ModelError) as raised:
            await invoke(url)

    assert (500, message) == (raised.value.original_status_code, raised.value.original_message)


EARLY = b"Content-Length: 8\r\n\r\ntoo much"


@pytest.mark.parametrize(
    ("written", "status", "message"),
    [
        (b"HTTP/1.1 413 Too Large\r\n" + EARLY, 413, "too much"),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 413 Too Large\r\n" + EARLY, 413, "too much"),
        (b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 403 No\r\n" + EARLY, 403, "too much"),
        (b"HTTP/1.1 429 Later\r\nTransfer-Encoding: chunked\r\n\r\n8\r\ntoo much\r\n0\r\n\r\n", 429, "too much"),
        (b"HTTP/1.0 400 Bad\r\n\r\ntoo much", 400, "too much"),
        (b"HTTP/1.1 503 Down\r\nContent-Length: 0\r\n\r\n", 503, ""),
        (b"HTTP/1.1 307 There\r\nLocation: /\r\n" + EARLY, 307, "too much"),
    ],
    ids=["413", "after a 100", "after a 103", "chunks", "HTTP/1.0", "no body", "redirect"],
)
@pytest.mark.parametrize("size", [1, 60_000, 3_000_000])
async def test_a_container_that_answers_before_it_has_read_the_request_has_answered(
    size: int, written: bytes, status: int, message: str
) -> None:
    """It closes the connection with bytes unread, which resets it: its answer counts, not what became of the sending."""
    async with responding(written) as url, client_of(Container(url)) as client:
        for _ in range(5):
            with pytest.raises(ModelError) as raised:
                await client.invoke_endpoint(InvokeEndpointInput(endpoint_name="it", body=b"x" * size))

            assert (status, message) == (raised.value.original_status_code, raised.value.original_message)


@pytest.mark.parametrize("size", [1, 3_000_000])
async def test_a_success_before_the_request_is_read_is_one_too(size: int) -> None:
    """A model that needs no input, or decides by the headers, answers when it likes."""
    async with (
        responding(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok") as url,
        client_of(Container(url)) as client,
    ):
        for _ in range(5):
            output = await client.invoke_endpoint(InvokeEndpointInput(endpoint_name="it", body=b"x" * size))

            assert b"ok" == output.body


@pytest.mark.parametrize(
    ("written", "words"),
    [
        (b"", "was lost before"),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "is not HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\ncut", "stopped before its end"),
    ],
)
async def test_a_container_that_gives_no_whole_response_is_a_model_error_without_a_status(
    written: bytes, words: str
) -> None:
    """Half a response must not pass for a whole one. There is no status to report; the service says 0 for that."""
    async with responding(written) as url:
        with pytest.raises(ModelError, match=words) as raised:
            await invoke(url)

    assert (424, 0) == (raised.value.status, raised.value.original_status_code)


async def test_a_container_that_went_away_is_a_model_error() -> None:
    """It was healthy at the start, and crashed since; the endpoint lives on, and says so."""
    async with contextlib.AsyncExitStack() as stack:
        url = await stack.enter_async_context(served(echo))
        async with client_of(Container(url)) as client:
            await stack.aclose()
            with pytest.raises(ModelError, match=r"no connection to 127\.0\.0\.1:") as raised:
                await client.invoke_endpoint(InvokeEndpointInput(endpoint_name="it", body=b""))

    assert 0 == raised.value.original_status_code


@pytest.mark.parametrize(
    ("written", "words"),
    [
        # A control character would break the response to the caller, or smuggle another one into it.
        (
            b"200 OK\r\nX-Amzn-SageMaker-Custom-Attributes: a\x7fb\r\n\r\nbody",
            "there is a control character in its head",
        ),
        (b"500 Oh\r\n\r\n" + b"x" * 10_000, "x" * 2048),
    ],
    ids=["header", "text"],
)
async def test_a_response_that_is_not_read_to_its_end_ends_with_its_connection(written: bytes, words: str) -> None:
    """The rest may never come, and a container that goes on writing to nobody would not learn of it."""
    left = asyncio.Event()

    async with holding(b"HTTP/1.1 " + written, left) as url, client_of(Container(url)) as client:
        with pytest.raises(ModelError, match=words):
            await client.invoke_endpoint(InvokeEndpointInput(endpoint_name="it", body=b""))
        async with asyncio.timeout(10):
            await left.wait()


async def test_a_container_that_takes_too_long_fails_in_the_words_of_the_service() -> None:
    """Users search for these words. A model that hangs must not hold the call for ever, before a piece or between two."""

    async def hang(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        if await request.read() == b"between":
            await response.prepare(request)
            await response.write(b"one")
        await asyncio.Event().wait()
        return response

    async with served(hang) as url, client_of(Container(url, timeout=0.05)) as client:
        with pytest.raises(ModelError, match=TIMED_OUT) as raised:
            await client.invoke_endpoint(InvokeEndpointInput(endpoint_name="it", body=b"before"))
        output = await client.invoke_endpoint_with_response_stream(
            InvokeEndpointWithResponseStreamInput(endpoint_name="it", body=b"between")
        )
        async with output.body as events:
            first = await anext(events)
            with pytest.raises(ModelStreamError, match=TIMED_OUT):
                await anext(events)

    assert (0, PayloadPart(bytes=b"one")) == (raised.value.original_status_code, first)


async def test_a_container_that_takes_no_more_of_a_body_takes_too_long() -> None:
    """It is as stuck as one that does not respond, and before the body is out no limit for responses has begun."""
    unread = asyncio.Event()

    async def stall(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer):
            head = await reader.readuntil(b"\r\n\r\n")
            if head.startswith(b"GET /ping"):
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            else:
                await unread.wait()

    async with await asyncio.start_server(stall, "127.0.0.1", 0, limit=1024) as server:
        container = Container(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", timeout=0.05)
        async with client_of(container) as client:
            with pytest.raises(ModelError, match=TIMED_OUT):
                await client.invoke_endpoint(InvokeEndpointInput(endpoint_name="it", body=bytes(6_000_000)))
        unread.set()


async def test_a_caller_who_leaves_takes_the_connection_to_the_container_along() -> None:
    """A model that goes on for nobody wastes the machine; it hears of it as it does on the platform, by a hang-up."""
    left = asyncio.Event()

    async def count(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            await response.write(b"one")
            await asyncio.Event().wait()
        finally:
            left.set()
        return response

    async with served(count) as url, client_of(Container(url)) as client:
        output = await client.invoke_endpoint_with_response_stream(STREAMED)
        async with output.body as events:
            await anext(events)
            assert not left.is_set()
        async with asyncio.timeout(10):
            await left.wait()


async def test_stopping_the_endpoint_ends_what_a_container_is_at_work_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that is over must not wait for a model that is not, nor leave its connection behind."""
    monkeypatch.setattr("sagemaker_runtime.local.front.listener.SHUTDOWN_TIMEOUT", 0.01)
    asked, left = asyncio.Event(), asyncio.Event()

    async def hang(request: web.Request) -> web.Response:
        asked.set()
        try:
            await asyncio.Event().wait()
        finally:
            left.set()
        return web.Response()

    async with served(hang) as url, LocalEndpoint({"it": Container(url)}) as local, Client(local.options(), ONCE) as it:
        call = asyncio.create_task(it.invoke_endpoint(InvokeEndpointInput(endpoint_name="it", body=b"")))
        await asked.wait()
        await local.stop()
        async with asyncio.timeout(10):
            await left.wait()
        [outcome] = await asyncio.gather(call, return_exceptions=True)

    assert isinstance(outcome, Exception)


async def test_calls_one_after_another_share_a_connection() -> None:
    """A handshake for each would cost more than many a model does."""
    peers: set[object] = set()

    async def note_peer(request: web.Request) -> web.Response:
        assert request.transport is not None
        peers.add(request.transport.get_extra_info("peername"))
        return web.Response(body=await request.read())

    async with served(note_peer) as url, client_of(Container(url)) as client:
        outputs = [
            await client.invoke_endpoint(InvokeEndpointInput(endpoint_name="it", body=b"%d" % number))
            for number in range(3)
        ]

    assert [b"0", b"1", b"2"] == [output.body for output in outputs]
    assert 1 == len(peers)


async def test_calls_at_once_reach_a_container_at_once() -> None:
    """All fifty must be inside it before one gets out, so none may wait for another."""
    everyone = asyncio.Barrier(50)

    async def meet(request: web.Request) -> web.Response:
        await everyone.wait()
        return web.Response(body=await request.read())

    async with served(meet) as url, client_of(Container(url)) as client, asyncio.timeout(30):
        outputs = await asyncio.gather(
            *(client.invoke_endpoint(InvokeEndpointInput(endpoint_name="it", body=b"%d" % n)) for n in range(50))
        )

    assert [b"%d" % n for n in range(50)] == [output.body for output in outputs]


async def test_a_container_is_reached_without_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The proxy of a company's network does not know the containers on a developer's."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")

    async with served(echo) as url:
        output = await invoke(url.replace("127.0.0.1", "0.0.0.0"))  # noqa: S104 - loopback, which a proxy takes for a host

    assert b"body" == output.body


async def test_the_sessions_of_a_container_are_its_own() -> None:
    """It made the id and knows the state behind it; the platform keeps to the id, its expiry and its end."""
    seen: list[str] = []

    async def converse(request: web.Request) -> web.Response:
        seen.append(request.headers["X-Amzn-SageMaker-Session-Id"])
        if seen[-1] == "NEW_SESSION":
            return web.Response(
                headers={"X-Amzn-SageMaker-New-Session-Id": f"s{len(seen)}; Expires=2025-06-15T15:10:00Z"}
            )
        return web.Response(headers={"X-Amzn-SageMaker-Closed-Session-Id": seen[-1]} if seen[-1] == "s1" else {})

    clock = ManualClock()  # at 15:06:40

    async with served(converse) as url, client_of(Sessions(Container(url), clock=clock)) as client:

        async def say(session_id: str) -> InvokeEndpointOutput:
            return await client.invoke_endpoint(
                InvokeEndpointInput(endpoint_name="it", body=b"", session_id=session_id)
            )

        opened = [await say("NEW_SESSION"), await say("NEW_SESSION")]
        closed = await say("s1")
        with pytest.raises(ValidationError, match="Session s1 does not exist, or is closed, or has expired"):
            await say("s1")
        await say("s2")
        clock.advance(200)
        with pytest.raises(ValidationError, match="Session s2 does not exist"):
            await say("s2")

    assert ["NEW_SESSION", "NEW_SESSION", "s1", "s2"] == seen
    assert ["s1; Expires=2025-06-15T15:10:00Z", "s2; Expires=2025-06-15T15:10:00Z"] == [
        output.new_session_id for output in opened
    ]
    assert "s1" == closed.closed_session_id
