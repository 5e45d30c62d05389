"""Event streams: what comes out is what went in, and what is broken is refused, by name and place."""

from __future__ import annotations

import enum
import random
import tracemalloc
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID
from zlib import crc32

import pytest
from hypothesis import given, strategies as st

from sagemaker_runtime.errors import EventStreamError
from sagemaker_runtime.streams.frames import Decoder, HeaderValue, Int8, Int16, Int32, Message, Timestamp, encode

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST, LAST = -62_135_596_800_000, 253_402_300_799_999  # the milliseconds that datetime can hold
PART = Message({":message-type": "event", ":event-type": "PayloadPart"}, b"a part")


def frame(block: bytes, payload: bytes = b"", *, total: int | None = None, headers: int | None = None) -> bytes:
    """A frame by hand, its checksums right whatever lengths it claims."""
    total = 16 + len(block) + len(payload) if total is None else total
    lengths = total.to_bytes(4) + (len(block) if headers is None else headers).to_bytes(4)
    body = lengths + crc32(lengths).to_bytes(4) + block + payload
    return body + crc32(body).to_bytes(4)


def take_all(decoder: Decoder) -> list[Message]:
    return list(iter(decoder.take, None))


def read(decoder: Decoder, chunks: Iterable[bytes], messages: list[Message]) -> None:
    """Add the messages to a list as they come, so that those before an error are kept."""
    for chunk in chunks:
        decoder.feed(chunk)
        while (message := decoder.take()) is not None:
            messages.append(message)


def decoded(chunks: Iterable[bytes]) -> list[Message]:
    """The messages of a whole stream."""
    decoder, messages = Decoder(), list[Message]()
    read(decoder, chunks, messages)
    decoder.end()
    return messages


def in_chunks(stream: bytes, size: int) -> list[bytes]:
    return [stream[at : at + size] for at in range(0, len(stream), size)]


def typed(headers: Iterable[tuple[str, HeaderValue]]) -> list[tuple[str, type, HeaderValue]]:
    return [(name, type(value), value) for name, value in headers]


_NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60)
_VALUES = st.one_of(
    st.booleans(),
    st.integers(-(2**7), 2**7 - 1).map(Int8),
    st.integers(-(2**15), 2**15 - 1).map(Int16),
    st.integers(-(2**31), 2**31 - 1).map(Int32),
    st.integers(-(2**63), 2**63 - 1),
    st.binary(max_size=40),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
    st.integers(FIRST, LAST).map(lambda milliseconds: EPOCH + timedelta(milliseconds=milliseconds)),
    (st.integers(-(2**63), FIRST - 1) | st.integers(LAST + 1, 2**63 - 1)).map(Timestamp),
    st.uuids(),
)
_MESSAGES = st.builds(Message, st.dictionaries(_NAMES, _VALUES, max_size=5), st.binary(max_size=200))


@given(st.lists(_MESSAGES, max_size=4), st.integers(1, 300))
def test_a_decoded_message_is_the_one_that_was_encoded(messages: list[Message], size: int) -> None:
    """Of every type, in every size of chunk; a number that changed its type would be encoded as another one."""
    stream = b"".join(map(encode, messages))

    found = decoded(in_chunks(stream, size))

    assert messages == found
    assert [typed(message.headers.items()) for message in messages] == [typed(one.headers.items()) for one in found]


_RAW = st.one_of(
    st.sampled_from([b"\0", b"\1"]),
    *(
        st.binary(min_size=size, max_size=size).map(bytes((kind,)).__add__)
        for kind, size in ((2, 1), (3, 2), (4, 4), (5, 8), (8, 8), (9, 16))
    ),
    st.binary(max_size=40).map(lambda raw: b"\6" + len(raw).to_bytes(2) + raw),
    st.text(max_size=20).map(lambda text: b"\7" + len(text.encode()).to_bytes(2) + text.encode()),
)


