"""The body of a large request on its way, while the response is already awaited."""

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
_LOOKS = 4  # in one write limit, at whether the peer has taken something
_LONGEST_LOOK = 1.0  # seconds
_TURNS = 3  # of the loop, in which what has come is read before a slice goes out


class Upload:
    """
    A body that goes out in slices, which need no copy, giving way to other tasks between them.

    Args:
        transport: The head of the request has been written to it.

        body: All of it.

        limit: Seconds in which the peer must take something of it.

        on_sent: Called when the peer has all of it.

        on_failed: Called with what ended it.
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
        """Whether the kernel has all of it."""
        return self._written and not self._transport.get_write_buffer_size()

    async def _write(self, view: memoryview) -> None:
        transport = self._transport
        try:
            for start in range(0, len(view), SLICE):
                await self._let_read()
                if transport.is_closing():
                    return  # whoever waits for the response learns why
                transport.write(view[start : start + SLICE])
                self._written = start + SLICE >= len(view)
                await self._watch(self._resumed.is_set)
            await self._watch(lambda: self.gone_out and not unacknowledged(transport))
        except asyncio.CancelledError:
            if not self._stopped:  # by code that cancels all tasks
                self._on_failed(Lost("the sending of the request was cancelled"))
            raise
        except Stalled as error:
            self._on_failed(error)
        except Exception as error:  # noqa: BLE001 - such as MemoryError; the reader would wait for ever
            self._on_failed(Lost(f"the request could not be sent: {type(error).__name__}"))
        else:
            self._on_sent()

    async def _let_read(self) -> None:
        """Let the connection take what has come: a refusal of this very body, perhaps, with which the sending ends."""
        for _ in range(_TURNS):
            await asyncio.sleep(0)
            if not is_readable(self._transport):
                return

    async def _watch(self, is_done: Callable[[], bool]) -> None:
        """Wait for as long as the peer takes something within the limit."""
        if is_done():
            return
        loop, transport = asyncio.get_running_loop(), self._transport
        look = min(self._limit / _LOOKS, _LONGEST_LOOK)
        since, seen = loop.time(), None
        while not is_done() and not transport.is_closing():
            # Any change is progress. Bytes move from one buffer to the next, and over TLS there is one that cannot be seen.
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
        """The transport has as much as it can hold."""
        self._resumed.clear()

    def resume(self) -> None:
        """The transport can hold more."""
        self._resumed.set()

    def stop(self) -> None:
        """Send no more of it, and report nothing of it."""
        self._stopped = True
        if self._task is not None:
            self._task.cancel()
            self._task = None  # or its CancelledError, this and the body would keep one another alive
