"""The body of a large request on its way, while the response is already awaited."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import aiohttp
from aiohttp.http import StreamWriter

from sagemaker_runtime.transport.aiohttp.failures import Stalled

if TYPE_CHECKING:
    from aiohttp.client_proto import ResponseHandler

    from sagemaker_runtime.transport.aiohttp.read_limit import ReadLimit

SLICE = 262_144  # bytes; with a sleep(0) between, the event loop stalls 1.4 ms at worst for a 6 MB body, against 11
WRITTEN_AT_ONCE = 65_536  # bytes; a larger body goes out in slices, and under Timeout.write


class Upload:
    """
    A body that goes out in slices, which need no copy, giving way to other tasks between them, each under a time limit.

    Args:
        protocol: aiohttp's, of the connection. A stall is set on it as an exception, which whoever reads the response gets.

        transport: That of the connection; the head of the request has been written to it.

        body: All of it.

        limit: Seconds that a slice may take.

        read_limit: Begins when the last slice has gone out, unless the response has begun by then.
    """

    __slots__ = (
        "_body",
        "_handed_over",
        "_limit",
        "_over",
        "_protocol",
        "_read_limit",
        "_response_began",
        "_task",
        "_transport",
    )

    def __init__(
        self,
        protocol: ResponseHandler,
        transport: asyncio.Transport,
        body: bytes,
        *,
        limit: float,
        read_limit: ReadLimit,
    ) -> None:
        self._protocol = protocol
        self._transport = transport
        self._body = body
        self._limit = limit
        self._read_limit = read_limit
        self._response_began = False
        self._over = False
        self._handed_over = False
        self._task = asyncio.create_task(self._write())

    async def _write(self) -> None:
        view, end = memoryview(self._body), len(self._body)
        writer = StreamWriter(self._protocol, asyncio.get_running_loop())  # for its wait while the peer takes nothing
        try:
            for start in range(0, end, SLICE):
                self._handed_over = start + SLICE >= end
                async with asyncio.timeout(self._limit):
                    await writer.write(view[start : start + SLICE])
                await asyncio.sleep(0)
        except TimeoutError:
            self._fail(Stalled())
        except (aiohttp.ClientError, OSError):
            pass  # the connection was lost; the reader learns that from its end
        except asyncio.CancelledError:  # by code that cancels all tasks; otherwise `stop` has ended the connection
            self._fail(aiohttp.ClientConnectionError("the sending of the request was cancelled"))
            raise
        except Exception as error:  # noqa: BLE001 - such as MemoryError; the reader would wait for ever
            self._fail(aiohttp.ClientConnectionError(f"the request could not be sent: {type(error).__name__}"))
        else:
            if not self._response_began:
                self._read_limit.add(self._protocol)

    def _fail(self, error: aiohttp.ClientError) -> None:
        if self._over:
            return
        self._protocol.set_exception(error)
        self._transport.abort()

    def response_began(self) -> None:
        """The response has begun, so nobody waits for it any more, while the body may still go out."""
        self._response_began = True

    @property
    def gone_out(self) -> bool:
        """Whether the kernel has all of the body."""
        return self._handed_over and not self._transport.get_write_buffer_size()

    def over(self) -> None:
        """All of it has gone out, and the connection may be another exchange's by now."""
        self._over = True

    def stop(self) -> None:
        """Send no more of it; whoever calls this ends the connection."""
        self._task.cancel()