@given(st.dictionaries(_NAMES.map(str.encode), _RAW, max_size=5), st.binary(max_size=50))
def test_an_encoded_message_is_the_frame_it_was_decoded_from(headers: dict[bytes, bytes], payload: bytes) -> None:
    """Whatever bits a value has on the wire, times before year 1 among them: what is passed on must not change."""
    block = b"".join(bytes((len(name),)) + name + raw for name, raw in headers.items())
    wire = frame(block, payload)

    [message] = decoded([wire])

    assert wire == encode(message)


def test_all_that_was_fed_can_be_taken_later() -> None:
    """A reader may be slower than the network, and nobody promises to take between two chunks."""
    messages = [Message({"n": number}, bytes(number)) for number in range(200)]
    decoder = Decoder()

    for chunk in in_chunks(b"".join(map(encode, messages)), 97):
        decoder.feed(chunk)

    assert messages == take_all(decoder)
    decoder.end()


LARGE = [Message({"n": number}, bytes(range(256)) * 40) for number in range(3)]
LARGE_FRAME = len(encode(LARGE[0]))


@pytest.mark.parametrize("cut", [1, 11, 12, 13, 20, *range(LARGE_FRAME - 5, LARGE_FRAME + 2), LARGE_FRAME + 13])
@pytest.mark.parametrize("second", [1, 3, 5000, 3 * LARGE_FRAME])
@pytest.mark.parametrize("asked", [True, False])
def test_a_large_message_is_put_together_out_of_whatever_pieces_it_comes_in(
    cut: int, second: int, *, asked: bool
) -> None:
    """Its payload is copied out of them without being joined: each mark of the frame may lie across two pieces."""
    stream = b"".join(map(encode, LARGE))
    decoder, found = Decoder(), []

    for piece in (stream[:cut], stream[cut : cut + second], stream[cut + second :]):
        decoder.feed(piece)
        found += take_all(decoder) if asked else []
    found += take_all(decoder)

    assert LARGE == found
    decoder.end()


@pytest.mark.parametrize("at", [20, 5000, LARGE_FRAME - 2])
def test_a_large_message_in_pieces_that_is_corrupted_is_refused(at: int) -> None:
    """The checksum is reckoned from piece to piece, and must cover all of them."""
    wire = bytearray(encode(LARGE[0]))
    wire[at] ^= 1
    decoder = Decoder()
    decoder.feed(bytes(wire[:4000]))
    assert decoder.take() is None
    decoder.feed(bytes(wire[4000:]))

    with pytest.raises(EventStreamError, match="checksum"):
        decoder.take()


@pytest.mark.parametrize("size", [1, 36, 4096, 100_000])
def test_frames_that_begin_alike_are_not_taken_for_each_other(size: int) -> None:
    """What was seen before is remembered by a frame's lengths, and they say nothing of the headers' values."""
    messages = [Message({"n": Int32(number % 3)}, bytes((number,)) * size) for number in range(9)]

    assert messages == decoded([b"".join(map(encode, messages))])


@pytest.mark.parametrize("size", [1, 600, 5000])
def test_messages_with_equal_headers_share_them(size: int) -> None:
    """Nothing may be changed in what another message shows as well."""
    first, second = decoded([encode(Message({"x": "y" * size}, b"1")) + encode(Message({"x": "y" * size}, b"2"))])

    assert first.headers == second.headers
    with pytest.raises(TypeError, match="item assignment"):
        first.headers["x"] = "z"  # type: ignore[index]


def test_of_two_headers_with_one_name_the_last_counts() -> None:
    """As in the Go and Rust SDKs; the protocol says nothing."""
    [message] = decoded([frame(b"\1x\0" + b"\1y\0" + b"\1x\1")])

    assert {"x": False, "y": True} == message.headers


def test_a_message_shows_only_what_belongs_to_the_protocol() -> None:
    """Bodies are sensitive, and so may be what a model puts beside them."""
    message = Message({":event-type": "PayloadPart", "patient": "Ada"}, b"secret")

    assert "<Message {':event-type': 'PayloadPart', 'patient': ...}, payload of 6 bytes>" == repr(message)


