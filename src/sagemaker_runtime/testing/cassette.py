"""The file that `Recorder` writes and `Replayer` reads: JSON, readable where bodies are text, and without secrets."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from types import NoneType
from typing import TypeAlias, TypeGuard, TypeVar

from attrs import define, field

from sagemaker_runtime import EventStreamError, Headers
from sagemaker_runtime.redaction import Secrets
from sagemaker_runtime.streams.frames import Decoder, HeaderValue, Message, encode
from sagemaker_runtime.testing.responses import EVENT_STREAM

Scrub: TypeAlias = Callable[[bytes], bytes]
"""Takes a body and returns it without what must not be recorded. For a stream, it gets the payload of each part."""

T = TypeVar("T")
U = TypeVar("U")

_OBJECT: type[dict[str, object]] = dict
_ARRAY: type[list[object]] = list

VERSION = 1
SCRUBBED = "<scrubbed>"
# Only these headers are recorded: a list of secret ones would never be complete, and with dates and ids every recording
# would differ from the one before. A name that ends in a hyphen is a prefix.
_REQUEST_HEADERS = ("accept", "content-type", "x-amzn-sagemaker-")
_RESPONSE_HEADERS = (
    *("content-length", "content-type", "etag", "x-amzn-"),
    *("x-amz-bucket-region", "x-amz-request-id", "x-amz-retry-after"),
)
_SENSITIVE = "x-amzn-sagemaker-custom-attributes"


@define(eq=False)
class Exchange:
    """One request and its outcome."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    status: int | None = None
    """HTTP status; None if there was no response."""

    response_headers: dict[str, str] = field(factory=dict[str, str])
    pieces: list[bytes] = field(factory=list[bytes])
    """The response's body, in the pieces in which it was read."""

    ended: bool = False
    """Whether it was read to its end."""

    delimited: bool = True
    """Whether the response stated where its body ends: by a length, or by chunked coding."""
    error: str | None = None
    """Name of the `TransportError` that the exchange, or the reading of the body, ended with."""

    secrets: Secrets = field(factory=Secrets, repr=False)
    """What was sent but must not be recorded, even if a response quotes it. They never get into the file."""


def request_headers(headers: Headers) -> dict[str, str]:
    """The headers of a request that are recorded."""
    return _listed(headers, _REQUEST_HEADERS)


def response_headers(headers: Headers) -> dict[str, str]:
    """The headers of a response that are recorded."""
    return _listed(headers, _RESPONSE_HEADERS)


def _listed(headers: Headers, listed: tuple[str, ...]) -> dict[str, str]:
    return {
        name: SCRUBBED if name == _SENSITIVE else headers[name]
        for name in sorted(headers)
        if any(name.startswith(known) if known.endswith("-") else name == known for known in listed)
    }


def scrub_response(exchange: Exchange, scrub: Scrub | None) -> None:
    """
    Remove the request's secrets from a response, and what *scrub* removes from its body.

    A secret may span two pieces, and each frame has a checksum. So a stream is encoded again, one piece for each message,
    and any other body becomes one piece. If a stream is broken, the rest is left out, and the response is recorded as not
    read to its end.
    """
    for name, value in exchange.response_headers.items():
        exchange.response_headers[name] = exchange.secrets.redact(value, SCRUBBED)
    whole = b"".join(exchange.pieces)
    if scrub is None and whole == exchange.secrets.redact_bytes(whole, SCRUBBED):
        return

    def clean(body: bytes) -> bytes:
        body = exchange.secrets.redact_bytes(body, SCRUBBED)
        return body if scrub is None else scrub(body)

    if not exchange.response_headers.get("content-type", "").startswith(EVENT_STREAM):
        exchange.pieces = [clean(whole)]
        return
    pieces, exchange.pieces = exchange.pieces, []
    decoder = Decoder()
    try:
        for piece in pieces:
            decoder.feed(piece)
            while (message := decoder.take()) is not None:
                headers = {name: _clean(value, exchange.secrets) for name, value in message.headers.items()}
                exchange.pieces.append(encode(Message(headers, clean(message.payload))))
        decoder.end()
    except EventStreamError:
        exchange.ended = False


def _clean(value: HeaderValue, secrets: Secrets) -> HeaderValue:
    if isinstance(value, str):
        return secrets.redact(value, SCRUBBED)
    return secrets.redact_bytes(value, SCRUBBED) if isinstance(value, bytes) else value


def dump(exchanges: Iterable[Exchange], path: Path) -> None:
    """Write the file atomically."""
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
        ValueError: It is not a recording, or has another version.
    """
    try:
        document: object = json.loads(path.read_text(encoding="utf-8"))
        if _member(document, "version", int) != VERSION:
            raise ValueError("another version")
        return [_from_json(exchange) for exchange in _member(document, "exchanges", _ARRAY)]
    except ValueError as error:
        raise ValueError(
            f"{path} is not a recording of version {VERSION} ({error}); record it again with Recorder"
        ) from None


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
            "headers": exchange.response_headers,
            "pieces": [_body_to_json(piece) for piece in exchange.pieces],
            "ended": exchange.ended,
            "delimited": exchange.delimited,
        }
    if exchange.error is not None:
        written["error"] = exchange.error
    return written


def _from_json(written: object) -> Exchange:
    request = _member(written, "request", _OBJECT)
    exchange = Exchange(
        _member(request, "method", str),
        _member(request, "path", str),
        _headers_from_json(request),
        _body_from_json(_member(request, "body", (str, _OBJECT))),
        error=_member(written, "error", (str, NoneType)),
    )
    response = _member(written, "response", (_OBJECT, NoneType))
    if response is not None:
        exchange.status = _member(response, "status", int)
        exchange.response_headers = _headers_from_json(response)
        exchange.pieces = [_body_from_json(piece) for piece in _member(response, "pieces", _ARRAY)]
        exchange.ended = _member(response, "ended", bool)
        exchange.delimited = _member(response, "delimited", bool)
    return exchange


def _headers_from_json(written: object) -> dict[str, str]:
    headers = _member(written, "headers", _OBJECT)
    return {name: _member(headers, name, str) for name in headers}


def _member(written: object, name: str, kind: type[T] | tuple[type[T], type[U]]) -> T | U:
    """A member of an object; None if it is missing and *kind* allows that."""
    value = written.get(name) if _is_object(written) else None
    if isinstance(value, kind):
        return value
    raise ValueError(f"its {name} is {type(value).__name__}")


def _is_object(written: object) -> TypeGuard[dict[str, object]]:
    return isinstance(written, dict)


def _body_to_json(body: bytes) -> object:
    """Text as it is, so that it can be read and compared; anything else in base64."""
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
    return base64.b64decode(_member(written, "base64", str), validate=True)
