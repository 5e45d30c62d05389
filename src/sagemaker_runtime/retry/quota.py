"""The retry quota that the calls of one client share."""

from __future__ import annotations

QUOTA = 500  # tokens
RETRY_COST = 14  # tokens
THROTTLING_COST = 5  # tokens
FIRST_ATTEMPT_CREDIT = 1  # tokens given back by a call that needed no retry


class RetryQuota:
    """
    The tokens that the calls of one client share, so that a failing service is not flooded with retries.

    Tasks of one thread use it; nothing here awaits, so no lock is needed.
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
        """Return tokens; the quota never exceeds its capacity."""
        available = self._available + tokens
        self._available = min(self.capacity, available)