BROKEN = {
    "the prelude does not match its checksum": b"\0\0\0\x10\0\0\0\0\0\0\0\0",
    "the total length is 15 bytes, but no frame is shorter than 16": frame(b"", total=15),
    "the headers have 1 bytes in a frame of 16": frame(b"", headers=1),
    "the headers have 131073 bytes; 131072 are allowed": frame(b"", total=2**20, headers=2**17 + 1),
    "the payload has 4294967279 bytes; 25165824 are allowed (max_payload)": frame(b"", total=2**32 - 1),
    "the message does not match its checksum": frame(b"", b"x")[:-1] + b"x",
    "a header's name is empty": frame(b"\0\0"),
    "a header's name runs past the end of the headers": frame(b"\4abc\0"),
    "a header's name is not UTF-8": frame(b"\1\xff\0"),
    "header 'x' has type 10; the types are 0 to 9": frame(b"\1x\x0a"),
    "header 'x' runs past the end of the headers": frame(b"\1x\5\0\0\0\0\0\0\0"),
    "header 'y' runs past the end of the headers": frame(b"\1y\7\0\3ab"),
    "header 'z' runs past the end of the headers": frame(b"\1z\6\0"),
    "header 'x' has 32768 bytes; 32767 are allowed": frame(b"\1x\6\x80\0" + bytes(2**15)),
    "header 'x' is not UTF-8": frame(b"\1x\7\0\1\xff"),
}


@pytest.mark.parametrize(("problem", "wire"), BROKEN.items(), ids=BROKEN)
@pytest.mark.parametrize("size", [1, 2**20])
def test_a_broken_frame_is_named_and_ends_the_stream(problem: str, wire: bytes, size: int) -> None:
    """What came before it is good and is given out; after it nobody knows where a frame begins."""
    good = encode(PART)
    decoder = Decoder()
    found: list[Message] = []

    with pytest.raises(EventStreamError) as first:
        read(decoder, in_chunks(good * 2 + wire + good, size), found)

    assert [PART, PART] == found
    assert (problem, 2 * len(good)) == (first.value.message, first.value.offset)
    for again in (decoder.take, decoder.end, lambda: decoder.feed(good)):
        with pytest.raises(EventStreamError) as error:
            again()
        assert first.value.args == error.value.args


@pytest.mark.parametrize("wire", [frame(b"", total=2**32 - 1), frame(b"", headers=2**32 - 1), bytes(range(12))])
def test_a_wrong_length_is_refused_with_the_prelude(wire: bytes) -> None:
    """A hostile length must not make us wait for gigabytes, nor a flipped bit in it."""
    decoder = Decoder()

    decoder.feed(wire[:11])
    assert decoder.take() is None
    decoder.feed(wire[11:12])

    with pytest.raises(EventStreamError):
        decoder.take()


def test_the_longest_payload_is_the_callers_choice() -> None:
    """The limit bounds memory; at the limit a payload is good."""
    decoder = Decoder(max_payload=10)

    decoder.feed(frame(b"\1x\0", bytes(10)) + frame(b"", bytes(11)))

    assert Message({"x": True}, bytes(10)) == decoder.take()
    with pytest.raises(EventStreamError, match="11 bytes; 10 are allowed") as error:
        decoder.take()
    assert 29 == error.value.offset


@pytest.mark.parametrize("size", [1, 2**20])
def test_a_stream_that_stops_inside_a_frame_is_an_error(size: int) -> None:
    """Go's reader ends in silence at some of these places, and half an answer passes for a whole one."""
    messages = [PART, Message({}, b""), Message({"x": 1}, bytes(30)), PART]
    frames = [encode(message) for message in messages]
    stream = b"".join(frames)
    starts = [sum(map(len, frames[:count])) for count in range(len(frames) + 1)]

    for cut in range(len(stream) + 1):
        whole = max(count for count, start in enumerate(starts) if start <= cut)
        decoder = Decoder()
        found: list[Message] = []
        read(decoder, in_chunks(stream[:cut], size), found)

        assert messages[:whole] == found
        if cut in starts:
            decoder.end()
        else:
            with pytest.raises(EventStreamError, match="stopped inside the frame") as error:
                decoder.end()
            assert starts[whole] == error.value.offset


