"""The event-stream decoder and encoder against the frames of seven other implementations."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zlib import crc32

import pytest
from conformance.conftest import cases, load, tally

from sagemaker_runtime.errors import EventStreamError
from sagemaker_runtime.streams.frames import Decoder, HeaderValue, Int8, Int16, Int32, Message, encode

VALUES: dict[str, Callable[[Any], HeaderValue]] = {
    "boolean": bool,
    "byte": Int8,
    "short": Int16,
    "integer": Int32,
    "long": int,
    "blob": base64.b64decode,
    "string": str,
    "timestamp_ms": lambda milliseconds: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds),
    "uuid": UUID,
}


def expected(headers: list[dict[str, Any]]) -> list[tuple[str, type, HeaderValue]]:
    """The headers of a case, each with its type, as 1, True and a byte of 1 are equal."""
    values = [(header["name"], VALUES[header["type"]](header["value"])) for header in headers]
    return [(name, type(value), value) for name, value in values]


def typed(message: Message) -> list[tuple[str, type, HeaderValue]]:
    return [(name, type(value), value) for name, value in message.headers.items()]


def decoded(chunks: Iterable[bytes], decoder: Decoder | None = None) -> list[Message]:
    """The messages of a whole stream; each must come with the chunk that completes it."""
    decoder = decoder or Decoder()
    messages: list[Message] = []
    fed = b""
    for chunk in chunks:
        decoder.feed(chunk)
        fed += chunk
        messages += iter(decoder.take, None)
        assert complete(fed) == len(messages)
    decoder.end()
    return messages


def complete(stream: bytes) -> int:
    """How many whole frames a stream begins with."""
    count = at = 0
    while len(stream) - at >= 4 and at + int.from_bytes(stream[at : at + 4]) <= len(stream):
        at += int.from_bytes(stream[at : at + 4])
        count += 1
    return count


POSITIVE = cases("eventstream/frames-positive.json", id=lambda case: case["id"])


@pytest.mark.parametrize("case", POSITIVE)
def test_a_frame_is_decoded_and_encoded_as_elsewhere(case):
    """Value for value, type for type, and byte for byte on the way back."""
    wire = base64.b64decode(case["encoded_b64"])

    [message] = decoded([wire])

    assert expected(case["headers"]) == typed(message)
    assert base64.b64decode(case["payload_b64"]) == message.payload
    assert wire == encode(message)


@pytest.mark.parametrize("case", POSITIVE)
def test_a_frame_may_be_split_anywhere(case):
    """The network cuts where it likes: at every place into two chunks, and into single bytes."""
    wire = base64.b64decode(case["encoded_b64"])
    whole = decoded([wire])

    for at in range(len(wire) + 1):
        assert whole == decoded([wire[:at], wire[at:]])
    assert whole == decoded(wire[at : at + 1] for at in range(len(wire)))


DUPLICATES = "of two headers with one name the last counts, as in the Go and Rust SDKs"
EMPTY = "a stream without frames is whole"
NOT_BROKEN = {
    "botocore/DUPLICATE_HEADER": DUPLICATES,
    "smithy-python/DUPLICATE_HEADER": DUPLICATES,
    "smithy-python/EMPTY_SOURCE": EMPTY,
}
SAID = {
    "prelude checksum mismatch": "the prelude does not match its checksum",
    "message checksum mismatch": "the message does not match its checksum",
    "headers length exceeds message": "the headers have .* bytes in a frame of",
    "truncated prelude": "stopped inside the frame",
    "truncated message": "stopped inside the frame",
    None: "has 32768 bytes; 32767 are allowed",
}
NEGATIVE = cases(
    "eventstream/frames-negative.json", id=lambda case: case["id"], skip=lambda case: NOT_BROKEN.get(case["id"])
)


@pytest.mark.parametrize("case", NEGATIVE)
def test_a_broken_frame_is_refused_as_elsewhere(case):
    """And for the same reason; a payload that is too long is known by its prelude, which is all that is sent of it."""
    decoder, problem = Decoder(), SAID[case.get("own_decoder_says")]
    if case["encoded_b64"] is None:
        lengths = case["length"].to_bytes(4) + bytes(4)
        wire, problem = lengths + crc32(lengths).to_bytes(4), "the payload has .* bytes"
        if case["id"].startswith("smithy-python/"):
            decoder = Decoder(max_payload=16 * 2**20)  # its limit
    else:
        wire = base64.b64decode(case["encoded_b64"])

    decoder.feed(wire)

    with pytest.raises(EventStreamError, match=problem):  # noqa: PT012 - by either, as a reader would call them
        decoder.take()
        decoder.end()


@pytest.mark.parametrize(
    "case",
    cases(
        "eventstream/frames-negative.json",
        lambda document: [case for case in document if case["id"] in NOT_BROKEN],
        id=lambda case: case["id"],
    ),
)
def test_what_is_broken_elsewhere_and_not_here_is_decoded(case):
    """Refusing it would lose answers that the Go SDK takes."""
    messages = decoded([base64.b64decode(case["encoded_b64"])])

    assert [] == messages if NOT_BROKEN[case["id"]] == EMPTY else [["test"]] == [[*one.headers] for one in messages]


BLOCKS = cases("eventstream/header-blocks.json", id=lambda case: case["id"])


@pytest.mark.parametrize("case", BLOCKS)
def test_a_header_block_is_decoded_and_encoded_as_elsewhere(case):
    """Each type by itself, at the ends of its range."""
    block = bytes.fromhex(case["encoded_hex"])
    lengths = (16 + len(block)).to_bytes(4) + len(block).to_bytes(4)
    body = lengths + crc32(lengths).to_bytes(4) + block
    wire = body + crc32(body).to_bytes(4)

    if "error" in case:
        with pytest.raises(EventStreamError, match="type 10"):
            decoded([wire])
    else:
        [message] = decoded([wire])
        assert expected(case["headers"]) == typed(message)
        assert wire == encode(message)


NETWORK = "the decoder has no source to close; it is fed"
STREAMS = cases(
    "eventstream/streaming.json",
    id=lambda case: case["id"],
    skip=lambda case: NETWORK if case["id"] == "smithy-python/read after close" else None,
)


def chunkings(case: dict[str, Any]) -> list[list[bytes]]:
    """The stream of a case, in each way it is to be cut."""
    if "bytes_hex_chunks" in case:
        return [[bytes.fromhex(chunk) for chunk in case["bytes_hex_chunks"]]]
    frames = {frame["id"]: frame["encoded_b64"] for frame in load("eventstream/frames-positive.json")}
    parts = [case["bytes_b64"]] if "bytes_b64" in case else [frames[name] for name in case["frames"]]
    stream = b"".join(map(base64.b64decode, parts))
    stream = stream[: len(stream) - case.get("drop_last_bytes", 0)]
    if "split_at" in case:
        [at] = case["split_at"]
        return [[stream[:at], stream[at:]]]
    sizes = [len(stream) if size == "all" else size for size in case["chunk_sizes"]]
    return [[stream[at : at + size] for at in range(0, len(stream), size)] for size in sizes]


@pytest.mark.parametrize("case", STREAMS)
def test_a_stream_in_chunks_is_decoded_as_elsewhere(case):
    """Every message once, in order, with the chunk that completes it; what is cut off is an error."""
    for chunks in chunkings(case):
        if "drop_last_bytes" in case:
            with pytest.raises(EventStreamError, match="stopped inside the frame"):
                decoded(chunks)
        else:
            messages = decoded(chunks)
            assert b"".join(chunks) == b"".join(map(encode, messages))


BEYOND: dict[str, Callable[[int], Message]] = {
    "encode byte header": lambda value: Message({"x": Int8(value)}),
    "encode short header": lambda value: Message({"x": Int16(value)}),
    "encode int header": lambda value: Message({"x": Int32(value)}),
    "encode long header": lambda value: Message({"x": value}),
    "header value longer than 32767 bytes": lambda _: Message({"x": "y" * 32_768}),
    "headers block longer than 131072 bytes": lambda _: Message({str(number): bytes(32_000) for number in range(5)}),
    "payload longer than 16 MiB": lambda _: Message({}, bytes(24 * 2**20 + 1)),  # ours is botocore's, 24 MiB
}
LIMITS = cases("eventstream/encode-limits.json", id=lambda case: case["op"])


@pytest.mark.parametrize("case", LIMITS)
def test_what_is_beyond_a_limit_is_not_encoded(case):
    """A peer would refuse it, and say less of the cause."""
    message = BEYOND[case["op"]](case.get("value", 0))

    with pytest.raises(ValueError, match=r"does not fit|are allowed"):
        encode(message)


def test_only_what_is_no_frame_or_good_here_is_skipped():
    """A case that is dropped, or a new one that does not run, is noticed here."""
    assert tally(POSITIVE) == {"run": 37}
    assert tally(NEGATIVE) == {"run": 20, DUPLICATES: 2, EMPTY: 1}
    assert tally(BLOCKS) == {"run": 20}
    assert tally(STREAMS) == {"run": 12, NETWORK: 1}
    assert tally(LIMITS) == {"run": 7}
