"""The retry quota that the calls of one client share."""

from __future__ import annotations

QUOTA = 500
"""Tokens that a client's retry quota starts with, and has at most."""

RETRY_COST = 14
"""Tokens that a retry costs."""

THROTTLING_COST = 5
"""Tokens that a retry after throttling costs."""

FIRST_ATTEMPT_CREDIT = 1
"""Tokens returned by a call that needed no retry."""


class RetryQuota:
    """
    The tokens that the calls of one client share, so that a failing service is not flooded with retries.

    Only the tasks of one thread may use it. Nothing here awaits, so it needs no lock.

    Args:
        capacity: The tokens at the start, and the most there can be. A retry costs 14, after throttling 5.
    """

    __slots__ = ("__weakref__", "_available", "capacity")

    def __init__(self, capacity: int = QUOTA) -> None:
        self.capacity = capacity
        self._available = capacity

    @property
    def available(self) -> int:
        """The tokens left, from 0 to the capacity."""
        return self._available

    def acquire(self, cost: int) -> bool:
        """Take *cost* tokens, all or none, and return whether there were enough."""
        if cost > self._available:
            return False
        self._available -= cost
        return True

    def release(self, tokens: int) -> None:
        """Put *tokens* back; the quota never exceeds its capacity."""
        available = self._available + tokens
        self._available = min(self.capacity, available)