def flip(stream: bytearray, draw: random.Random) -> None:
    for _ in range(draw.randint(1, 3)):
        stream[draw.randrange(len(stream))] = draw.randrange(256)


def delete(stream: bytearray, draw: random.Random) -> None:
    at = draw.randrange(len(stream))
    del stream[at : at + draw.randint(1, 15)]  # shorter than any frame


def insert(stream: bytearray, draw: random.Random) -> None:
    at = draw.randrange(len(stream) + 1)
    stream[at:at] = draw.randbytes(draw.randint(1, 15))


def truncate(stream: bytearray, draw: random.Random) -> None:
    del stream[draw.randrange(len(stream)) :]


@pytest.mark.parametrize("corrupt", [flip, delete, insert, truncate])
def test_no_corruption_gets_through(corrupt) -> None:
    """100,000 of them: each is noticed, and no message is another than the one that was sent in its place."""
    draw = random.Random(20170513)
    messages = [PART, PART, Message({"x": Int16(7), "y": b"raw"}, bytes(20)), Message({}, b""), PART]
    stream = b"".join(map(encode, messages))
    prefixes = [b"".join(map(encode, messages[:count])) for count in range(len(messages) + 1)]

    for _ in range(25_000):
        broken = bytearray(stream)
        corrupt(broken, draw)
        wire = bytes(broken)
        middle = draw.randrange(len(stream))
        decoder = Decoder()
        found: list[Message] = []
        noticed = False
        try:
            read(decoder, (wire[:middle], wire[middle:]), found)
            decoder.end()
        except EventStreamError:
            noticed = True

        assert messages[: len(found)] == found
        assert noticed or wire in prefixes  # cut between two frames, or what was flipped is what it was


@pytest.mark.slow
@pytest.mark.parametrize(("size", "length", "copies"), [(2, 200_000, 100), (16 * 1024, 4_000_000, 3)])
def test_a_large_frame_in_many_pieces_is_copied_a_bounded_number_of_times(size: int, length: int, copies: int) -> None:
    """A copy must be allocated, so the sum of what each step allocates tells a quadratic decoder from a linear one."""
    message = Message({}, random.Random(1).randbytes(length))
    stream = encode(message)
    decoder = Decoder()
    copied = most = held = 0

    tracemalloc.start()
    try:
        for at in range(0, len(stream), size):
            chunk = stream[at : at + size]
            before = tracemalloc.get_traced_memory()[0]
            tracemalloc.reset_peak()
            decoder.feed(chunk)
            found = decoder.take()
            held, peak = tracemalloc.get_traced_memory()
            most = max(most, peak)
            if peak - before > 4096:  # below that it is the step's own objects
                copied += peak - before
    finally:
        tracemalloc.stop()

    assert message == found
    assert copied < copies * length  # to copy all there is with each piece would be 50,000 times, or 120
    assert most < 4 * length + 200_000  # though each piece of two bytes is an object of 35
    assert held < 1.5 * length  # the message, and not the frame as well


