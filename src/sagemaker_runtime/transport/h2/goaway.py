"""Removes GOAWAY frames from the data for h2, whose state machine would end the connection at the first one."""

from __future__ import annotations

from typing import NamedTuple

_HEADER = 9  # bytes of a frame before its payload
_TYPE_AT = 3
_GOAWAY = 7  # RFC 9113, section 6.8
_LEAST = 8  # bytes of its payload
_MOST = 65_536


class GoAway(NamedTuple):
    """A GOAWAY frame: the peer accepts no further streams."""

    last_stream_id: int
    """The last stream that the peer may have processed; it has not processed any later one."""

    code: int
    """The error code; 0 if the peer merely ends the connection."""


class GoAwaySplitter:
    """Follows the frames of one connection, fed in pieces of any size."""

    __slots__ = ("_held", "_skip")

    def __init__(self) -> None:
        self._skip = 0  # bytes until the next frame begins
        self._held = b""  # the start of a frame whose type is not known yet, or of a GOAWAY

    def split(self, data: bytes) -> tuple[bytes, list[GoAway]]:
        """The part of *data* for h2, and the GOAWAY frames in *data*."""
        if self._held:
            data, self._held = self._held + data, b""
        at, size, begin = self._skip, len(data), 0
        kept: list[bytes] = []
        found: list[GoAway] = []
        while at + _TYPE_AT < size:
            end = at + _HEADER + int.from_bytes(data[at : at + 3])
            if data[at + _TYPE_AT] == _GOAWAY:
                if not _HEADER + _LEAST <= end - at <= _HEADER + _MOST:
                    at = size  # malformed; h2 reports it
                    break
                if end > size:
                    break
                payload = data[at + _HEADER : end]
                found.append(GoAway(int.from_bytes(payload[:4]) & 0x7FFF_FFFF, int.from_bytes(payload[4:8])))
                kept.append(data[begin:at])
                begin = end
            at = end
        if at < size:  # not enough bytes to know the type, or an incomplete GOAWAY
            self._held = data[at:]
        self._skip = max(at - size, 0)
        if not kept and at >= size:
            return data, found
        return b"".join((*kept, data[begin:at])), found
