"""`ResponseReader`: one response, from the bytes of a connection to its head and the pieces of its body. No I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sagemaker_runtime.transport.response_head import MAX_LINE, NotHTTP, ResponseHead, read_head

if TYPE_CHECKING:
    from sagemaker_runtime.transport.chunked import ChunkedDecoder

MAX_HEAD = 1_048_576  # bytes
_INTERIM = frozenset({100, *range(102, 200)})  # RFC 9110, section 15.2: the final response follows; 101 ends HTTP
_BEGINNING = b"HTTP/1."


class ResponseReader:
    """
    Reads one response.

    Args:
        method: The method of the request.

    Attributes:
        head: The head; None until it is complete.

        ended: Whether the response is complete.

        surplus: Whether there were bytes after the response, so that the connection cannot be used again.
    """

    __slots__ = ("_buffer", "_decoder", "_left", "_method", "ended", "head", "surplus")

    def __init__(self, method: str) -> None:
        self.head: ResponseHead | None = None
        self.ended = self.surplus = False
        self._method = method
        self._buffer: bytearray | None = None  # an incomplete head
        self._decoder: ChunkedDecoder | None = None
        self._left: int | None = None  # bytes of the body that are missing; None if that is not known

    def feed(self, data: bytes) -> list[bytes]:
        """
        The pieces of the body in *data*.

        Raises:
            NotHTTP: The response is not valid HTTP.
        """
        if self.head is None:
            rest = self._read_head(data)
            if rest is None:
                return []
            data = rest
        if self._decoder is not None:
            pieces = self._decoder.feed(data)
            self.ended, self.surplus = self._decoder.ended, bool(self._decoder.rest)
            return pieces
        left = self._left
        if left is None:
            return [data] if data else []
        if len(data) >= left:
            self.ended, self.surplus = True, len(data) > left
            return [data if len(data) == left else data[:left]]
        self._left = left - len(data)
        return [data] if data else []

    @property
    def within_head(self) -> bool:
        """Whether only a part of the head has arrived."""
        return self._buffer is not None

    @property
    def ends_with_connection(self) -> bool:
        """Whether the end of the connection is the end of the response."""
        return self.head is not None and self._left is None and self._decoder is None

    def _read_head(self, data: bytes) -> bytes | None:
        """The bytes after the head; None if the head is not complete yet."""
        while (end := self._end_of_head(data)) >= 0:
            if self._buffer is not None:
                data, self._buffer = bytes(self._buffer), None
            if end > MAX_HEAD:
                raise NotHTTP("its head is too large")
            head, data = read_head(data[:end], self._method), data[end + 4 :]
            if head.status not in _INTERIM:
                self.head, self._left = head, head.length
                if head.chunked:
                    from sagemaker_runtime.transport.chunked import ChunkedDecoder  # takes 0.4 ms, so not at start-up

                    self._decoder = ChunkedDecoder()
                return data
            if not data:
                break
        return None

    def _end_of_head(self, data: bytes) -> int:
        """The position of the end of the head, in the buffer if there is one; -1 if it is not complete."""
        if self._buffer is None:
            end = data.find(b"\r\n\r\n")
            if end >= 0:
                return end
            self._buffer = buffer = bytearray(data)
        else:
            buffer = self._buffer
            seen = max(len(buffer) - 3, 0)
            buffer += data
            end = buffer.find(b"\r\n\r\n", seen)
            if end >= 0:
                return end
        if not buffer.startswith(_BEGINNING[: len(buffer)]):
            raise NotHTTP("it does not begin with a status line of HTTP/1")
        if len(buffer) > MAX_HEAD or len(buffer) - buffer.rfind(b"\r\n") > MAX_LINE + 2:
            raise NotHTTP("its head is too large")
        return -1
