"""Where times and numbers stand on a chart."""

from __future__ import annotations

from itertools import pairwise

import pytest

from sagemaker_runtime.bulk.page.scales import WIDTH, LinearScale, LogScale, TimeScale
from sagemaker_runtime.bulk.page.texts import count, duration, plain, share, shown

NOON = 1_800_014_400  # 2027-01-15 12:00 UTC, in seconds since 1970
HOUR = 3_600


def test_times_go_from_the_left_to_the_right_edge() -> None:
    """Evenly, where nobody stopped; what lies outside stands at the edges."""
    scale = TimeScale(NOON, NOON + 100, [])

    assert [0.0, 0.0, 500.0, WIDTH, WIDTH] == [scale.x(NOON + at) for at in (-9, 0, 50, 100, 999)]


def test_a_long_stop_is_drawn_short_and_a_short_one_as_it_was() -> None:
    """Of an hour's run that was stopped for a week, nothing else could be seen."""
    week = 7 * 24 * HOUR
    scale = TimeScale(NOON, NOON + HOUR + week, [(NOON + HOUR / 2, NOON + HOUR / 2 + week)])
    (stop,) = scale.stops
    assert 50 < stop.right - stop.left < 65
    assert stop.left == pytest.approx(scale.x(NOON + HOUR / 2))
    assert WIDTH == pytest.approx(scale.x(scale.end))

    scale = TimeScale(NOON, NOON + 100, [(NOON + 50, NOON + 52)])
    assert scale.x(NOON + 52) - scale.x(NOON + 50) == pytest.approx(20)


def test_many_stops_leave_room_for_the_run() -> None:
    """Twenty of them, each as long as all the work, take less than a quarter of the chart."""
    stops = [(NOON + 100 * n + 5, NOON + 100 * n + 100) for n in range(20)]
    scale = TimeScale(NOON, NOON + 2_005, stops)

    assert sum(stop.right - stop.left for stop in scale.stops) < WIDTH / 4
    places = [scale.x(NOON + at) for at in range(2_006)]
    assert sorted(places) == places


@pytest.mark.parametrize("seconds", [3, 45, 600, 5 * HOUR, 40 * HOUR, 400 * 24 * HOUR])
def test_marks_stand_at_round_times_with_room_between(seconds: int) -> None:
    """A day is named once, where it begins to be another one."""
    ticks = TimeScale(NOON + 7, NOON + 7 + seconds, []).ticks(8)

    assert 1 <= len(ticks) <= 9
    assert all(after.at - before.at > WIDTH / 9 for before, after in pairwise(ticks))
    assert ticks[0].note == "15 Jan" or seconds > 86_400
    assert all(len(tick.label) == (8 if seconds < 300 else 5) for tick in ticks)


@pytest.mark.parametrize("most", [0.0, 0.004, 1.0, 7.3, 99.0, 100.0, 12_345.0])
def test_numbers_end_at_a_round_one_that_is_not_far_off(most: float) -> None:
    """Three to five marks, from nothing."""
    scale = LinearScale(most)

    assert 0.0 == scale.marks[0]
    assert 3 <= len(scale.marks) <= 5
    assert most <= scale.marks[-1] * 1.0001
    assert scale.y(most) >= 0.5 or not most
    assert [mark for mark in LinearScale(most, whole=True).marks if mark != int(mark)] == []


@pytest.mark.parametrize(("least", "most"), [(0.02, 0.5), (0.001, 70.0), (0.3, 0.3), (1e-6, 1e-6)])
def test_a_log_scale_has_marks_on_both_sides(least: float, most: float) -> None:
    """So that no line leaves the chart."""
    scale = LogScale(least, most)

    assert scale.marks[0] <= least * 1.01
    assert scale.marks[-1] >= most * 0.99
    assert 2 <= len(scale.marks) <= 6
    assert 0.0 <= scale.y(least) <= scale.y(most) <= 1.0


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (None, "\N{EN DASH}"),
        (0.0, "0 ms"),
        (0.00042, "0.42 ms"),
        (0.2104, "210 ms"),
        (1.234, "1.23 s"),
        (59.99, "60 s"),
        (60, "1 min"),
        (200, "3 min 20 s"),
        (3_599.9, "60 min"),
        (7_500, "2 h 5 min"),
        (273_600, "3 d 4 h"),
    ],
)
def test_times_are_written_as_people_say_them(seconds: float | None, said: str) -> None:
    """Two units at most."""
    assert said == duration(seconds)


def test_a_share_that_is_not_all_never_looks_like_all() -> None:
    """One failure of a million is not nothing."""
    assert ("0 %", "0.0001 %", "12 %", "99.9 %", "100 %") == (
        share(0, 10),
        share(1, 1_000_000),
        share(12, 100),
        share(999_999, 1_000_000),
        share(5, 5),
    )
    assert ("1,234", "0.25", "7", "1,000,000") == (count(1_234), count(0.25), count(7.0), count(1e6))


def test_a_text_of_somebody_else_is_isolated_cut_and_harmless() -> None:
    """An Arabic name may not reorder the number behind it, nor may a control character."""
    assert r"<bdi>&lt;b&gt;&quot;\x00\u202ex\ud800\n</bdi>" == shown('<b>"\x00\u202ex\ud800\n')
    assert "<bdi>xxx … and 7 more characters</bdi>" == shown("x" * 10, 3)
    assert "été 名前 🦉" == plain("été 名前 🦉")
