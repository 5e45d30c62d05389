"""`Predictor.stream`, against the local endpoint."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest
from predictor.bodies import SECRET
from predictor.models import events, lines

from sagemaker_runtime import (
    REQUEST_ID,
    Client,
    ConfigError,
    EventStreamError,
    JSONCodec,
    JSONLinesCodec,
    ModelError,
    ModelStreamError,
    NumPyCodec,
    Predictor,
    StreamContentError,
    TextParser,
)
from sagemaker_runtime.local import Answer, Invocation, LocalEndpoint, StreamError, TruncatedFrame
from sagemaker_runtime.predictor import (
    BYTES,
    JSON_LINES,
    LINES,
    SERVER_SENT_EVENTS,
    TEXT,
    StreamFormat,
    json_lines,
)

JSON = JSONCodec()


async def broken(invocation: Invocation) -> AsyncIterator[bytes]:
    """Two documents, and what is none."""
    yield b'{"number": 0}\n{"number": 1}\n{"s3cr3t": \n{"number": 3}\n'


async def forever(invocation: Invocation) -> AsyncIterator[bytes]:
    """A model that never ends."""
    while True:
        yield b"word "
        await asyncio.sleep(0)


def fail(_: Invocation) -> Answer:
    raise RuntimeError("no model")


MODELS: dict[str, Any] = {"lines": lines, "events": events, "broken": broken, "forever": forever, "fail": fail}


def number_of(document: object) -> int:
    """A type that a document becomes."""
    assert isinstance(document, dict)
    return int(document["number"])


@pytest.mark.parametrize(
    ("format", "pieces"),
    [
        (TEXT, ['{"num', 'ber": 0}\n', '{"num', 'ber": 1}\n']),
        (BYTES, [b'{"num', b'ber": 0}\n', b'{"num', b'ber": 1}\n']),
        (LINES, ['{"number": 0}', '{"number": 1}']),
        (JSON_LINES, [{"number": 0}, {"number": 1}]),
        (json_lines(type=number_of), [0, 1]),
        (json_lines(type=lambda document: document, object_hook=lambda pairs: list(pairs.values())), [[0], [1]]),
        (StreamFormat("shouted", lambda: TextParser(errors="strict")), ['{"num', 'ber": 0}\n', '{"num', 'ber": 1}\n']),
    ],
    ids=str,
)
async def test_the_caller_says_what_the_pieces_are(format: StreamFormat[object], pieces: list[object]) -> None:
    """Wherever the model's own pieces end."""
    async with LocalEndpoint(MODELS) as local, Client(local.options()) as client:
        stream = Predictor(client, "lines", codec=JSON).stream(2, format=format)
        read = [piece async for piece in stream]

    joined = b"".join if format is BYTES else "".join if format is TEXT else list
    assert joined(pieces) == joined(read)  # type: ignore[arg-type, operator]


async def test_server_sent_events_are_read_as_events() -> None:
    """As LLMs send them."""
    async with LocalEndpoint(MODELS) as local, Client(local.options()) as client:
        stream = Predictor(client, "events", codec=JSON).stream("Alice was tired", format=SERVER_SENT_EVENTS)

        assert ["Alice", "was", "tired"] == [event.data async for event in stream]


async def test_the_codec_says_what_the_pieces_are_where_the_caller_does_not() -> None:
    """Documents for JSON Lines, text for what is text, and a question for what is none."""
    async with LocalEndpoint(MODELS) as local, Client(local.options()) as client:
        typed = JSONLinesCodec(type=number_of)

        assert [0, 1, 2] == [each async for each in Predictor(client, "lines", codec=typed).stream([3])]
        assert '{"number": 0}\n' == "".join([each async for each in Predictor(client, "lines", codec=JSON).stream(1)])
        arrays = Predictor(client, "lines", codec=NumPyCodec())
        with pytest.raises(ConfigError, match=r"application/x-npy is not text.*stream\(format=BYTES\)"):
            arrays.stream(np.zeros(1))
        odd: Any = JSONCodec()
        odd.stream_format = "text"
        with pytest.raises(ConfigError, match="stream_format of JSONCodec is of type str; it takes a StreamFormat"):
            Predictor(client, "lines", codec=odd).stream(1)
        wrong: Any = TextParser
        with pytest.raises(ConfigError, match="format is of type type; it takes a StreamFormat"):
            Predictor(client, "lines", codec=JSON).stream(1, format=wrong)


async def test_it_opens_at_first_use_and_closes_at_its_end() -> None:
    """A stream that nobody reads costs no call."""
    async with LocalEndpoint(MODELS) as local, Client(local.options()) as client:
        predictor = Predictor(client, "lines", codec=JSON)
        stream = predictor.stream(1, format=LINES)
        assert "<PredictionStream of lines, open>" == repr(stream)
        with pytest.raises(ConfigError, match="the stream is not open yet"):
            _ = stream.output
        assert 0 == local.calls("lines")

        async with stream as same:
            assert stream is same
            assert stream.output.result_metadata[REQUEST_ID]
            assert ['{"number": 0}'] == [line async for line in stream]
            assert [] == [line async for line in stream]

        assert (1, "<PredictionStream of lines, ended>") == (local.calls("lines"), repr(stream))


