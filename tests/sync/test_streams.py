"""`SyncResponseStream`: parts of a response without an event loop, with what the asynchronous stream promises."""

from __future__ import annotations

import asyncio
import gc
import pickle
import signal
import threading
import time
from collections.abc import AsyncIterator, Iterator

import pytest

from sagemaker_runtime import (
    ClientClosedError,
    ConfigError,
    EventStreamError,
    InvokeEndpointWithResponseStreamInput,
    ModelStreamError,
    PayloadPart,
    ServerSentEvent,
    StreamContentError,
)
from sagemaker_runtime.local import Invocation, LocalEndpoint
from sagemaker_runtime.sync import SyncClient, SyncResponseStream, SyncResponseStreamOutput

sent = 0


async def count(invocation: Invocation) -> AsyncIterator[bytes]:
    global sent  # noqa: PLW0603 - what the model has given so far
    for number in range(int(invocation.body)):
        sent = number
        yield b"part %d\n" % number


async def large(invocation: Invocation) -> AsyncIterator[bytes]:
    global sent  # noqa: PLW0603 - as above
    for number in range(int(invocation.body)):
        sent = number
        yield bytes(65_536)


async def breaks(invocation: Invocation) -> AsyncIterator[bytes]:
    yield b"good"
    raise ValueError


async def events(invocation: Invocation) -> AsyncIterator[bytes]:
    yield b'data: {"a": 1}\n\nda'
    yield b"ta: [DONE]\n\n"


async def jsonl(invocation: Invocation) -> AsyncIterator[bytes]:
    yield b'{"a": 1}\n{"a"'
    yield b": 2}\nnonsense\n"


async def silent(invocation: Invocation) -> AsyncIterator[bytes]:
    yield b"first"
    try:
        await asyncio.Event().wait()
    finally:
        left.append("silent")


async def held(invocation: Invocation) -> AsyncIterator[bytes]:
    yield b"first"
    await asyncio.to_thread(release.wait)
    yield b"second"


release = threading.Event()
left: list[str] = []  # the models whose caller has left
MODELS = {
    "held": held,
    "count": count,
    "large": large,
    "breaks": breaks,
    "events": events,
    "jsonl": jsonl,
    "silent": silent,
}


@pytest.fixture
def local() -> Iterator[LocalEndpoint]:
    with LocalEndpoint(MODELS) as endpoint:
        yield endpoint


@pytest.fixture
def client(local: LocalEndpoint) -> Iterator[SyncClient]:
    with SyncClient(local.options()) as made:
        yield made


def opened(client: SyncClient, name: str, body: bytes = b"") -> SyncResponseStreamOutput:
    return client.invoke_endpoint_with_response_stream(
        InvokeEndpointWithResponseStreamInput(endpoint_name=name, body=body)
    )


def test_every_part_comes_in_its_order(client: SyncClient) -> None:
    """More of them than are taken at once."""
    output = opened(client, "count", b"1000")

    with output.body as stream:
        parts = b"".join(event.bytes for event in stream if isinstance(event, PayloadPart))

    assert parts.splitlines() == [b"part %d" % number for number in range(1000)]
    assert stream.ended
    assert stream.bytes_received > len(parts)
    assert output.content_type == "application/octet-stream"


def test_the_parts_make_up_bytes_text_lines_events_and_documents(client: SyncClient) -> None:
    """As the asynchronous stream has it, one way each."""
    assert b"".join(opened(client, "count", b"3").body.iter_bytes()) == b"part 0\npart 1\npart 2\n"
    assert "".join(opened(client, "count", b"2").body.iter_text()) == "part 0\npart 1\n"
    assert list(opened(client, "count", b"2").body.iter_lines()) == ["part 0", "part 1"]
    found = list(opened(client, "events").body.iter_server_sent_events())
    assert found == [ServerSentEvent(data='{"a": 1}'), ServerSentEvent(data="[DONE]")]


