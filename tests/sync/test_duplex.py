"""`SyncDuplexStream`: a conversation from threads."""

from __future__ import annotations

import asyncio
import gc
import pickle
import threading
import warnings
from collections.abc import Callable
from typing import Any

import pytest
from duplex_server import KEYS, Script, ServerStream, duplex_server, echo

from sagemaker_runtime import (
    ClientClosedError,
    ConfigError,
    InvokeEndpointWithBidirectionalStreamInput,
    ModelError,
    Options,
    StaticCredentialsProvider,
    StreamClosedError,
    SyncClient,
    SyncDuplexStream,
)
from sagemaker_runtime.sync.loop_thread import LoopThread

INPUT = InvokeEndpointWithBidirectionalStreamInput(endpoint_name="talker")


def client_of(url: str) -> SyncClient:
    keys = StaticCredentialsProvider(KEYS.access_key_id, KEYS.secret_access_key, KEYS.session_token)
    return SyncClient(Options(region="us-east-1", credentials=keys, base_endpoint=url))


async def in_a_thread(program: Callable[[SyncClient], None], script: Script = echo) -> None:
    """Run *program* with a client of a server in this loop."""

    def work(url: str) -> None:
        with client_of(url) as client:
            program(client)

    async with duplex_server(script) as server:
        await asyncio.to_thread(work, server.url)


def opened(client: SyncClient) -> SyncDuplexStream:
    return client.invoke_endpoint_with_bidirectional_stream(INPUT)


async def test_one_thread_sends_while_another_one_reads() -> None:
    """A microphone has a thread of its own; and each part arrives once, in order."""

    def program(client: SyncClient) -> None:
        with opened(client) as stream:

            def speak() -> None:
                for number in range(50):
                    stream.send(str(number))
                stream.end()

            speaking = threading.Thread(target=speak)
            speaking.start()
            assert [str(number) for number in range(50)] == [part.text for part in stream]
            speaking.join()
            assert "blue" == stream.initial_response().invoked_production_variant
            assert stream.ended

    await in_a_thread(program)


async def test_messages_are_joined() -> None:
    """As with the asynchronous stream."""

    def program(client: SyncClient) -> None:
        with opened(client) as stream:
            stream.send("one ", partial=True)
            stream.send("two")
            stream.end()
            assert ["one two"] == [message.text for message in stream.messages()]

    await in_a_thread(program)


async def test_a_read_that_is_interrupted_as_it_ends_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C may come when the part has been read, and its thread has not been woken yet."""
    run = LoopThread.run

    def interrupted(thread: LoopThread, function: Any, *args: Any, **kwargs: Any) -> Any:
        monkeypatch.setattr(LoopThread, "run", run)
        run(thread, function, *args, **kwargs)
        raise KeyboardInterrupt

    def program(client: SyncClient) -> None:
        with opened(client) as stream:
            for text in ("one", "two", "three", "four"):
                stream.send(text)
            stream.end()
            monkeypatch.setattr(LoopThread, "run", interrupted)
            with pytest.raises(KeyboardInterrupt):
                next(stream)
            assert ["one", "two"] == [next(stream).text, next(stream).text]
            monkeypatch.setattr(LoopThread, "run", interrupted)
            with pytest.raises(KeyboardInterrupt):
                next(stream.messages())
            assert ["three", "four"] == [message.text for message in stream.messages()]

    await in_a_thread(program)


async def test_the_services_error_is_raised_to_whoever_sends_or_reads() -> None:
    """With its facts."""

    async def script(stream: ServerStream) -> None:
        stream.refuse(424, "ModelError")

    def program(client: SyncClient) -> None:
        stream = opened(client)
        with pytest.raises(ModelError, match="req-1"):
            next(stream)
        with pytest.raises(ModelError):
            stream.send("more")
        stream.close()
        stream.close()

    await in_a_thread(program, script)


async def test_another_thread_may_close_it() -> None:
    """Whoever waits is woken."""

    def program(client: SyncClient) -> None:
        stream = opened(client)
        stream.initial_response()
        closing = threading.Timer(0.05, stream.close)
        closing.start()
        with pytest.raises(StreamClosedError):
            next(stream)
        closing.join()

    await in_a_thread(program)


async def test_leaving_by_an_exception_cancels() -> None:
    """And what left is raised."""
    seen: list[ServerStream] = []

    async def script(stream: ServerStream) -> None:
        seen.append(stream)
        stream.respond()
        await stream.gone.wait()

    def leave(client: SyncClient) -> None:
        with opened(client):
            raise KeyError

    def program(client: SyncClient) -> None:
        with pytest.raises(KeyError):
            leave(client)

    await in_a_thread(program, script)
    assert 8 == seen[0].reset_code


async def test_a_closed_client_ends_its_streams() -> None:
    """A read that waits is told."""

    def program(client: SyncClient) -> None:
        stream = opened(client)
        stream.initial_response()
        closing = threading.Timer(0.05, client.close)
        closing.start()
        with pytest.raises(ClientClosedError):
            next(stream)
        closing.join()
        with pytest.raises(ClientClosedError):
            stream.send("more")
        stream.close()

    await in_a_thread(program)


async def test_in_the_clients_own_loop_it_is_refused() -> None:
    """It would wait for itself."""

    def program(client: SyncClient) -> None:
        with opened(client) as stream:

            async def use(_: object) -> None:
                stream.send("x")

            with pytest.raises(ConfigError, match="would wait for itself"):
                client.run(use)

    await in_a_thread(program)


async def test_an_abandoned_stream_is_closed_and_says_so() -> None:
    """The collector may run in any thread."""

    def program(client: SyncClient) -> None:
        stream = opened(client)
        with pytest.raises(TypeError, match="cannot be copied"):
            pickle.dumps(stream)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            del stream
            gc.collect()
        assert "use it in a 'with'" in str(caught[0].message)

    await in_a_thread(program)
