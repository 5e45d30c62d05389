"""One response, read by our connection and by aiohttp's parsers, in words that can be compared."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import aiohttp
from aiohttp.http_parser import HttpResponseParser, HttpResponseParserPy
from attrs import define, field

from sagemaker_runtime import Request, TruncatedResponseError
from sagemaker_runtime.transport.aiohttp.connection import Connection
from sagemaker_runtime.transport.aiohttp.failures import BrokeOff, Lost
from sagemaker_runtime.transport.aiohttp.read_limit import ReadLimit
from sagemaker_runtime.transport.response_head import MAX_LINE, MAX_LINES, NotHTTP

THEIRS = {HttpResponseParser, HttpResponseParserPy}  # in C and in Python; one, where the C extension is missing
_LIMIT = 1_048_576  # bytes that aiohttp's StreamReader takes before it pauses the parser
_INTERIM = range(100, 200)  # but for 101
_SWITCHING_PROTOCOLS = 101


@define
class Reading:
    """
    What a parser makes of a response.

    Attributes:
        status: None if the head was refused, or is not whole.

        body: None if it was refused, or is not whole.

        end: Bytes up to the end of the response; None if it has none, and for our own reading.

        reusable: Whether the connection may serve another request.

        problem: What ended it early.
    """

    status: int | None = None
    headers: dict[str, str] = field(factory=dict)
    body: bytes | None = None
    end: int | None = None
    reusable: bool = False
    problem: str = ""


class _Transport:
    """A transport that drops what is sent."""

    def __init__(self) -> None:
        self.closed = False

    def write(self, data: bytes) -> None: ...
    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...

    def is_closing(self) -> bool:
        return self.closed

    def abort(self) -> None:
        self.closed = True

    close = abort

    def get_extra_info(self, name: str) -> None:
        return None


async def ours(pieces: Sequence[bytes], method: str = "POST") -> Reading:
    """Read *pieces*, and then the end of the connection, with a `Connection`."""
    transport, free = _Transport(), list[Connection]()
    connection = Connection(("http", "host", None), memoryview(bytearray(65_536)), free.append, lambda connection: None)
    connection.connection_made(transport)
    read_limit = ReadLimit(1000.0)
    call = asyncio.create_task(connection.exchange(b"", Request(method), 1000.0, read_limit))
    await asyncio.sleep(0)
    for piece in pieces:
        if transport.closed:
            break
        for start in range(0, len(piece), 65_536):
            part = piece[start : start + 65_536]
            connection.get_buffer(-1)[: len(part)] = part
            connection.buffer_updated(len(part))
    reusable = not transport.closed and bool(free)
    connection.connection_lost(None)
    read_limit.stop()
    try:
        response = await call
    except (NotHTTP, Lost, BrokeOff) as error:
        return Reading(problem=str(error) if isinstance(error, NotHTTP) else "incomplete")
    reading = Reading(response.status, dict(response.headers), reusable=reusable)
    try:
        reading.body = await response.body.read()
    except TruncatedResponseError as error:
        reading.problem = str(error).partition("stopped before its end: ")[2]
    return reading


class _Protocol:
    """As much of a protocol as aiohttp's StreamReader looks at."""

    _reading_paused = False

    def pause_reading(self) -> None: ...
    def resume_reading(self, *, resume_parser: bool = True) -> None: ...


def theirs(parser_class: type[HttpResponseParserPy], data: bytes, method: str = "POST") -> Reading:
    """Read *data*, and then the end of the connection, as aiohttp's client does: byte by byte, to learn where it ends."""
    parser = parser_class(
        _Protocol(),
        asyncio.get_running_loop(),
        _LIMIT,
        payload_exception=aiohttp.ClientPayloadError,
        response_with_body=method != "HEAD",
        read_until_eof=True,
        auto_decompress=False,
        max_line_size=MAX_LINE,
        max_field_size=MAX_LINE,
        max_headers=MAX_LINES,
    )
    reading, payload, should_close = Reading(), None, True
    try:
        for at in range(len(data)):
            for message, body in parser.feed_data(data[at : at + 1])[0]:
                if message.code in _INTERIM and message.code != _SWITCHING_PROTOCOLS:
                    continue
                reading.status, payload, should_close = message.code, body, message.should_close
                for name, value in message.headers.items():
                    before = reading.headers.get(name.lower())
                    reading.headers[name.lower()] = value if before is None else f"{before}, {value}"
            if payload is not None and (payload.exception() is not None or payload.is_eof()):
                reading.end = at + 1
                break
        else:
            parser.feed_eof()
            should_close = True
            if payload is not None and payload.is_eof():
                reading.end = len(data)
        if payload is not None and payload.is_eof():
            reading.body = payload.read_nowait(-1)
            reading.reusable = not should_close and message.code != _SWITCHING_PROTOCOLS
        else:
            reading.problem = "incomplete"
    except Exception as error:  # noqa: BLE001 - whatever it raises, it refuses
        reading.problem = repr(error)
    return reading
