"""`ResponseStream` over a body in memory: what it gives out, where it raises, and that it always lets go."""

from __future__ import annotations

import asyncio
import copy
import gc
import itertools
import json
import pickle
import re
import sys
import traceback
import warnings
from collections.abc import AsyncIterable, Callable, Iterable
from typing import NamedTuple
from zlib import crc32

import pytest
from attrs import define, field
from hypothesis import given, strategies as st

from sagemaker_runtime import (
    EventStreamError,
    InternalStreamFailure,
    InvokeEndpointWithResponseStreamOutput,
    Metadata,
    ModelStreamError,
    PayloadPart,
    ReadTimeoutError,
    ServerSentEvent,
    ServiceError,
    StreamContentError,
    TruncatedResponseError,
    UnknownEvent,
)
from sagemaker_runtime.context import ATTEMPTS, REQUEST_ID, AttemptRecord
from sagemaker_runtime.operations.invoke_endpoint_with_response_stream import INVOKE_ENDPOINT_WITH_RESPONSE_STREAM
from sagemaker_runtime.protocol import Marshaller
from sagemaker_runtime.streams.frames import MAX_PAYLOAD, Message, encode
from sagemaker_runtime.streams.response_stream import ResponseStream

MARSHALLER = Marshaller(INVOKE_ENDPOINT_WITH_RESPONSE_STREAM)
ATTEMPT = AttemptRecord(1, 0.5)
SECRET = b"4111 1111 1111 1111"


@define
class Pieces:
    """A body in pieces; what is an exception among them is raised. It waits where `Pieces.WAIT` stands."""

    WAIT = b"wait"
    pieces: list[bytes | Exception]
    delimited: bool = True
    closed: int = 0
    waiting: asyncio.Event = field(factory=asyncio.Event)
    let_go: asyncio.Event = field(factory=asyncio.Event)

    async def chunk(self) -> bytes:
        piece = self.pieces.pop(0) if self.pieces else b""
        if isinstance(piece, Exception):
            raise piece
        if piece is self.WAIT:
            self.waiting.set()
            await self.let_go.wait()
            return b""
        return piece

    def close(self) -> None:
        self.closed += 1
        self.let_go.set()


def event(tag: str, payload: bytes) -> bytes:
    return encode(Message({":message-type": "event", ":event-type": tag}, payload))


def part(payload: bytes) -> bytes:
    return event("PayloadPart", payload)


def failure(name: str, **members: object) -> bytes:
    headers = {":message-type": "exception", ":exception-type": name}
    return encode(Message(headers, json.dumps(members).encode()))


def stream_of(*pieces: bytes | Exception, delimited: bool = True) -> tuple[ResponseStream, Pieces]:
    body = Pieces(list(pieces), delimited)
    metadata = Metadata()
    metadata[REQUEST_ID], metadata[ATTEMPTS] = "abc-123", (ATTEMPT,)
    return ResponseStream(body, MARSHALLER.event, metadata, "InvokeEndpointWithResponseStream"), body


async def collect(items: AsyncIterable[object], got: list[object]) -> None:
    """Add the items to a list as they come, so that those before a failure are kept."""
    async for item in items:
        got.append(item)  # noqa: PERF401 - a comprehension would lose them


def cut(data: bytes, cuts: Iterable[int]) -> list[bytes]:
    """*data* in pieces, none of them empty, cut at those places that are within it."""
    places = [0, *sorted({at for at in cuts if 0 < at < len(data)}), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(places) if start < end]


_CUTS = st.lists(st.integers(1, 600), max_size=12)
_EVENTS = st.one_of(
    st.builds(PayloadPart, st.binary(max_size=90)),
    st.builds(UnknownEvent, st.sampled_from(["Usage", "payloadpart"]), st.binary(max_size=40)),
    st.just(None),
)


@given(st.lists(_EVENTS, max_size=6), _CUTS)
async def test_events_come_in_order_and_exact_however_the_body_is_cut(
    events: list[PayloadPart | UnknownEvent | None], cuts: list[int]
) -> None:
    """Reads from a socket align with nothing; None stands for the head some servers repeat, of which HTTP has told."""
    frames = {
        PayloadPart: lambda one: part(one.bytes),
        UnknownEvent: lambda one: event(one.tag, one.payload),
        type(None): lambda _: event("initial-response", b'{"Body": "x"}'),
    }
    stream, body = stream_of(*cut(b"".join(frames[type(one)](one) for one in events), cuts))

    found = [event async for event in stream]

    assert [one for one in events if one is not None] == found
    assert 1 == body.closed


