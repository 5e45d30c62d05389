"""Response bodies with chunked coding. Source: RFC 9112, section 7.1."""

from __future__ import annotations

import re

from sagemaker_runtime.errors import InvalidHeaderError
from sagemaker_runtime.headers import CONTROLS, lower_name
from sagemaker_runtime.transport.response_head import MAX_LINE, MAX_LINES, NotHTTP

_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_VALUE = rb"(?:" + _TOKEN + rb'|"(?:[\t !#-\[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*")'
_SIZE_LINE = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;" + _TOKEN + rb"(?:=" + _VALUE + rb")?)*")
_SIZES_KEPT = 256  # cached size lines


class ChunkedDecoder:
    """
    Decodes one body, fed in pieces of any size.

    Attributes:
        ended: Whether the body is complete.

        rest: The bytes received after it.
    """

    __slots__ = ("_at_end_of_chunk", "_in_trailer", "_left", "_line", "_sizes", "_trailers", "ended", "rest")

    def __init__(self) -> None:
        self.ended = False
        self.rest = b""
        self._sizes: dict[bytes, int] = {}  # sizes by their lines: the parts of a stream usually have only a few sizes
        self._left = 0  # bytes of the chunk that are missing
        self._at_end_of_chunk = False  # only the line ending of the chunk is missing
        self._line = b""  # an incomplete line
        self._in_trailer = False
        self._trailers = 0

    def feed(self, data: bytes) -> list[bytes]:
        """
        The pieces of the body in *data*.

        Raises:
            NotHTTP: The chunked coding is broken.
        """
        pieces: list[bytes] = []
        if self._line:
            data, self._line = self._line + data, b""
        at, sizes = 0, self._sizes
        while True:
            if self._left:
                piece = data[at : at + self._left]
                at += len(piece)
                self._left -= len(piece)
                if piece:
                    pieces.append(piece)
                if self._left:
                    return pieces
                self._at_end_of_chunk = True
            if self._at_end_of_chunk:
                end = data[at : at + 2]
                if end != b"\r\n":
                    if not b"\r\n".startswith(end):
                        raise NotHTTP("a chunk of its body does not end where it should")
                    self._line = end
                    return pieces
                at += 2
                self._at_end_of_chunk = False
            line_end = data.find(b"\r\n", at)
            if line_end < 0:
                self._keep_line(data[at:])
                return pieces
            line = data[at:line_end]
            at = line_end + 2
            if self._in_trailer:
                if self._is_end_of_trailer(line):
                    self.ended, self.rest = True, data[at:]
                    return pieces
                continue
            size = sizes.get(line)
            if size is None:
                size = self._read_size(line)
            stop = at + size
            if size and data[stop : stop + 2] == b"\r\n":  # the chunk is complete
                pieces.append(data[at:stop])
                at = stop + 2
            elif size:
                self._left = size
            else:
                self._in_trailer = True

    def _keep_line(self, line: bytes) -> None:
        if len(line) > MAX_LINE:
            raise NotHTTP(f"a line in its body has more than {MAX_LINE:,} bytes")
        self._line = line

    def _read_size(self, line: bytes) -> int:
        match = _SIZE_LINE.fullmatch(line)
        if match is None or len(line) > MAX_LINE:
            raise NotHTTP("a chunk of its body does not begin with its size")
        size = int(match[1], 16)
        if len(line) == len(match[1]):
            if len(self._sizes) >= _SIZES_KEPT:
                self._sizes.clear()
            self._sizes[line] = size
        return size

    def _is_end_of_trailer(self, line: bytes) -> bool:
        """Whether *line* is empty, which ends the trailer. Trailers are dropped, because the API does not use them."""
        if not line:
            return True
        self._trailers += 1
        name, colon, _ = line.decode("utf-8", "surrogateescape").partition(":")
        try:
            lower_name(name)
        except InvalidHeaderError:
            colon = ""
        if (
            not colon
            or self._trailers > MAX_LINES
            or len(line) > MAX_LINE
            or len(line.translate(None, CONTROLS)) < len(line)
        ):
            raise NotHTTP("there is something else after the chunks of its body")
        return False
