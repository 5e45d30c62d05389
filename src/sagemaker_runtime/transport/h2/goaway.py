"""GOAWAY frames, taken out of what a peer sends before h2 sees them: its state machine would end with the first one."""

from __future__ import annotations

from typing import NamedTuple

_HEADER = 9  # bytes of a frame before its payload
_TYPE_AT = 3
_GOAWAY = 7  # RFC 9113, section 6.8
_LEAST = 8  # bytes of its payload


class GoAway(NamedTuple):
    """The peer takes no further streams."""

    last_stream_id: int
    """The last stream that it has perhaps acted on: it has done nothing for those after it."""

    code: int
    """Why; 0 for a peer that merely ends the connection."""


class GoAwaySplitter:
    """Follows the frames of one connection, in whatever pieces they come."""

    __slots__ = ("_held", "_skip")

    def __init__(self) -> None:
        self._skip = 0  # bytes until the next frame begins
        self._held = b""  # the start of a frame that cannot be told yet, or of a GOAWAY

    def split(self, data: bytes) -> tuple[bytes, list[GoAway]]:
        """What is h2's of *data*, and the GOAWAYs that were in it."""
        if self._held:
            data, self._held = self._held + data, b""
        at, size = self._skip, len(data)
        while at + _TYPE_AT < size:
            if data[at + _TYPE_AT] == _GOAWAY:
                return self._take_out(data, at)
            at += _HEADER + int.from_bytes(data[at : at + 3])
        if at < size:  # not enough to know the type
            self._held = data[at:]
            data, at = data[:at], size - len(self._held)
        self._skip = at - len(data)
        return data, []

    def _take_out(self, data: bytes, at: int) -> tuple[bytes, list[GoAway]]:
        end = at + _HEADER + int.from_bytes(data[at : at + 3])
        if end - at < _HEADER + _LEAST or end - at > _HEADER + 65_536:
            self._skip = 0
            return data, []  # broken: h2 says how
        if end > len(data):
            self._held, self._skip = data[at:], 0
            return data[:at], []
        payload = data[at + _HEADER : end]
        found = GoAway(int.from_bytes(payload[:4]) & 0x7FFF_FFFF, int.from_bytes(payload[4:8]))
        self._skip = 0
        rest, others = self.split(data[end:])
        return data[:at] + rest, [found, *others]