@pytest.mark.parametrize("at", [0, 1])
async def test_a_part_is_told_by_its_own_headers(at: int) -> None:
    """Parts skip the look at their headers, so what comes after a part must not be taken for one."""
    frames = [event("Usage", b"same length"), part(b"same length")]
    if at:
        frames.reverse()
    stream, _ = stream_of(b"".join(frames * 3))

    found = [type(event) for event in [event async for event in stream]]

    assert [[UnknownEvent, PayloadPart], [PayloadPart, UnknownEvent]][at] * 3 == found


BROKEN = bytearray(part(b"broken"))
BROKEN[-6] ^= 1
BEFORE = part(b"one") + part(b"two")

FAILURES = {
    "the container's": (
        failure("ModelStreamError", Message="the GPU is gone", ErrorCode="StreamBroken"),
        (ModelStreamError, "ModelStreamError: the GPU is gone", {"error_code": "StreamBroken", "status": None}),
    ),
    "the service's": (
        failure("InternalStreamFailure", message="try later"),
        (InternalStreamFailure, "InternalStreamFailure: try later", {"body": b'{"message": "try later"}'}),
    ),
    "unmodelled": (
        failure("ThrottlingException", message="slow down"),
        (ServiceError, "ThrottlingException: slow down", {"code": "ThrottlingException"}),
    ),
    "error message": (
        encode(Message({":message-type": "error", ":error-code": "Overloaded", ":error-message": "too much"})),
        (ServiceError, "Overloaded: too much", {"code": "Overloaded"}),
    ),
    "with a namespace": (
        failure("com.amazon#ModelStreamError", Message="the GPU is gone", ErrorCode="StreamBroken"),
        (ModelStreamError, "^ModelStreamError: the GPU is gone", {"error_code": "StreamBroken"}),
    ),
    "error message with a namespace": (
        encode(Message({":message-type": "error", ":error-code": "com.amazon#InternalStreamFailure:http://x/"})),
        (InternalStreamFailure, "^InternalStreamFailure", {}),
    ),
    "unknown type": (
        encode(Message({":message-type": "rumour", ":event-type": "PayloadPart"}, SECRET)),
        (EventStreamError, "a message is of type 'rumour'", {}),
    ),
    "no type": (encode(Message({}, SECRET)), (EventStreamError, "a message is of type None", {})),
    "wrong checksum": (
        bytes(BROKEN),
        (EventStreamError, "does not match its checksum", {"offset": len(BEFORE)}),
    ),
    "cut": (part(SECRET)[:-1], (EventStreamError, "stopped inside the frame", {"offset": len(BEFORE)})),
    "cut in the prelude": (part(SECRET)[:3], (EventStreamError, "at least 12 bytes", {"offset": len(BEFORE)})),
    "truncated": (
        TruncatedResponseError("the answer's body stopped"),
        (TruncatedResponseError, "the answer's body stopped", {}),
    ),
    "silent": (ReadTimeoutError("no more for 70 s"), (ReadTimeoutError, "no more for 70 s", {})),
}


@pytest.mark.parametrize("joined", [True, False], ids=["one piece", "pieces"])
@pytest.mark.parametrize("case", FAILURES)
async def test_a_failure_comes_after_the_parts_before_it_and_stays(case: str, joined: bool) -> None:  # noqa: FBT001
    """What came before it is good, whether or not it came with it. Reading on must not look like an end."""
    wrong, (kind, text, attributes) = FAILURES[case]
    pieces = [BEFORE + wrong] if joined and isinstance(wrong, bytes) else [BEFORE, wrong]
    stream, body = stream_of(*pieces, part(b"after it"))
    if case.startswith("cut"):
        body.pieces.pop()
    got = []

    with pytest.raises(kind, match=text) as caught:
        await collect(stream, got)
    closed = body.closed
    with pytest.raises(kind) as again:
        await anext(stream)

    assert [PayloadPart(b"one"), PayloadPart(b"two")] == got
    assert kind is type(caught.value)
    assert caught.value is again.value
    assert attributes == {name: getattr(caught.value, name) for name in attributes}
    facts = caught.value.operation, caught.value.request_id, caught.value.attempts
    assert ("InvokeEndpointWithResponseStream", "abc-123", (ATTEMPT,)) == facts
    assert "abc-123" == caught.value.metadata[REQUEST_ID]
    assert SECRET.decode() not in f"{caught.value} {caught.value!r} {stream!r}"
    assert 0 < closed


