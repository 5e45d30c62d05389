"""`Schedule`: decides which part to make next, and whose records to count first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence

Step: TypeAlias = 'tuple[Literal["count", "make"], int]'
"""What to do, and with which of the parts."""


class Schedule:
    """
    The order of the tasks of a round.

    Each result has the number of its record in the file, but files are cut into shards without counting. So a shard can start
    only when those before it in its file are done or counted. Parts that can be made come before parts to be counted.

    Args:
        first: The number of the first record of each part; None where it follows from the part before.
    """

    def __init__(self, first: Sequence[int | None]) -> None:
        self._first = list(first)
        self._counts: list[int | None] = [None] * len(self._first)
        self._made = 0  # all parts before this one have been handed out
        self._counted = 0
        self._again: list[int] = []

    def next(self) -> Step | None:
        """The next step. None if it depends on running tasks, or there is nothing left."""
        if self._again:
            return "make", self._again.pop()
        if self._made < len(self._first) and self._first[self._made] is not None:
            self._made += 1
            return "make", self._made - 1
        while self._counted + 1 < len(self._first):
            self._counted += 1
            if self._first[self._counted] is None:
                return "count", self._counted - 1
        return None

    def first(self, part: int) -> int:
        """The number of the first record of a part that was handed out."""
        return self._first[part] or 0

    def counted(self, part: int, records: int) -> None:
        """The records of a part were counted."""
        self._counts[part] = records
        for each in range(part, len(self._first) - 1):
            first, count = self._first[each], self._counts[each]
            if first is None or count is None or self._first[each + 1] is not None:
                break
            self._first[each + 1] = first + count

    def again(self, part: int) -> None:
        """A part was handed out but not made; hand it out again."""
        self._again.append(part)
