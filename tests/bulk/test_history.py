"""`History` and `Record`: what a run was like over time, with bounds, whatever ends its processes."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from attrs import asdict

from sagemaker_runtime import AttemptRecord
from sagemaker_runtime.bulk import history as home
from sagemaker_runtime.bulk.checked_lines import checked_line
from sagemaker_runtime.bulk.history import History, read_history
from sagemaker_runtime.bulk.over_time import POINTS, PROCESSES, Point, Process, Record, stops
from sagemaker_runtime.bulk.tally import Tally, request_of

NOON = 1_800_000_000  # seconds since 1970


def tally(rows: int, *, dead: int = 0, seconds: float = 0.1, variant: str = "blue") -> Tally:
    found = Tally(rows=rows, dead=dead)
    found.count([request_of(variant, [AttemptRecord(1, seconds)])])
    return found


def noted(record: Record, *points: Point) -> Record:
    for point in points:
        record.take({"point": point.to_json()})
    return record


def test_a_point_that_was_written_is_read_as_it_was() -> None:
    """What is nothing takes no room in the file."""
    point = Point(NOON, 1.0, 0.5, "ThrottlingException", 3, 1, 8.0, 12.0, tally(5, dead=1))

    assert point == Point.of(point.to_json())
    assert {"at": NOON, "seconds": 1.0, "tally": {}} == Point(NOON, 1.0).to_json() | {"tally": {}}
    assert Point(0) == Point.of(Point(0).to_json())  # a machine without a clock begins in 1970


def test_points_that_are_joined_keep_their_sums_and_weigh_their_averages() -> None:
    """A second with a high limit counts no more than another one."""
    joined = Point(NOON, 1.0, limit=4, throttled=2, tally=tally(5)).joined(
        Point(NOON + 1, 3.0, limit=8, errors=1, tally=tally(7, variant="green"))
    )

    assert (NOON, 4.0, 7.0, 2, 1) == (joined.at, joined.seconds, joined.limit, joined.throttled, joined.errors)
    assert (12, {"blue", "green"}) == (joined.tally.rows, joined.tally.latencies.keys())


@pytest.mark.parametrize("seconds", [10, POINTS, 10 * POINTS, 30 * 86_400])
def test_a_run_has_few_points_however_long_it_is(seconds: int) -> None:
    """And no record is missing from them: the interval doubles instead."""
    record = Record()
    step = max(1, seconds // 2_000)

    noted(record, *(Point(NOON + at, 1.0, tally=tally(1)) for at in range(0, seconds, step)))
    record.thin()

    assert len(record.points) <= POINTS
    assert len(range(0, seconds, step)) == sum(point.tally.rows for point in record.points)
    assert all(point.at % record.interval == 0 for point in record.points)


def test_a_file_that_was_made_shorter_says_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is rewritten again and again in a long run; nothing may be counted twice or lost."""
    monkeypatch.setattr(home, "LINES", 50)
    history = History(tmp_path / "history")
    history.begin(Process(NOON, NOON))
    for at in range(1_000):
        history.add({"point": Point(NOON + at, 1.0, limit=4, tally=tally(2)).to_json()})
    history.close()

    record = read_history(tmp_path / "history")

    assert (tmp_path / "history").read_bytes().count(b"\n") < POINTS + 60
    assert [NOON + 1_000] == [process.seen for process in record.processes]
    assert 2_000 == sum(point.tally.rows for point in record.points)
    assert {4.0} == {point.limit for point in record.points}
    assert 8 == record.interval


def test_a_process_that_was_killed_has_no_end_and_the_next_one_goes_on(tmp_path: Path) -> None:
    """Between them nobody was at work, which a chart must not hide."""
    first = History(tmp_path / "history")
    first.begin(Process(NOON, NOON))
    first.add({"point": Point(NOON, 1.0, tally=tally(5)).to_json()})
    first.close()
    with (tmp_path / "history").open("ab") as file:
        file.write(checked_line({"point": Point(NOON + 1, 1.0).to_json()})[:-9])  # it was writing this
    second = History(tmp_path / "history")
    second.begin(Process(NOON + 60, NOON + 60, done=4))
    second.add(
        {
            "point": Point(NOON + 60, 1.0, tally=tally(7)).to_json(),
            "end": "finished",
            "reason": None,
            "seen": NOON + 61.5,
        }
    )
    second.close()

    record = read_history(tmp_path / "history")

    assert [(None, 4), ("finished", None)] == [(process.end, process.records) for process in record.processes]
    assert [(NOON + 1, NOON + 60)] == stops(record.processes)
    assert [NOON, NOON + 60] == [point.at for point in record.points]


