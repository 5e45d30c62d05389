"""`write_watched`: writes a response as usual, and records it in the journal piece by piece."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING

from attrs import evolve

from sagemaker_runtime import EventStreamError
from sagemaker_runtime.local.duplex.conversation import Part
from sagemaker_runtime.local.front.journal import SentResponse
from sagemaker_runtime.local.front.responses import write
from sagemaker_runtime.streams.frames import Decoder

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from aiohttp import web

    from sagemaker_runtime.local.front.journal import Exchange
    from sagemaker_runtime.local.front.responses import Outgoing

KEPT = 262_144  # bytes of one piece; whole bodies of 6 MiB would soon push everything else out of the journal
_STREAM = "application/vnd.amazon.eventstream"


async def write_watched(
    request: web.BaseRequest, outgoing: Outgoing, exchange: Exchange, note: Callable[[str, Part | None], None]
) -> web.StreamResponse:
    """
    Send a response as `write` does, with the same errors.

    Args:
        request: The request.

        outgoing: The response.

        exchange: Its ``response`` is set to a `SentResponse`.

        note: Called with the name of each event, and the part that belongs to it or None.
    """
    exchange.response = sent = SentResponse(outgoing.headers)
    if isinstance(outgoing.body, bytes):
        response = await write(request, outgoing, exchange)
        note("head", None)
        sent.size = len(outgoing.body)
        if outgoing.body:
            note("body", _part(outgoing.body))
        return response
    pieces = (_Frames if outgoing.headers.get("Content-Type") == _STREAM else _Pieces)(sent, note)
    return await write(request, evolve(outgoing, body=_noted(outgoing.body, pieces)), exchange)


async def _noted(body: AsyncGenerator[bytes], pieces: _Pieces) -> AsyncGenerator[bytes]:
    """The pieces of a body, each recorded when the next one is requested: by then it has been sent."""
    begun = False
    async with aclosing(body):
        async for piece in body:
            yield piece
            if not begun:
                pieces.begin()
                begun = True
            if piece:
                pieces.add(piece)
    if not begun:
        pieces.begin()
    pieces.end()


class _Pieces:
    """Records a body without frames, piece by piece."""

    def __init__(self, sent: SentResponse, note: Callable[[str, Part | None], None]) -> None:
        self._sent = sent
        self._note = note

    def begin(self) -> None:
        self._note("head", None)

    def add(self, piece: bytes) -> None:
        self._take("body", piece)

    def _take(self, name: str, data: bytes) -> None:
        self._sent.size += len(data)
        self._note(name, _part(data))

    def end(self) -> None:
        pass


class _Frames(_Pieces):
    """Records the frames of an event stream, whatever pieces they are sent in."""

    def __init__(self, sent: SentResponse, note: Callable[[str, Part | None], None]) -> None:
        super().__init__(sent, note)
        self._decoder = Decoder()
        self._broken = False

    def add(self, piece: bytes) -> None:
        if self._broken:  # where the next frame begins is not known
            return
        try:
            self._decoder.feed(piece)
            while (message := self._decoder.take()) is not None:
                kind = message.headers.get(":event-type") or message.headers.get(":exception-type")
                self._take(kind if isinstance(kind, str) else "event", message.payload)
        except EventStreamError:
            self._broken = True
            self._take("broken frame", piece)

    def end(self) -> None:
        try:
            if not self._broken:
                self._decoder.end()
        except EventStreamError:
            self._note("cut frame", None)


def _part(data: bytes) -> Part:
    return Part(data[:KEPT])
