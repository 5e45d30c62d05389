"""Sends the body of a large request, while the response is already awaited."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from sagemaker_runtime.transport.aiohttp.failures import Lost, Stalled
from sagemaker_runtime.transport.sockets import is_readable, unacknowledged

if TYPE_CHECKING:
    from collections.abc import Callable

SLICE = (
    262_144  # bytes; with a turn of the loop between, the event loop stalls 1.4 ms at worst for a 6 MB body, against 11
)
_LOOKS = 4  # checks for progress within one write limit
_LONGEST_LOOK = 1.0  # seconds between two checks
_TURNS = 3  # iterations of the loop, so that received data is read before a slice is sent


class Upload:
    """
    Sends a body in slices, without copying it; other tasks run in between.

    Args:
        transport: The transport, to which the head of the request has already been written.

        body: The whole body.

        limit: Seconds within which the peer must accept some of it.

        on_sent: Called when the peer has accepted all of it.

        on_failed: Called with the error that ended the sending.
    """

    __slots__ = ("_limit", "_on_failed", "_on_sent", "_resumed", "_stopped", "_task", "_transport", "_written")

    def __init__(
        self,
        transport: asyncio.Transport,
        body: bytes,
        limit: float,
        on_sent: Callable[[], None],
        on_failed: Callable[[Exception], None],
    ) -> None:
        self._written = self._stopped = False
        self._transport = transport
        self._limit = limit
        self._on_sent = on_sent
        self._on_failed = on_failed
        self._resumed = asyncio.Event()
        self._resumed.set()
        self._task: asyncio.Task[None] | None = asyncio.create_task(self._write(memoryview(body)))

    @property
    def gone_out(self) -> bool:
        """Whether the kernel has accepted all of it."""
        return self._written and not self._transport.get_write_buffer_size()

    async def _write(self, view: memoryview) -> None:
        transport = self._transport
        try:
            for start in range(0, len(view), SLICE):
                await self._let_read()
                if transport.is_closing():
                    return  # the waiting call gets the reason
                transport.write(view[start : start + SLICE])
                self._written = start + SLICE >= len(view)
                await self._watch(self._resumed.is_set)
            await self._watch(lambda: self.gone_out and not unacknowledged(transport))
        except asyncio.CancelledError:
            if not self._stopped:  # cancelled by other code, which cancels all tasks
                self._on_failed(Lost("the sending of the request was cancelled"))
            raise
        except Stalled as error:
            self._on_failed(error)
        except Exception as error:  # noqa: BLE001 - such as MemoryError; otherwise the call would wait forever
            self._on_failed(Lost(f"the request could not be sent: {type(error).__name__}"))
        else:
            self._on_sent()

    async def _let_read(self) -> None:
        """Let the connection process received data, perhaps a refusal of this body, which ends the sending."""
        for _ in range(_TURNS):
            await asyncio.sleep(0)
            if not is_readable(self._transport):
                return

    async def _watch(self, is_done: Callable[[], bool]) -> None:
        """Wait until *is_done*, as long as the peer accepts some data within each limit."""
        if is_done():
            return
        loop, transport = asyncio.get_running_loop(), self._transport
        look = min(self._limit / _LOOKS, _LONGEST_LOOK)
        since, seen = loop.time(), None
        while not is_done() and not transport.is_closing():
            # Any change is progress: bytes move from buffer to buffer, one of which is invisible over TLS.
            now = transport.get_write_buffer_size(), unacknowledged(transport)
            if now != seen:
                since, seen = loop.time(), now
            elif loop.time() - since >= self._limit:
                raise Stalled("the peer took none of the rest of the request")
            if self._resumed.is_set():
                await asyncio.sleep(look)
            else:
                with suppress(TimeoutError):
                    async with asyncio.timeout(look):
                        await self._resumed.wait()

    def pause(self) -> None:
        """Pause, because the transport's buffer is full."""
        self._resumed.clear()

    def resume(self) -> None:
        """Continue, because the transport accepts more."""
        self._resumed.set()

    def stop(self) -> None:
        """Stop sending, without calling a callback."""
        self._stopped = True
        if self._task is not None:
            self._task.cancel()
            self._task = None  # otherwise its CancelledError, this object and the body would be a reference cycle
