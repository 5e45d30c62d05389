"""`Feed`: server-sent events for the browser, no faster than it can read them."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import TYPE_CHECKING

from attrs import define, field

from sagemaker_runtime.local.page.minute import Minute
from sagemaker_runtime.local.page.shown import end_of, row_of
from sagemaker_runtime.wire import SUCCESS

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from sagemaker_runtime import Clock
    from sagemaker_runtime.local.front.journal import ConversationEvent, Exchange, Journal

MAX_ROWS = 5_000  # in one message, and kept by a page
MAX_READERS = 5  # open pages: browsers make six connections to a server, and one must be left for other requests
PACE = 0.1  # seconds between two messages; everything that happens in between is one message
TICK = 1.0  # seconds after which the numbers are checked, even if nothing has happened


@define(eq=False)
class _Reader:
    """One open page."""

    changed: dict[int, Exchange] = field(factory=dict[int, "Exchange"])
    """The exchanges that it has not been sent yet, by number."""

    behind: bool = True
    """Whether to send everything again: at first, and when it has been too slow."""

    woken: asyncio.Event = field(factory=asyncio.Event)
    sent: dict[str, str] = field(factory=dict[str, str])
    """The last message of each kind, which is not repeated."""


class Feed:
    """
    Follows a journal.

    Args:
        journal: The journal.

        clock: The local endpoint's clock, which measures the last minute.

        state: Returns the rest of what a page shows and may change: the endpoints and the pending faults.
    """

    def __init__(self, journal: Journal, clock: Clock, state: Callable[[], dict[str, object]]) -> None:
        self._journal = journal
        self._clock = clock
        self._state = state
        self._minute = Minute()
        self._readers: set[_Reader] = set()
        self._end: Callable[[], None] | None = None

    @property
    def is_full(self) -> bool:
        """Whether no more pages may be opened."""
        return len(self._readers) >= MAX_READERS

    def start(self) -> None:
        """Start following the journal."""
        self._end = self._journal.watch(self._notice)

    def stop(self) -> None:
        """Stop following it, and end all `messages`."""
        end, self._end = self._end, None
        if end is not None:
            end()
        self.wake()

    def wake(self) -> None:
        """Check the state immediately."""
        for reader in self._readers:
            reader.woken.set()

    def _notice(self, exchange: Exchange, event: ConversationEvent | None) -> None:
        if event is not None and end_of(exchange) is event:
            self._minute.add(
                event.time,
                status=exchange.status,
                whole=exchange.written and not (exchange.error_code and exchange.status in SUCCESS),
                seconds=event.time - exchange.time,
            )
        for reader in list(self._readers):  # one journal may serve several local endpoints, in several threads
            if not reader.behind:
                reader.changed[exchange.number] = exchange
                if len(reader.changed) > MAX_ROWS:
                    reader.changed.clear()
                    reader.behind = True
            reader.woken.set()

    async def messages(self) -> AsyncGenerator[bytes]:
        """The messages for one page, until `stop`."""
        reader = _Reader()
        self._readers.add(reader)
        try:
            while self._end is not None:
                reader.woken.clear()
                if reader.behind:
                    reader.behind = False
                    yield _message("all", [row_of(each) for each in self._journal[-MAX_ROWS:]])
                elif reader.changed:
                    changed, reader.changed = reader.changed, {}
                    yield _message("rows", [row_of(each) for each in changed.values()])
                for kind, data in (("state", self._state()), ("minute", self._minute.numbers(self._clock.now()))):
                    text = json.dumps(data)
                    if reader.sent.get(kind) != text:
                        reader.sent[kind] = text
                        yield _message(kind, data)
                await asyncio.sleep(PACE)
                await _within(TICK, reader.woken)
        finally:
            self._readers.discard(reader)


async def _within(seconds: float, event: asyncio.Event) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()


def _message(kind: str, data: object) -> bytes:
    """A server-sent event. JSON has no line breaks, so the data is one line."""
    return f"event: {kind}\ndata: {json.dumps(data)}\n\n".encode()