@pytest.mark.parametrize("kind", ["exception", "error"])
@pytest.mark.parametrize("name", ["Odd\r\n2025 INFO all is well", "Odd\x1b[2J", "Odd" * 100])
async def test_a_name_that_is_none_is_not_shown(kind: str, name: str) -> None:
    """An error's text ends up in logs, where a line end would begin a line of the sender's own."""
    header = {"exception": ":exception-type", "error": ":error-code"}[kind]
    stream, _ = stream_of(encode(Message({":message-type": kind, header: name}, b'{"Message": "no"}')))

    with pytest.raises(ServiceError) as caught:
        await anext(stream)

    assert ServiceError is type(caught.value)
    assert ServiceError.code == caught.value.code
    assert "Odd" not in f"{caught.value} {caught.value!r}"


async def test_a_failure_that_is_read_again_and_again_stays_as_long_as_it_is() -> None:
    """Whoever reads in a loop that outlives errors would fill the memory with its frames."""
    stream, _ = stream_of(failure("ModelStreamError"))
    lengths = []

    for _ in range(4):
        with pytest.raises(ModelStreamError) as caught:
            await anext(stream)
        lengths.append(len(traceback.extract_tb(caught.value.__traceback__)))

    assert [lengths[1]] * 3 == lengths[1:]


async def test_a_frame_that_is_too_long_fails_by_its_first_bytes() -> None:
    """Or a wrong length would be waited for, and memory kept for it."""
    lengths = (16 + MAX_PAYLOAD + 1).to_bytes(4) + bytes(4)
    stream, body = stream_of(BEFORE, lengths + crc32(lengths).to_bytes(4), Pieces.WAIT)

    with pytest.raises(EventStreamError, match=f"{MAX_PAYLOAD} are allowed") as caught:
        _ = [event async for event in stream]

    assert len(BEFORE) == caught.value.offset
    assert [Pieces.WAIT] == body.pieces


async def test_an_error_without_facts_to_tell_is_raised_too() -> None:
    """A middleware may have answered without the service: no request id, and no attempts."""
    stream = ResponseStream(Pieces([failure("ModelStreamError")]), MARSHALLER.event, Metadata(), "Mine")

    with pytest.raises(ModelStreamError) as caught:
        await anext(stream)

    assert ("Mine", None, ()) == (caught.value.operation, caught.value.request_id, caught.value.attempts)


async def test_the_end_stays_the_end_for_whoever_asks_for_the_next_event() -> None:
    """As of any iterator; `anext` with a default relies on it."""
    stream, _ = stream_of(part(b"one"))

    assert [PayloadPart(b"one"), None, None] == [await anext(stream, None) for _ in range(3)]


@pytest.mark.parametrize("left", ["one", "none"])
async def test_a_stream_closed_before_its_end_says_so(left: str) -> None:
    """To take half an answer for a whole one is the worst that can happen; even where all of it had come already."""
    stream, body = stream_of(part(b"one") + (part(b"two") if left == "one" else b""))
    await anext(stream)

    await stream.aclose()
    await stream.aclose()
    with pytest.raises(EventStreamError, match="closed before its end") as caught:
        await anext(stream)

    assert ("abc-123", (ATTEMPT,)) == (caught.value.request_id, caught.value.attempts)
    assert 0 < body.closed


async def test_a_reader_whose_stream_is_closed_by_another_task_does_not_see_an_end() -> None:
    """A transport may wake who waits with nothing, as at the end of a body."""
    stream, body = stream_of(part(b"one"), Pieces.WAIT)
    await anext(stream)
    reader = asyncio.create_task(anext(stream))
    await body.waiting.wait()

    await stream.aclose()
    with pytest.raises(EventStreamError, match="closed before its end"):
        await reader


async def test_a_cancelled_reader_has_closed_the_stream() -> None:
    """So that ``asyncio.timeout`` around a loop leaves nothing, with or without an ``async with``."""
    stream, body = stream_of(part(b"one"), Pieces.WAIT)
    await anext(stream)
    reader = asyncio.create_task(anext(stream))
    await body.waiting.wait()

    reader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reader

    assert 0 < body.closed
    with pytest.raises(EventStreamError, match="closed before its end"):
        await anext(stream)