def test_what_is_damaged_or_makes_no_sense_is_left_out(tmp_path: Path) -> None:
    """The file is for people; a run must never fail over it."""
    lines = [
        b"garbage\n",
        b"\xff\xfe\n",
        checked_line({"end": "finished", "reason": None, "seen": 1}),
        checked_line({"process": {"unknown": 1}}),
        checked_line({"point": {"tally": {}}}),
        checked_line({"point": "text"}),
        checked_line({"failures": [{"message": "no file"}, {"file": "a", "record": 1}]}),
        checked_line({"point": Point(NOON, 1.0, tally=tally(3)).to_json()}),
    ]
    (tmp_path / "history").write_bytes(b"".join(lines))

    assert [3] == [point.tally.rows for point in read_history(tmp_path / "history").points]


def test_a_history_that_cannot_be_written_is_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The run itself goes on."""
    history = History(tmp_path / "missing" / "history")

    with caplog.at_level(logging.WARNING, "sagemaker_runtime"):
        history.begin(Process(NOON, NOON))
        history.add({"point": Point(NOON).to_json()})
        history.close()

    assert ["the history of a bulk run can no longer be written"] == [
        each.message.split(":")[0] for each in caplog.records
    ]


def test_of_very_many_processes_the_first_and_the_last_are_kept() -> None:
    """One that is killed every minute for days must not make the report endless."""
    record = Record()

    for number in range(3 * PROCESSES):
        record.take({"process": asdict(Process(NOON + number, NOON + number))})

    assert (PROCESSES, 2 * PROCESSES) == (len(record.processes), record.omitted)
    assert (NOON, NOON + 3 * PROCESSES - 1) == (record.processes[0].began, record.processes[-1].began)


def test_two_requests_of_one_batch_that_took_as_long_are_both_listed() -> None:
    """The halves of a batch are told by its first record; what is said of them again is nothing new."""
    record = Record()
    half = {"seconds": 2.0, "file": "a", "first_record": 1}

    record.take({"slowest": [half, half]})
    record.take({"slowest": [half, half]})

    assert [half, half] == record.slowest


def test_the_slowest_requests_and_the_first_failures_are_those_of_all_processes() -> None:
    """A request that was sent again is listed once; a retry begins a list of its own."""
    record = Record()
    record.take({"process": asdict(Process(NOON, NOON))})
    record.take(
        {"slowest": [{"seconds": 2.0, "file": "a", "first_record": 1}], "failures": [{"file": "a", "record": 5}]}
    )
    record.take({"process": asdict(Process(NOON, NOON))})
    record.take(
        {
            "slowest": [
                {"seconds": 9.0, "file": "a", "first_record": 7},
                {"seconds": 2.0, "file": "a", "first_record": 1},
            ]
        }
    )
    record.take({"failures": [{"file": "a", "record": 5}, {"file": "a", "record": 8}]})

    assert [9.0, 2.0] == [each["seconds"] for each in record.slowest]
    assert [5, 8] == [each["record"] for each in record.failures]
    record.take({"process": asdict(Process(NOON, NOON, round=1))})
    assert [] == record.failures


def test_a_sliver_of_time_is_part_of_its_neighbour() -> None:
    """What is written in the last 20 ms of a run would look like a rate that nobody has seen."""
    record = noted(
        Record(), Point(NOON, 1.0, tally=tally(5)), Point(NOON + 1, 0.02, tally=tally(5)), Point(NOON + 9, 0.01)
    )

    assert [(NOON, 10), (NOON + 9, 0)] == [(point.at, point.tally.rows) for point in record.even()]
