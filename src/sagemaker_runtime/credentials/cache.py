"""A cache of credentials that renews them in the background before they expire."""

from __future__ import annotations

import asyncio
import logging
import math
import os
import random
from functools import partial
from typing import TYPE_CHECKING

from sagemaker_runtime.asyncio_only import asyncio_only
from sagemaker_runtime.clock import Clock, SystemClock
from sagemaker_runtime.credentials.base import (
    Credentials,
    RenewableCredentialsProvider,
    checked_credentials,
    same_keys,
)
from sagemaker_runtime.errors import ConfigError, CredentialsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from sagemaker_runtime.credentials.base import CredentialsProvider

_LOGGER = logging.getLogger("sagemaker_runtime")
_PATIENCE = 300.0  # seconds for the provider; somebody may need to type a code first
_LONGEST_PAUSE = 60.0  # seconds between two background refreshes; for as long, no other loop starts one
_RENEWALS_AT_ONCE = 5  # renewals without a pause, if each returns different credentials


class CredentialsCache:
    """
    Caches the credentials of a provider, and renews them before they expire.

    However many callers wait, the provider is called once (in each event loop). During *expiry_window*, the last seconds
    before the expiry, credentials are renewed in the background, while callers get those that are still valid. A failed
    renewal is logged, and the next attempt follows 1, 2, 4 … 60 seconds later. After the expiry, callers wait, and a
    failure is raised to all of them; the next caller tries again.

    Credentials that a service has refused are not used until the provider has been asked for new ones: once for all calls
    that were refused, and again 1, 2, 4 … 60 seconds later if it had none.

    One cache serves any number of event loops, in turn or in several threads, and continues to work after a fork. Its
    pickle contains no credentials except those in its provider.

    Args:
        provider: The source of the credentials.

        expiry_window: How many seconds before their expiry credentials are renewed, but no more than half of the time
            that they are valid for. The exact moment is random within the first half of the window, so that machines
            that were started together do not renew together. 0 renews only expired credentials.

        clock: Its wall time decides what has expired. None for the machine's clock.

        draw: Returns a random number in [0, 1), which selects that moment.

    Raises:
        ConfigError: The window is negative or not finite.
    """

    def __init__(
        self,
        provider: CredentialsProvider,
        *,
        expiry_window: float = 300.0,
        clock: Clock | None = None,
        draw: Callable[[], float] = random.random,
    ) -> None:
        if not 0 <= expiry_window < math.inf:
            raise ConfigError(f"expiry_window is {expiry_window}; it takes a number of seconds, 0 or more")
        self._provider = provider
        self._expiry_window = expiry_window
        self._clock = SystemClock() if clock is None else clock
        self._now = self._clock.now
        self._draw = draw
        self._credentials: Credentials | None = None
        # In wall time: -inf while there are no credentials, inf for credentials that do not expire.
        self._fresh_until = self._expires_at = -math.inf
        # In monotonic time, so that setting the wall clock neither hastens nor stops the renewals.
        self._next_try = -math.inf
        self._failures = 0
        # The two times of refused credentials, while the provider is being asked for new ones.
        self._set_aside: tuple[float, float] | None = None
        self._renewals = _Pauses()
        # A task is awaited only in its own loop. This reference keeps the task alive.
        self._tasks: dict[asyncio.AbstractEventLoop, asyncio.Task[Credentials | Exception]] = {}
        self._process = os.getpid()

    def current(self) -> Credentials | None:
        """
        Return credentials that are valid now, without waiting; None if `retrieve` must be awaited.

        Starts a renewal in the background if they are about to expire.
        """
        now = self._now()
        if now < self._fresh_until:
            return self._credentials
        if now >= self._expires_at:
            return None
        self._refresh_in_background()
        return self._credentials

    @asyncio_only
    async def retrieve(self) -> Credentials:
        """
        Return credentials that are valid now, from the provider if necessary.

        Raises:
            CredentialsError: The provider failed, or returned expired credentials. Each caller gets its own error, with the
                provider's as its cause.
        """
        credentials = self.current()
        if credentials is not None:
            return credentials
        return await self._wait_for(self._task(asyncio.get_running_loop()))

    @asyncio_only
    async def renew(self, refused: Credentials) -> Credentials:
        """
        Return credentials other than *refused*, or the same ones if the provider has no others.

        The provider is called only if the cached credentials are those that were refused, and if the pause since the last
        renewal is over. Meanwhile, callers of `retrieve` wait. If the provider fails, the refused credentials remain in
        use.

        Raises:
            CredentialsError: The provider failed.
        """
        kept = self._credentials
        if kept is None or not same_keys(kept, refused) or not self._renewals.begin(self._clock.monotonic()):
            return await self.retrieve()
        if self._set_aside is None:
            self._set_aside = self._fresh_until, self._expires_at
            self._fresh_until = self._expires_at = -math.inf
        credentials = await self._wait_for(self._task(asyncio.get_running_loop(), refused))
        if not same_keys(credentials, refused):
            self._renewals.skip()
        return credentials

    async def _wait_for(self, task: asyncio.Task[Credentials | Exception]) -> Credentials:
        try:
            outcome = await asyncio.shield(task)
        except asyncio.CancelledError:
            caller = asyncio.current_task()
            if task.cancelled() and caller is not None and not caller.cancelling():
                raise CredentialsError(f"{_name(self._provider)} cancelled itself") from None
            raise
        if isinstance(outcome, Credentials):
            return outcome
        raise CredentialsError(_text(self._provider, outcome)) from outcome

    def invalidate(self) -> None:
        """Forget the credentials; the next caller waits for new ones."""
        self._set_aside = None
        self._fresh_until = self._expires_at = -math.inf
        self._credentials = None

    def _refresh_in_background(self) -> None:
        now = self._clock.monotonic()
        if now < self._next_try:
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:  # `current` was called by synchronous code
            return
        self._next_try = now + _LONGEST_PAUSE
        self._task(loop)

    def _task(
        self, loop: asyncio.AbstractEventLoop, refused: Credentials | None = None
    ) -> asyncio.Task[Credentials | Exception]:
        """The refresh that runs in *loop*; if there is none, a new one, to replace *refused*."""
        if self._process != os.getpid():  # after a fork: the parent's tasks never end in the child
            self._tasks.clear()
            self._process = os.getpid()
        task = self._tasks.get(loop)
        if task is None or task.done():
            for other in list(self._tasks):
                if other.is_closed():
                    self._tasks.pop(other, None)
            task = self._tasks[loop] = loop.create_task(self._refresh(refused), name="refresh credentials")
            task.add_done_callback(partial(self._forget, loop))
        return task

    def _forget(self, loop: asyncio.AbstractEventLoop, task: asyncio.Task[Credentials | Exception]) -> None:
        if self._tasks.get(loop) is task:
            del self._tasks[loop]
        if self._set_aside is not None:  # the provider returned no new credentials
            self._fresh_until, self._expires_at = self._set_aside
            self._set_aside = None

    async def _refresh(self, refused: Credentials | None) -> Credentials | Exception:
        """Ask the provider. A failure is returned, because asyncio would log an exception that nobody awaits."""
        try:
            async with asyncio.timeout(_PATIENCE):  # otherwise a provider that hangs once would never be asked again
                if refused is not None and isinstance(self._provider, RenewableCredentialsProvider):
                    credentials = await self._provider.renew(refused)
                else:
                    credentials = await self._provider.retrieve()
            self._keep(credentials)
        except Exception as error:  # noqa: BLE001 - raised again to every waiting caller
            self._failures += 1
            self._pause()
            self._log(error)
            return error
        return credentials

    def _keep(self, credentials: Credentials) -> None:
        checked_credentials(credentials)
        now = self._now()
        expires_at = math.inf if credentials.expires_at is None else credentials.expires_at
        if expires_at <= now:
            raise CredentialsError(
                f"the credentials from {_name(self._provider)} expired {now - expires_at:.0f} s ago, by this machine's clock"
            )
        self._failures = 0
        self._pause()
        window = min(self._expiry_window, (expires_at - now) / 2)
        self._set_aside = None
        # In this order, because other threads may read them at the same time.
        self._credentials = credentials
        self._expires_at = expires_at
        self._fresh_until = expires_at - window * (1 - self._draw() / 2)

    def _pause(self) -> None:
        """Start no background refresh for a while, even after a success: the provider may return the same credentials."""
        pause = min(2.0 ** min(self._failures, 64), 2 * _LONGEST_PAUSE) / 2
        self._next_try = self._clock.monotonic() + pause

    def _log(self, error: Exception) -> None:
        left = self._expires_at - self._now()
        if left > 0:
            _LOGGER.warning(
                "credentials could not be refreshed; the current ones expire in %.0f s: %s",
                left,
                _text(self._provider, error),
            )

    def __repr__(self) -> str:
        return f"CredentialsCache({self._provider!r})"

    def __reduce__(self) -> tuple[object, ...]:
        return partial(CredentialsCache, self._provider, expiry_window=self._expiry_window, clock=self._clock), ()


class _Pauses:
    """The pauses between renewals: 1, 2, 4 … 60 seconds, starting again after two minutes without a renewal."""

    def __init__(self) -> None:
        self._began = -math.inf
        self._pause = 0.0
        self._count = 0

    def begin(self, now: float) -> bool:
        """Begin a renewal at *now*, in monotonic seconds, if the pause is over; whether it is."""
        since = now - self._began
        if since < self._pause:
            return False
        self._count = 1 if since > 2 * _LONGEST_PAUSE else self._count + 1
        self._began = now
        self._pause = min(2.0 ** min(self._count - 1, 64), _LONGEST_PAUSE)
        return True

    def skip(self) -> None:
        """No pause after a renewal that returned new credentials, unless there were several: all may be refused."""
        if self._count <= _RENEWALS_AT_ONCE:
            self._pause = 0.0


def _name(provider: CredentialsProvider) -> str:
    return type(provider).__name__


def _text(provider: CredentialsProvider, error: Exception) -> str:
    """The text for a failure. An error that is not ours may contain a secret, so it is shown only as the cause."""
    if isinstance(error, CredentialsError):
        return error.message
    return f"{_name(provider)} failed with {type(error).__name__}"