def test_a_part_that_was_read_is_not_read_again_as_text(client: SyncClient) -> None:
    """Ways of reading may follow one another; nothing that was taken ahead is lost between them."""
    with opened(client, "count", b"100").body as stream:
        first = next(stream)
        rest = list(stream.iter_lines())

    assert first == PayloadPart(b"part 0\n")
    assert rest == [f"part {number}" for number in range(1, 100)]


def test_a_line_that_is_no_json_is_named_after_all_before_it(client: SyncClient) -> None:
    """And the stream is closed then; the error has the facts of the call."""
    stream = opened(client, "jsonl").body
    documents = stream.iter_json_lines()

    assert [next(documents), next(documents)] == [{"a": 1}, {"a": 2}]
    with pytest.raises(StreamContentError, match="line 3") as caught:
        next(documents)
    assert caught.value.operation == "InvokeEndpointWithResponseStream"
    assert caught.value.request_id is not None
    assert len(caught.value.attempts) == 1
    assert "open" not in repr(stream)


def test_an_error_comes_after_the_parts_before_it_and_again(client: SyncClient) -> None:
    """Every part before it is good, and a second read must not look like an end."""
    stream = opened(client, "breaks").body

    assert next(stream) == PayloadPart(b"good")
    for _ in range(2):
        with pytest.raises(ModelStreamError):
            next(stream)


def test_a_slow_reader_stops_the_model(client: SyncClient) -> None:
    """Or a gateway with many of them would hold all that the models say."""
    with opened(client, "large", b"10000").body as stream:
        for _ in range(5):
            next(stream)
        before = sent
        assert before < 2_000  # 128 MB of 640: what the sockets and both loops hold is far less
        next(stream)


def test_a_stream_that_is_left_is_closed(local: LocalEndpoint, client: SyncClient) -> None:
    """A break out of `with` gives the connection up; the model is stopped."""
    with opened(client, "silent").body as stream:
        for _ in stream:
            break
    stream.close()

    assert "closed" in repr(stream)
    assert not stream.ended


@pytest.mark.parametrize("name", ["count", "silent"])
def test_a_stream_that_is_dropped_is_closed_with_a_warning(client: SyncClient, name: str) -> None:
    """It holds a connection until then."""
    held = [opened(client, name, b"1000").body]
    next(held[0])

    with pytest.warns(ResourceWarning, match="read it in a 'with'"):
        held.clear()
    gc.collect()


def test_a_generator_that_is_left_closes_the_stream(client: SyncClient) -> None:
    """`for text in stream.iter_text(): break` leaves nothing but the generator behind."""
    stream = opened(client, "silent").body
    texts = stream.iter_text()
    next(texts)
    texts.close()

    assert "closed" in repr(stream)


def test_a_client_that_is_closed_ends_its_streams(local: LocalEndpoint) -> None:
    """The reader gets an error and no end."""
    client = SyncClient(local.options())
    stream = opened(client, "silent").body
    next(stream)
    client.close()

    with pytest.raises(ClientClosedError):
        next(stream)
    stream.close()


def test_a_stream_is_neither_copied_nor_pickled(client: SyncClient) -> None:
    """A second owner would close the connection under the first."""
    with opened(client, "count", b"1").body as stream, pytest.raises(TypeError, match="read it first"):
        pickle.dumps(stream)
    assert isinstance(stream, SyncResponseStream)


def test_it_is_iterated_once(client: SyncClient) -> None:
    """A second loop over it would look like an empty response; a second call of next is told of the end again."""
    with opened(client, "count", b"2").body as stream:
        assert len(list(stream)) == 2
        assert stream.ended
        assert next(stream, None) is None

        with pytest.raises(EventStreamError, match="read to its end and can be read only once") as caught:
            iter(stream)
        with pytest.raises(EventStreamError):
            list(stream.iter_lines())
    assert caught.value.operation == "InvokeEndpointWithResponseStream"
    assert caught.value.request_id is not None