async def test_an_end_that_cannot_be_told_from_a_cut_is_an_error() -> None:
    """A body that only the closing of the connection ends: half an answer stops between two frames as well."""
    stream, body = stream_of(BEFORE, delimited=False)
    got = []

    with pytest.raises(TruncatedResponseError, match="so its end cannot be told") as caught:
        await collect(stream, got)

    assert [PayloadPart(b"one"), PayloadPart(b"two")] == got
    assert "abc-123" == caught.value.request_id
    assert 0 < body.closed


@pytest.mark.parametrize("reads", [0, 1])
def test_a_stream_that_is_dropped_is_closed_with_one_warning(reads: int) -> None:
    """Its connection must not wait for somebody who has gone, and who forgot it should learn of it."""

    async def read(stream: ResponseStream) -> None:
        for _ in range(reads):
            await anext(stream)

    stream, body = stream_of(part(SECRET), part(b"two"))
    asyncio.run(read(stream))

    with pytest.warns(ResourceWarning) as told:
        del stream

    (warning,) = told
    assert "InvokeEndpointWithResponseStream was neither read to its end nor closed" in str(warning.message)
    assert SECRET.decode() not in str(warning.message)
    assert 1 == body.closed


def test_a_stream_that_is_dropped_is_closed_where_warnings_are_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    """The warning is raised then, in the middle of the finalizer, and the connection must be gone all the same."""
    unraisable = []
    monkeypatch.setattr(sys, "unraisablehook", lambda told: unraisable.append(told.exc_type))
    stream, body = stream_of(part(b"one"))

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        del stream

    assert [ResourceWarning] == unraisable
    assert 1 == body.closed


def test_a_stream_that_was_never_made_is_dropped_in_silence() -> None:
    """A constructor that raised, such as for a missing argument, still has its finalizer called."""
    with pytest.raises(TypeError):
        ResponseStream()
    gc.collect()


@pytest.mark.parametrize("double", [copy.copy, copy.deepcopy, pickle.dumps])
@pytest.mark.parametrize("holds", ["stream", "output"])
async def test_a_stream_cannot_be_doubled(double: Callable[[object], object], holds: str) -> None:
    """A second owner that is dropped would close the connection under the first."""
    stream, body = stream_of(part(b"one"), part(b"two"))
    output = InvokeEndpointWithResponseStreamOutput(body=stream)
    await anext(stream)

    if (double, holds) == (copy.copy, "output"):
        assert stream is copy.copy(output).body
    else:
        with pytest.raises(TypeError, match="a ResponseStream cannot be copied or pickled; read it first"):
            double(stream if holds == "stream" else output)
    gc.collect()

    assert 0 == body.closed
    assert [PayloadPart(b"two")] == [event async for event in stream]


async def test_a_repr_tells_the_state_and_never_the_bytes() -> None:
    """It ends up in logs, and what a model answers is sensitive."""
    stream, _ = stream_of(part(SECRET), event("Usage", SECRET))
    shown = [repr(stream)]
    events = [await anext(stream)]
    shown.append(repr(stream))
    events += [event async for event in stream]
    shown.append(repr(stream))
    closed, _ = stream_of(part(SECRET))
    await closed.aclose()

    received = len(part(SECRET) + event("Usage", SECRET))
    assert [
        "<ResponseStream, open, 0 bytes received>",
        f"<ResponseStream, open, {len(part(SECRET))} bytes received>",
        f"<ResponseStream, ended, {received} bytes received>",
    ] == shown
    assert "<ResponseStream, closed, 0 bytes received>" == repr(closed)
    assert "[PayloadPart(bytes=<19 bytes>), UnknownEvent(tag='Usage', payload=<19 bytes>)]" == repr(events)


TEXT = 'grüß\r\n\n{"a": 1}\ndata: 素\n\ndata: ✓'
WAYS = {
    "bytes": (lambda stream: stream.iter_bytes(), TEXT, lambda items: b"".join(items).decode()),
    "text": (lambda stream: stream.iter_text(), TEXT, "".join),
    "lines": (lambda stream: stream.iter_lines(), ["grüß", "", '{"a": 1}', "data: 素", "", "data: ✓"], list),
    "server-sent events": (
        lambda stream: stream.iter_server_sent_events(),
        [ServerSentEvent(data="素"), ServerSentEvent(data="✓")],
        list,
    ),
    "JSON": (lambda stream: stream.iter_json_lines(), [{"n": 1}, ["ü"], 3], list),
}


