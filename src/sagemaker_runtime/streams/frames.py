"""
Event streams, ``application/vnd.amazon.eventstream``: from bytes, in chunks of any size, to messages. No I/O.

`messages` describes the format, and encodes.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING
from zlib import crc32

from sagemaker_runtime.errors import EventStreamError
from sagemaker_runtime.streams.messages import (
    CHECKSUM,
    MAX_HEADERS,
    MAX_PAYLOAD,
    PRELUDE,
    SMALLEST_FRAME,
    HeaderValue,
    Int8,
    Int16,
    Int32,
    Message,
    Timestamp,
    decode_headers,
    encode,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["MAX_PAYLOAD", "Decoder", "HeaderValue", "Int8", "Int16", "Int32", "Message", "Timestamp", "encode"]

_checksum_at = CHECKSUM.unpack_from
_LARGE = 4096  # bytes; a longer frame in several pieces is not joined first, which would copy its payload once more
_HEAD_KEPT = 512  # bytes; a longer head is not cached
_HEADS_KEPT = 256
_OBJECT = 64  # bytes; the overhead of a bytes object
_PIECES_FREE = 1024


# Frames with payloads of different lengths have different preludes, but usually the same headers.
_remembered_headers = lru_cache(maxsize=64)(decode_headers)


class Decoder:
    """
    Decodes the messages of one stream, from chunks of any size.

    It buffers the bytes that were fed and not taken yet, and caches a bounded number of frame heads.

    Args:
        max_payload: Bytes; a longer payload is an error, which is detected in the first twelve bytes of its frame.
    """

    def __init__(self, *, max_payload: int = MAX_PAYLOAD) -> None:
        self._max_payload = max_payload
        self._buffer = b""
        self._at = 0  # where in the buffer the next frame begins
        self._offset: int = 0  # where in the stream the buffer begins
        # The data after the buffer. The pieces of an incomplete frame are joined once, when all have arrived: a frame of
        # 20 MB in pieces of 64 KiB is copied once, not three hundred times.
        self._pieces: list[bytes] = []
        self._held = 0  # bytes in the pieces
        self._need = 0  # bytes of the frame that are needed for the next step
        self._failure: tuple[str, int] | None = None
        # Most frames of a stream begin like an earlier one. By the prelude: the head (prelude and headers), its length,
        # its CRC-32, its headers, the frame's length.
        self._heads: dict[bytes, tuple[bytes, int, int, Mapping[str, HeaderValue], int]] = {}

    def feed(self, data: bytes) -> None:
        """
        Add the next bytes of the stream, any number of them.

        Raises:
            EventStreamError: `take` has raised it before.
        """
        if self._failure is not None:
            raise EventStreamError(*self._failure)
        if self._at == len(self._buffer) and not self._pieces:
            self._offset += self._at
            self._buffer = data
            self._at = 0
            return
        self._pieces.append(data)
        self._held += len(data)
        if self._held >= self._need > 0 and not self._buffer:
            self._join()
        # If a peer sends single bytes, we must not keep an object for each. The pieces are joined only after they have grown
        # by a fraction of their size, so each byte is copied a bounded number of times.
        elif (len(self._pieces) - _PIECES_FREE) * _OBJECT > self._held:
            self._pieces = [b"".join(self._pieces)]

    def take(self) -> Message | None:
        """
        Return the next message, or None if more bytes are needed first.

        Raises:
            EventStreamError: The next frame is broken. All earlier messages have been returned; no later one will be.
        """
        taken = self.take_apart()
        return None if taken is None else Message(*taken)

    def take_apart(self) -> tuple[Mapping[str, HeaderValue], bytes] | None:
        """Like `take`, but returns headers and payload: a fifth faster, for streams of very many messages."""
        # Slices of bytes are faster than views, and comparing with a known head is faster than parsing it.
        at = self._at
        buffer = self._buffer
        seen = self._heads.get(buffer[at : at + 12])
        if seen is None:
            return self._take_unseen()
        head, length, checksum, headers, total = seen
        end = at + total
        start = at + length
        if end > len(buffer):
            if total > _LARGE:
                if buffer[at:start] != head:
                    return self._take_unseen()
                return self._take_scattered(total, length, checksum, headers)
            return self.take_apart() if self._gather(total) else None
        payload = buffer[start : end - 4]
        if buffer[at:start] != head or crc32(payload, checksum) != _checksum_at(buffer, end - 4)[0]:
            return self._take_unseen()
        self._at = end
        return headers, payload

    def take_run(self, headers: Mapping[str, HeaderValue]) -> list[bytes]:
        """
        Take the payloads of the next complete messages that have *headers*, the same object; return them in reverse order.

        It is a third faster than `take_apart`, and leaves broken frames to it.
        """
        payloads: list[bytes] = []  # `list[bytes]()` takes 0.3 µs
        buffer, at = self._buffer, self._at
        get, size = self._heads.get, len(buffer)
        while (seen := get(buffer[at : at + 12])) is not None:
            head, length, checksum, found, total = seen
            end = at + total
            if end > size or found is not headers:
                break
            payload = buffer[at + length : end - 4]
            if buffer[at : at + length] != head or crc32(payload, checksum) != _checksum_at(buffer, end - 4)[0]:
                break
            payloads.append(payload)
            at = end
        self._at = at
        payloads.reverse()
        return payloads

    def end(self) -> None:
        """
        Check the end of the stream, after `take` has returned None.

        Raises:
            EventStreamError: The stream stopped inside a frame, or `take` has raised before.
        """
        if self._failure is not None:
            raise EventStreamError(*self._failure)
        held = len(self._buffer) - self._at + self._held
        if held:
            need = max(self._need, PRELUDE.size)
            raise self._broken(f"the stream stopped inside the frame, after {held} of at least {need} bytes")

    def _take_unseen(self) -> tuple[Mapping[str, HeaderValue], bytes] | None:
        """`take` for a frame with a new head, and for one that is large, broken or incomplete."""
        if self._failure is not None:
            raise EventStreamError(*self._failure)
        if self._at == len(self._buffer) and not self._pieces:
            self._let_go()
            return None
        if not self._gather(PRELUDE.size):
            return None
        total, headers_length = self._lengths()
        payload_at = PRELUDE.size + headers_length
        if total > _LARGE and self._gather(payload_at) and len(self._buffer) - self._at < total:
            head = self._buffer[self._at : self._at + payload_at]
            checksum = crc32(head)
            headers = self._headers(head)
            self._remember(head, checksum, headers, total)
            return self._take_scattered(total, payload_at, checksum, headers)
        if not self._gather(total):
            return None

        end = self._at + total
        with memoryview(self._buffer) as buffer, buffer[self._at : end] as frame:
            if crc32(frame[:-4]) != _checksum_at(frame, total - 4)[0]:
                raise self._broken("the message does not match its checksum")
            head = bytes(frame[:payload_at])
            payload = bytes(frame[payload_at:-4])
        headers = self._headers(head)
        self._remember(head, crc32(head), headers, total)
        self._at = end
        if end == len(self._buffer):
            self._let_go()
        return headers, payload

    def _take_scattered(
        self, total: int, payload_at: int, checksum: int, headers: Mapping[str, HeaderValue]
    ) -> tuple[Mapping[str, HeaderValue], bytes] | None:
        """
        `take` for a large frame whose head is in the buffer, and its end in the pieces: copies the payload only once.

        Args:
            total: Bytes of the frame.

            payload_at: Bytes of the frame before the payload.

            checksum: The CRC-32 of these bytes.

            headers: The headers in these bytes.
        """
        self._need = total
        excess = len(self._buffer) - self._at + self._held - total
        if excess < 0:
            return None
        last, begun = self._pieces[-1], self._offset + self._at
        end = len(last) - excess
        if end < CHECKSUM.size:  # the checksum is split, or the frame was complete before the last piece
            self._gather(total)
            return self._take_unseen()
        end_of_payload = end - CHECKSUM.size
        payload = b"".join(
            (
                memoryview(self._buffer)[self._at + payload_at :],
                *self._pieces[:-1],
                memoryview(last)[:end_of_payload],
            )
        )
        if crc32(payload, checksum) != _checksum_at(last, end_of_payload)[0]:
            raise self._broken("the message does not match its checksum")
        self._buffer, self._at, self._offset = last, end, begun + total - end
        self._pieces = []
        self._held = self._need = 0
        if not excess:
            self._let_go()
        return headers, payload

    def _remember(self, head: bytes, checksum: int, headers: Mapping[str, HeaderValue], total: int) -> None:
        if len(head) <= _HEAD_KEPT:
            if len(self._heads) == _HEADS_KEPT:
                self._heads.clear()
            self._heads[head[: PRELUDE.size]] = (head, len(head), checksum, headers, total)

    def _headers(self, head: bytes) -> Mapping[str, HeaderValue]:
        """The headers in *head*, the bytes of a frame before its payload."""
        try:
            return (decode_headers if len(head) > _HEAD_KEPT else _remembered_headers)(head[PRELUDE.size :])
        except ValueError as problem:
            raise self._broken(str(problem)) from None

    def _lengths(self) -> tuple[int, int]:
        """Total length and length of the headers, checked first, so that we neither wait for nor allocate a wrong length."""
        total, headers, checksum = PRELUDE.unpack_from(self._buffer, self._at)
        payload = total - headers - SMALLEST_FRAME
        if checksum != crc32(self._buffer[self._at : self._at + 8]):
            raise self._broken("the prelude does not match its checksum")
        if total < SMALLEST_FRAME:
            raise self._broken(f"the total length is {total} bytes, but no frame is shorter than {SMALLEST_FRAME}")
        if payload < 0:
            raise self._broken(f"the headers have {headers} bytes in a frame of {total}")
        if headers > MAX_HEADERS:
            raise self._broken(f"the headers have {headers} bytes; {MAX_HEADERS} are allowed")
        if payload > self._max_payload:
            raise self._broken(f"the payload has {payload} bytes; {self._max_payload} are allowed (max_payload)")
        return total, headers

    def _gather(self, need: int) -> bool:
        """Whether *need* bytes of the frame are in the buffer. Joins the pieces to it if that makes enough."""
        if len(self._buffer) - self._at >= need:
            return True
        self._let_go()
        self._need = max(need, self._need)
        if self._held < self._need:
            return False
        self._join()
        return True

    def _join(self) -> None:
        self._buffer = b"".join(self._pieces)
        self._pieces = []
        self._held = self._need = 0

    def _let_go(self) -> None:
        """Free the buffer; the rest of it becomes the first piece."""
        rest = self._buffer[self._at :]
        if rest:
            self._pieces.insert(0, rest)
            self._held += len(rest)
        self._offset += self._at
        self._buffer = b""
        self._at = 0

    def _broken(self, problem: str) -> EventStreamError:
        """The error for the current frame, which ends the stream."""
        self._failure = (problem, self._offset + self._at)
        self._buffer = b""
        self._pieces = []
        self._at = self._held = self._need = 0
        return EventStreamError(*self._failure)