def test_a_closed_stream_says_that_it_was_closed(client: SyncClient) -> None:
    """And looks like no end of the response, which would be taken for all of it."""
    with opened(client, "count", b"1000").body as stream:
        next(stream)

    for _ in range(2):
        with pytest.raises(
            EventStreamError, match=r"closed before its end, after \d+ bytes; read it inside its 'with'"
        ):
            next(stream)


def test_an_error_is_raised_again_after_it_was_closed(client: SyncClient) -> None:
    """It says more than that the stream was closed."""
    with opened(client, "breaks").body as stream, pytest.raises(ModelStreamError):
        list(stream)
    with opened(client, "jsonl").body as other, pytest.raises(StreamContentError):
        list(other.iter_json_lines())

    with pytest.raises(ModelStreamError):
        next(stream)
    with pytest.raises(StreamContentError):
        list(other.iter_lines())


def test_a_reader_is_told_when_another_thread_closes_its_stream(client: SyncClient) -> None:
    """It waits for an event that nobody will take."""
    stream = opened(client, "silent").body
    next(stream)
    threading.Timer(0.05, stream.close).start()

    with pytest.raises(EventStreamError, match="closed before its end"):
        next(stream)


def test_two_readers_at_once_are_refused(client: SyncClient) -> None:
    """Each would get some of the events."""
    outcomes: list[str] = []

    def read() -> None:
        try:
            next(stream)
        except (RuntimeError, EventStreamError) as error:
            outcomes.append(str(error))
            stream.close()  # for the other one

    with opened(client, "silent").body as stream:
        next(stream)
        threads = [threading.Thread(target=read) for _ in range(2)]
        for each in threads:
            each.start()
        for each in threads:
            each.join(20)

    assert "two threads read one stream" in outcomes[0]
    assert "closed before its end" in outcomes[1]


def test_an_interrupted_read_loses_nothing(client: SyncClient) -> None:
    """A program that handles Ctrl-C may read on."""

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    release.clear()
    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        with opened(client, "held").body as stream:
            next(stream)
            signal.setitimer(signal.ITIMER_REAL, 0.05)
            with pytest.raises(KeyboardInterrupt):
                next(stream)
            release.set()
            assert list(stream.iter_bytes()) == [b"second"]
    finally:
        release.set()
        signal.signal(signal.SIGALRM, before)


def test_a_decoder_makes_objects_of_events_and_documents(client: SyncClient) -> None:
    """As that of the asynchronous stream does."""
    assert list(opened(client, "events").body.iter_server_sent_events(decoder=len)) == [8]
    with opened(client, "jsonl").body as stream:
        documents = stream.iter_json_lines(decoder=str.upper)
        assert [next(documents), next(documents)] == ['{"A": 1}', '{"A": 2}']


def test_a_generator_that_is_dropped_in_the_loops_own_thread_closes_the_stream(
    local: LocalEndpoint, client: SyncClient
) -> None:
    """The garbage collector runs in any thread, and this one cannot wait for itself."""
    left.clear()
    held = [opened(client, "silent").body.iter_text()]
    next(held[0])
    client._thread().call_soon(held.clear)

    until(lambda: left == ["silent"])
    assert not held


def test_a_stream_cannot_be_read_in_its_own_loop(client: SyncClient) -> None:
    """It would wait for itself for ever."""
    errors: list[BaseException] = []

    def read() -> None:
        try:
            next(stream)
        except ConfigError as error:
            errors.append(error)

    with opened(client, "silent").body as stream:
        client._thread().call_soon(read)
        until(lambda: bool(errors))
        assert next(stream) == PayloadPart(b"first")


def until(condition) -> None:
    """Let other threads go on until the condition holds; faulthandler ends a wait that has no end."""
    while not condition():
        time.sleep(0.001)