@given(st.sampled_from(sorted(WAYS)), _CUTS, _CUTS)
async def test_what_the_parts_make_up_does_not_depend_on_the_cuts(way: str, inside: list[int], http: list[int]) -> None:
    """Neither those between parts nor those of HTTP; events of unknown types between the parts change nothing."""
    read, expected, joined = WAYS[way]
    content = '{"n": 1}\r\n\n["ü"]\n3'.encode() if way == "JSON" else TEXT.encode()
    frames = [event("initial-response", b"{}")]
    for piece in cut(content, inside):
        frames += [part(piece), event("Usage", b"\xff\n")]
    stream, body = stream_of(*cut(b"".join(frames), http))

    items = [item async for item in read(stream)]

    assert expected == joined(items)
    assert 0 < body.closed
    assert stream.ended


@pytest.mark.parametrize(
    ("way", "expected"),
    [
        ("bytes", [b"data: 1\n\n", b"data: 2"]),
        ("text", ["data: 1\n\n", "data: 2"]),
        ("lines", ["data: 1", ""]),
        ("server-sent events", [ServerSentEvent(data="1")]),
    ],
)
async def test_a_failure_comes_after_what_was_whole_before_it(way: str, expected: list[object]) -> None:
    """A line or an event that the failure cut is no line and no event: only the end may complete them."""
    stream, body = stream_of(part(b"data: 1\n\n"), part(b"data: 2"), failure("ModelStreamError", ErrorCode="X"))
    got = []

    with pytest.raises(ModelStreamError) as caught:
        await collect(WAYS[way][0](stream), got)

    assert expected == got
    assert ("X", "abc-123") == (caught.value.error_code, caught.value.request_id)
    assert 0 < body.closed


@pytest.mark.parametrize("last", [part(b'{"never": "read"}\n'), b""], ids=["in the middle", "at the end"])
async def test_content_that_cannot_be_read_costs_nothing_before_it(last: bytes) -> None:
    """The documents before it are given out, the error tells the facts of the call, and the connection is let go."""
    stream, body = stream_of(part(b"1\n2\n") + part(b'3\n{"secret": 4111' + (b"\n" if last else b"")), last)
    got = []

    with pytest.raises(StreamContentError, match="line 4 of the stream") as caught:
        await collect(stream.iter_json_lines(), got)

    assert [1, 2, 3] == got
    assert "4111" not in str(caught.value)
    assert ("abc-123", (ATTEMPT,)) == (caught.value.request_id, caught.value.attempts)
    assert "InvokeEndpointWithResponseStream" == caught.value.operation
    assert 0 < body.closed


@pytest.mark.parametrize(
    ("read", "content", "expected"),
    [
        (lambda stream: stream.iter_json_lines(), b'{"n": 1}\n{"n": \n', [{"n": 1}]),
        (lambda stream: stream.iter_text(errors="strict"), b"one\xff", ["one"]),
        (lambda stream: stream.iter_lines(errors="strict"), b"one\ntwo\xff\n", ["one"]),
    ],
    ids=["JSON", "text", "lines"],
)
async def test_content_that_cannot_be_read_is_told_before_more_is_waited_for(
    read: Callable[[ResponseStream], AsyncIterable[object]], content: bytes, expected: list[object]
) -> None:
    """One part may hold good and bad; and the next may be a minute away, or never come."""
    next_part = part(b"never read")
    stream, body = stream_of(part(content), next_part)
    got: list[object] = []

    with pytest.raises(StreamContentError):
        await collect(read(stream), got)

    assert expected == got
    assert [next_part] == body.pieces
    assert 0 < body.closed


@pytest.mark.parametrize("way", WAYS)
async def test_leaving_a_loop_early_closes_the_stream(way: str) -> None:
    """A generator that is dropped is closed by its event loop, in a moment; what it held must not outlive it."""
    stream, body = stream_of(part(b"1\n"), part(b"data: 2\n\n"), part(b"3\n"))

    async for _ in WAYS[way][0](stream):
        break
    for _ in range(5):
        await asyncio.sleep(0)

    assert 0 < body.closed
    with pytest.raises(EventStreamError, match="closed before its end"):
        await anext(stream)


