"""`Feed`: what a browser is told as it happens, by server-sent events, no more than it can take."""

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

MAX_ROWS = 5_000  # that a page is told at once, and keeps
MAX_READERS = 5  # pages open at once: browsers make six connections to a server, and one must be left for the rest
PACE = 0.1  # seconds between two messages; all that happens meanwhile is one
TICK = 1.0  # seconds after which the numbers are looked at, even if nothing has happened


@define(eq=False)
class _Reader:
    """One page that is open."""

    changed: dict[int, Exchange] = field(factory=dict[int, "Exchange"])
    """By number, what it has not been told yet."""

    behind: bool = True
    """Whether it is to be told everything anew: at first, and when it has been too slow."""

    woken: asyncio.Event = field(factory=asyncio.Event)
    told: dict[str, str] = field(factory=dict[str, str])
    """The last of each kind of message, which is not repeated."""


class Feed:
    """
    Follows a journal.

    Args:
        journal: The journal.

        clock: That of the local endpoint, by which the last minute is measured.

        state: What else a page shows and may change at any time: the endpoints, the pending faults.
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
        """Begin to follow the journal."""
        self._end = self._journal.watch(self._notice)

    def stop(self) -> None:
        """End it, and all `messages`."""
        end, self._end = self._end, None
        if end is not None:
            end()
        self.wake()

    def wake(self) -> None:
        """Look at the state at once."""
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
        """What to write to one page, until `stop`."""
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
                    if reader.told.get(kind) != text:
                        reader.told[kind] = text
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
    """A server-sent event. JSON has no line breaks, so that it is one line."""
    return f"event: {kind}\ndata: {json.dumps(data)}\n\n".encode()
