"""The file that `Recorder` writes and `Replayer` reads: JSON, with texts as texts, and nothing in it that is secret."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TypeAlias, cast

from attrs import define, field

from sagemaker_runtime import EventStreamError, Headers
from sagemaker_runtime.eventstream import Decoder, Message, encode
from sagemaker_runtime.testing.responses import EVENT_STREAM

Scrub: TypeAlias = Callable[[bytes], bytes]
"""Takes out of a body what must not be written down, and gives the rest. Of a stream, it gets each part's payload."""

VERSION = 1
SCRUBBED = "<scrubbed>"
# Only what is listed is written down: a list of secrets would never be complete, and dates and ids make every recording
# differ from the one before. A name that ends in a hyphen stands for all that begin so.
_REQUEST_HEADERS = ("accept", "content-type", "x-amzn-sagemaker-")
_RESPONSE_HEADERS = ("content-length", "content-type", "etag", "x-amz-retry-after", "x-amzn-")
_SENSITIVE = "x-amzn-sagemaker-custom-attributes"


@define(eq=False)
class Exchange:
    """One request, and what came of it."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    status: int | None = None
    """HTTP status; None where there was no answer."""

    answer_headers: dict[str, str] = field(factory=dict[str, str])
    pieces: list[bytes] = field(factory=list[bytes])
    """The answer's body as it was read."""

    ended: bool = False
    """Whether it was read to its end."""

    delimited: bool = True
    error: str | None = None
    """Name of the `TransportError` that the exchange, or the reading, ended with."""


def request_headers(headers: Headers) -> dict[str, str]:
    """What is written down of a request's headers."""
    return _kept(headers, _REQUEST_HEADERS)


def answer_headers(headers: Headers) -> dict[str, str]:
    """What is written down of an answer's headers."""
    return _kept(headers, _RESPONSE_HEADERS)


def _kept(headers: Headers, listed: tuple[str, ...]) -> dict[str, str]:
    return {
        name: SCRUBBED if name == _SENSITIVE else headers[name]
        for name in sorted(headers)
        if any(name.startswith(known) if known.endswith("-") else name == known for known in listed)
    }


def scrub_answer(exchange: Exchange, scrub: Scrub) -> None:
    """
    Take out of an answer's body what *scrub* takes out.

    A secret may lie across two pieces, and a frame has a checksum: so a stream is cut anew, a piece for each message,
    and any other body becomes one piece. What is broken in a stream is left out, and the answer then has no end.
    """
    if not exchange.answer_headers.get("content-type", "").startswith(EVENT_STREAM):
        exchange.pieces = [scrub(b"".join(exchange.pieces))]
        return
    pieces, exchange.pieces = exchange.pieces, []
    decoder = Decoder()
    try:
        for piece in pieces:
            decoder.feed(piece)
            while (message := decoder.take()) is not None:
                exchange.pieces.append(encode(Message(message.headers, scrub(message.payload))))
        decoder.end()
    except EventStreamError:
        exchange.ended = False


def dump(exchanges: Iterable[Exchange], path: Path) -> None:
    """Write the file, whole or not at all."""
    document = {"version": VERSION, "exchanges": [_to_json(exchange) for exchange in exchanges]}
    text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    beside = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        beside.write_text(text, encoding="utf-8")
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def load(path: Path) -> list[Exchange]:
    """
    Read the file.

    Raises:
        OSError: It cannot be read.
        ValueError: It is no recording, or one of another version.
    """
    document: object = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(document, dict) or cast("dict[str, object]", document).get("version") != VERSION:
        raise ValueError(f"{path} is no recording of version {VERSION}; make it anew with Recorder")
    return [
        _from_json(exchange)
        for exchange in cast("dict[str, list[dict[str, dict[str, object]]]]", document)["exchanges"]
    ]


def _to_json(exchange: Exchange) -> dict[str, object]:
    written: dict[str, object] = {
        "request": {
            "method": exchange.method,
            "path": exchange.path,
            "headers": exchange.headers,
            "body": _body_to_json(exchange.body),
        }
    }
    if exchange.status is not None:
        written["response"] = {
            "status": exchange.status,
            "headers": exchange.answer_headers,
            "pieces": [_body_to_json(piece) for piece in exchange.pieces],
            "ended": exchange.ended,
            "delimited": exchange.delimited,
        }
    if exchange.error is not None:
        written["error"] = exchange.error
    return written


def _from_json(written: Mapping[str, object]) -> Exchange:
    request = cast("dict[str, object]", written["request"])
    exchange = Exchange(
        cast("str", request["method"]),
        cast("str", request["path"]),
        cast("dict[str, str]", request["headers"]),
        _body_from_json(request["body"]),
        error=cast("str | None", written.get("error")),
    )
    response = cast("dict[str, object] | None", written.get("response"))
    if response is not None:
        exchange.status = cast("int", response["status"])
        exchange.answer_headers = cast("dict[str, str]", response["headers"])
        exchange.pieces = [_body_from_json(piece) for piece in cast("list[object]", response["pieces"])]
        exchange.ended = cast("bool", response["ended"])
        exchange.delimited = cast("bool", response["delimited"])
    return exchange


def _body_to_json(body: bytes) -> object:
    """A text as it is, so that it can be read and compared; else in base64."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(body).decode()}
    if all(character.isprintable() or character in "\t\n\r" for character in text):
        return text
    return {"base64": base64.b64encode(body).decode()}


def _body_from_json(written: object) -> bytes:
    if isinstance(written, str):
        return written.encode()
    return base64.b64decode(cast("dict[str, str]", written)["base64"])