async def test_encoding_and_errors_are_those_asked_for() -> None:
    """A container may answer in an encoding of its own; strictly, its errors have a place."""
    latin, _ = stream_of(part(b"gr\xfc\xdf\n"))
    strict, _ = stream_of(part(b"a\xff"))
    misspelt, body = stream_of()

    assert ["grüß"] == [line async for line in latin.iter_lines("latin-1")]
    with pytest.raises(StreamContentError, match="at byte 1"):
        _ = [text async for text in strict.iter_text(errors="strict")]
    with pytest.raises(LookupError):
        misspelt.iter_text("utf-99")
    assert 0 == body.closed
    await misspelt.aclose()


@pytest.mark.parametrize("way", [*WAYS, "events"])
async def test_a_stream_that_was_read_is_not_read_again_as_an_empty_one(way: str) -> None:
    """Whoever reads in two places would take nothing for the whole answer the second time."""
    read = WAYS[way][0] if way in WAYS else aiter
    stream, body = stream_of(part(b"1"))

    async with stream:
        assert [PayloadPart(b"1")] == [event async for event in stream]
        for _ in range(2):
            with pytest.raises(
                EventStreamError, match="the stream was read to its end and can be read only once"
            ) as caught:
                async for _ in read(stream):
                    pass
    await stream.aclose()  # which is no reading

    assert caught.value.offset is None
    assert "abc-123" == caught.value.request_id
    assert stream.ended
    assert 0 < body.closed


@pytest.mark.parametrize("way", ["iter_text", "iter_lines", "iter_json_lines", "iter_server_sent_events"])
async def test_a_second_iterator_does_not_go_on_in_the_middle_of_a_line(way: str) -> None:
    """The first one, which was left with a break, has the beginning of it: the second read half a document."""
    stream, _ = stream_of(part(b'{"a": 1}\n{"b":'), part(b" 2}\n"))

    async with stream:
        first = stream.iter_json_lines()
        assert {"a": 1} == await anext(first)
        with pytest.raises(
            EventStreamError, match=r"another iterator has begun to read the stream, .*continue with that"
        ):
            await anext(getattr(stream, way)())
        assert [{"b": 2}] == [document async for document in first]


class Token(NamedTuple):
    """As a user's class of what a model sends."""

    text: str

    @classmethod
    def of(cls, data: str) -> Token:
        return cls(json.loads(data)["text"])


async def test_a_decoder_makes_what_comes_out_of_each_line() -> None:
    """A loads of another library, a class of one's own: any function of a line's text."""
    stream, _ = stream_of(part(b'{"text": "a"}\n\n{"te'), part(b'xt": "b"}'))
    async with stream:
        assert [Token("a"), Token("b")] == [token async for token in stream.iter_json_lines(decoder=Token.of)]


async def test_a_decoder_makes_what_comes_out_of_each_events_data() -> None:
    """The sentinel with which most LLMs end is no document."""
    stream, _ = stream_of(part(b'data: {"text": "a"}\n\ndata: {"te'), part(b'xt": "b"}\n\ndata: [DONE]\n\n'))
    async with stream:
        assert [Token("a"), Token("b")] == [token async for token in stream.iter_server_sent_events(decoder=Token.of)]


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b'{"SECRET": 1}', "KeyError"),
        (b'["SECRET"]', "TypeError"),
        (b'{"SECRET', "JSONDecodeError at column 2"),
    ],
)
@pytest.mark.parametrize("unit", ["line", "event"])
async def test_an_error_of_a_decoder_says_where_and_nothing_of_the_content(
    unit: str, data: bytes, problem: str
) -> None:
    """Validators put the value into their text; what came before is given out first."""
    pattern = b"data: %b\n\n" if unit == "event" else b"%b\n"
    stream, body = stream_of(part(b"".join(pattern % each for each in (b'{"text": "a"}', data, b'{"text": "never"}'))))
    got: list[Token] = []

    read = stream.iter_server_sent_events if unit == "event" else stream.iter_json_lines

    with pytest.raises(StreamContentError) as caught:
        await collect(read(decoder=Token.of), got)

    assert [Token("a")] == got
    assert re.search(f"^{unit} 2 of the stream cannot be (decoded|read as JSON): {problem}", caught.value.message)
    assert "SECRET" not in "".join(traceback.format_exception(caught.value))
    assert 0 < body.closed
