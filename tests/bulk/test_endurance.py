"""Bulk runs that are killed at random moments, while one call in ten fails."""

from __future__ import annotations

import pytest
from bulk.endurance import runs


@pytest.mark.slow
async def test_runs_that_are_killed_again_and_again_lose_and_double_nothing() -> None:
    """
    Two, of some records; `make bulk-endurance` does forty, of many.

    The seed is fixed, but a clock is not to be repeated: the exact moments are those of `test_crashes.py`.
    """
    async with runs(4_000, seed=7) as made:
        outcomes = [await made.killed(number) for number in range(2)]

    assert [[], []] == [outcome.wrong for outcome in outcomes]
    assert all(outcome.kills for outcome in outcomes)
    assert all(outcome.faults for outcome in outcomes)
