"""`EventWriter`: encodes the events of a request's stream as frames, which are then signed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from zlib import crc32

from sagemaker_runtime.bodies import as_bytes, instead_of, is_bytes_like
from sagemaker_runtime.errors import InvalidParamsError
from sagemaker_runtime.operations.base import bindings
from sagemaker_runtime.operations.events import RequestPayloadPart
from sagemaker_runtime.operations.patterns import from_java
from sagemaker_runtime.streams.messages import (
    CHECKSUM,
    MAX_PAYLOAD,
    SMALLEST_FRAME,
    HeaderValue,
    encode_headers,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sagemaker_runtime.bodies import BytesLike
    from sagemaker_runtime.operations.base import Binding

_BLOCKS_KEPT = 64  # cached header blocks; without padding, there are only nine


class EventWriter:
    """
    Encodes the events of one operation; see `write`.

    Args:
        events: The class of each event, by its name in the model.
    """

    def __init__(self, events: Mapping[str, type[RequestPayloadPart]]) -> None:
        self._tags = {kind: tag for tag, kind in events.items()}
        self._headers: dict[type[object], dict[str, Binding]] = {
            kind: {name: binding for name, binding in bindings(kind).items() if binding.location == "event header"}
            for kind in self._tags
        }
        self._blocks: dict[tuple[object, ...], bytes] = {}

    def write(self, event: RequestPayloadPart) -> bytes:
        """
        Return the unsigned frame of an event.

        Raises:
            InvalidParamsError: It is not an event of the operation, or violates the API model. The error does not show its
                bytes.
        """
        if type(event) not in self._tags:
            names = ", ".join(kind.__name__ for kind in self._tags)
            raise _refused(f"an event of type {type(event).__name__} cannot be sent; send {names}")
        payload = event.bytes
        if type(payload) is not bytes:
            payload = self._as_bytes(payload)
        if len(payload) > MAX_PAYLOAD:
            raise _refused(
                f"the part has {len(payload):,} bytes, but a frame takes at most {MAX_PAYLOAD:,}; send several parts"
            )
        key = (type(event), event.data_type, event.completion_state, event.p)
        block = self._blocks.get(key)
        if block is None:
            block = self._block(event)
            if len(self._blocks) >= _BLOCKS_KEPT:  # padding of many lengths
                self._blocks.clear()
            self._blocks[key] = block
        return b"".join((head := _head(block, len(payload)), payload, CHECKSUM.pack(crc32(payload, crc32(head)))))

    @staticmethod
    def _as_bytes(payload: object) -> bytes:
        if not is_bytes_like(payload):
            # The advice for bodies mentions content_type, which a part does not have.
            kind, advice = type(payload).__name__, "" if payload is None else instead_of(payload)
            if isinstance(payload, dict | list | tuple | int | float):
                advice = "; for JSON, send json.dumps(value)"
            raise _refused(f"the part is of type {kind}; it takes str or bytes{advice}")
        return as_bytes(payload)

    def _block(self, event: RequestPayloadPart) -> bytes:
        """The headers of an event, each checked against the model."""
        headers: dict[str, HeaderValue] = {":message-type": "event", ":event-type": self._tags[type(event)]}
        values = {name: getattr(event, name) for name in self._headers[type(event)]}
        for name, binding in self._headers[type(event)].items():
            value = values[name]
            if value is None:
                continue
            if not isinstance(value, str):
                raise _refused(f"{name} is of type {type(value).__name__}; it takes str")
            pattern = binding.shape.pattern
            if pattern is not None and re.fullmatch(from_java(pattern), value, re.ASCII) is None:
                raise _refused(f"{name} is {value[:64]!r}, which does not match the pattern {pattern}")
            headers[binding.name] = value
        headers[":content-type"] = "application/octet-stream"
        try:
            return encode_headers(headers)
        except ValueError as error:
            raise _refused(str(error)) from None


def _head(block: bytes, payload_length: int) -> bytes:
    lengths = (SMALLEST_FRAME + len(block) + payload_length).to_bytes(4) + len(block).to_bytes(4)
    return b"".join((lengths, CHECKSUM.pack(crc32(lengths)), block))


def as_part(given: str | BytesLike | RequestPayloadPart, *, partial: bool = False) -> RequestPayloadPart:
    """
    The part to send for *given*: text as UTF8, bytes as BINARY, a part unchanged.

    Args:
        given: Its type is checked later, by `EventWriter.write`.

        partial: Whether the message continues in the next part.

    Raises:
        InvalidParamsError: The text has a lone surrogate; or *partial* was given for a part, which has its own state.
    """
    if isinstance(given, RequestPayloadPart):
        if partial:
            raise _refused("partial=True is for text and bytes; set completion_state='PARTIAL' on the part itself")
        return given
    state = "PARTIAL" if partial else "COMPLETE"
    if isinstance(given, str):
        return RequestPayloadPart(_utf8(given), data_type="UTF8", completion_state=state)
    return RequestPayloadPart(given, data_type="BINARY", completion_state=state)


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise _refused("the text has a lone surrogate, which UTF-8 cannot encode") from None


def _refused(problem: str) -> InvalidParamsError:
    return InvalidParamsError(problem, (problem,))