@pytest.mark.slow
def test_a_long_stream_needs_no_more_memory_than_a_short_one() -> None:
    """100,000 frames, each fourth with a new head: what is remembered is bounded, and what was taken is gone."""
    decoder = Decoder()
    peaks = []
    streams = []  # made before memory is measured, so that what is measured is the decoder's alone
    for start in range(0, 100_000, 2000):
        name = "n" * (1 + start // 2000)  # so that no prelude comes twice
        numbers = range(start, start + 2000)
        messages = (PART if number % 4 else Message({name: number}, bytes(number % 2000)) for number in numbers)
        streams.append(in_chunks(b"".join(map(encode, messages)), 4096))

    tracemalloc.start()
    try:
        for chunks in streams:
            tracemalloc.reset_peak()
            for chunk in chunks:
                decoder.feed(chunk)
                while decoder.take() is not None:
                    pass
            peaks.append(tracemalloc.get_traced_memory()[1])
    finally:
        tracemalloc.stop()

    assert max(peaks[1:]) < peaks[0] + 200_000  # to remember each of the 25,000 heads would be 10 MB


@pytest.mark.parametrize("rest", [b"", b"\0\0\0\x20\0"])
def test_nothing_of_a_chunk_is_kept_but_what_was_not_taken(rest: bytes) -> None:
    """A stream that pauses for a minute must not hold a megabyte for five bytes."""
    decoder = Decoder()

    tracemalloc.start()
    try:
        decoder.feed(encode(PART) * 10_000 + rest)
        fed = tracemalloc.get_traced_memory()[0]
        while decoder.take() is not None:
            pass
        held = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()

    assert fed > 500_000
    assert held < 100_000


class Color(enum.IntEnum):
    """Numbers under names, as users write them."""

    RED = 1


@pytest.mark.parametrize(
    ("value", "wire"),
    [
        (1, "05 0000000000000001"),
        (Color.RED, "05 0000000000000001"),
        (datetime(1970, 1, 1, 2, 0, 0, 1999, tzinfo=timezone(timedelta(hours=2))), "08 0000000000000001"),
        (datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC), "08 ffffffffffffffff"),
        (Timestamp(-1), "08 ffffffffffffffff"),
        (UUID(int=1), "09 00000000000000000000000000000001"),
    ],
    ids=repr,
)
def test_a_value_is_encoded_by_its_python_type(value: HeaderValue, wire: str) -> None:
    """A plain number has the widest type, so that none fails by its size; times lose what is below a millisecond."""
    assert frame(b"\1x" + bytes.fromhex(wire)) == encode(Message({"x": value}))


@pytest.mark.parametrize(
    ("message", "kind", "problem"),
    [
        (Message({"": True}), ValueError, "header name '' has 0 bytes; 1 to 255 are allowed"),
        (Message({"é" * 128: True}), ValueError, "has 256 bytes; 1 to 255"),
        (Message({"\ud800": True}), ValueError, "lone surrogate"),
        (Message({"x": "secret\ud800"}), ValueError, "header 'x' has a lone surrogate"),
        (Message({"x": datetime(2026, 1, 1)}), ValueError, "header 'x' is a time without a time zone"),  # noqa: DTZ001
        (Message({"x": 1.5}), TypeError, "header 'x' is of type float"),  # type: ignore[dict-item]
    ],
    ids=["empty", "long", "name", "text", "time", "type"],
)
def test_what_the_wire_cannot_carry_is_refused(message: Message, kind: type[Exception], problem: str) -> None:
    """Where it is made, and not by the peer that reads it; the value, which may be sensitive, is not told."""
    with pytest.raises(kind, match=problem) as error:
        encode(message)

    assert "secret" not in str(error.value)


def test_the_limits_themselves_are_allowed() -> None:
    """A name of 255 bytes, a value of 32,767, headers of 128 KiB, a payload of 24 MiB."""
    headers: dict[str, HeaderValue] = {"é" * 127 + "n": True}
    headers |= {name: bytes(2**15 - 1) for name in "abc"}
    headers["rest"] = b""
    room = 2**17 - (len(encode(Message(headers))) - 16)
    message = Message({**headers, "rest": bytes(room)}, bytes(24 * 2**20))

    [found] = decoded([encode(message)])

    assert message == found
    with pytest.raises(ValueError, match="the headers have 131073 bytes; 131072 are allowed"):
        encode(Message({**headers, "rest": bytes(room + 1)}))