async def test_leaving_closes_it_and_reading_on_says_so() -> None:
    """An end in silence would be taken for the model's."""
    async with LocalEndpoint(MODELS) as local, Client(local.options()) as client:
        async with Predictor(client, "forever", codec=JSON).stream(1) as stream:
            async for _ in stream:
                break

        assert "closed" in repr(stream.output.body)
        with pytest.raises(EventStreamError, match="the stream was closed before its end"):
            await anext(stream)
        with pytest.raises(EventStreamError):
            await stream.__aenter__()
        unread = Predictor(client, "forever", codec=JSON).stream(1)
        await unread.aclose()
        with pytest.raises(EventStreamError):
            await anext(unread)


async def test_one_that_is_dropped_is_closed_with_a_warning() -> None:
    """As a `ResponseStream` is."""
    async with LocalEndpoint(MODELS) as local, Client(local.options()) as client:
        streams = [Predictor(client, "forever", codec=JSON).stream(1)]
        await anext(streams[0])
        with pytest.warns(ResourceWarning, match="neither read to its end nor closed"):
            streams.clear()


async def test_cancelling_a_reader_closes_it() -> None:
    """It holds a connection."""
    async with LocalEndpoint(MODELS) as local, Client(local.options()) as client:
        stream = Predictor(client, "forever", codec=JSON).stream(1)

        async def read() -> None:
            async for _ in stream:
                pass

        task = asyncio.create_task(read())
        while local.calls("forever") == 0:
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        with pytest.raises(EventStreamError, match="closed before its end"):
            await anext(stream)


async def test_two_readers_at_once_are_refused_and_the_first_reads_on() -> None:
    """Each would get half, and both would open it."""
    async with LocalEndpoint(MODELS) as local, Client(local.options()) as client:
        stream = Predictor(client, "lines", codec=JSON).stream(1, format=LINES)
        first = asyncio.create_task(stream.__anext__())
        await asyncio.sleep(0)
        with pytest.raises(RuntimeError, match="two tasks or threads read one stream"):
            await anext(stream)

        assert '{"number": 0}' == await first
        assert 1 == local.calls("lines")
        assert [] == [each async for each in stream]


@pytest.mark.parametrize("format", [JSON_LINES, json_lines(type=lambda document: document)], ids=["plain", "typed"])
async def test_what_is_not_in_the_format_is_an_error_of_the_call_after_what_is_good(
    format: StreamFormat[object],
) -> None:
    """It says which line and which request, not what stood there, and says it again."""
    async with LocalEndpoint(MODELS) as local, Client(local.options()) as client:
        stream = Predictor(client, "broken", codec=JSON).stream(1, format=format)
        read = [await anext(stream), await anext(stream)]
        with pytest.raises(StreamContentError, match="line 3") as caught:
            await anext(stream)
        with pytest.raises(StreamContentError) as again:
            await anext(stream)

        assert "closed" in repr(stream.output.body)
    assert [{"number": 0}, {"number": 1}] == read
    assert caught.value is again.value
    assert stream.output.result_metadata[REQUEST_ID] == caught.value.request_id
    assert "InvokeEndpointWithResponseStream" == caught.value.operation
    assert SECRET not in str(caught.value)
    assert (None, None) == (caught.value.__cause__, caught.value.__context__)


async def test_what_a_type_refuses_in_a_stream_says_the_line() -> None:
    """A KeyError of the caller's own function."""
    async with LocalEndpoint(MODELS) as local, Client(local.options()) as client:
        stream = Predictor(client, "lines", codec=JSON).stream(
            1, format=json_lines(type=lambda document: document["x"])
        )  # type: ignore[index]
        with pytest.raises(StreamContentError, match=r"line 1: KeyError at test_streams.py:\d+"):
            await anext(stream)


async def test_faults_reach_the_reader_as_they_are() -> None:
    """Before the first piece, in the middle, and inside a frame."""
    async with LocalEndpoint(MODELS) as local, Client(local.options()) as client:
        with pytest.raises(ModelError):
            await anext(Predictor(client, "fail", codec=JSON).stream(1))
        predictor = Predictor(client, "lines", codec=JSON)
        local.inject("lines", StreamError("ModelStreamError", after=1), call=1)
        with pytest.raises(ModelStreamError):
            [each async for each in predictor.stream(3)]
        local.inject("lines", TruncatedFrame(after=1), call=2)
        stream = predictor.stream(3)
        with pytest.raises(EventStreamError):
            [each async for each in stream]
        with pytest.raises(EventStreamError):
            await anext(stream)


def test_the_value_is_encoded_when_the_stream_is_made() -> None:
    """So that a value that cannot be encoded fails where it stands, and one that is changed later is sent as it was."""
    value = [1]
    predictor = Predictor(Client(), "lines", codec=JSON)
    stream = predictor.stream(value)
    value.append(2)

    assert "open" in repr(stream)
    assert b"[1]" == json.dumps([1]).encode()
