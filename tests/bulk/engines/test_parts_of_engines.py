"""The schedule of tasks, the checkpoints of parts, and what is shown of them."""

from __future__ import annotations

import random
import zlib
from pathlib import Path

import pytest

from sagemaker_runtime.bulk import Shard, Status
from sagemaker_runtime.bulk.engines.following import Following
from sagemaker_runtime.bulk.engines.scheduling import Schedule
from sagemaker_runtime.bulk.engines.staging import restore, save
from sagemaker_runtime.bulk.execution import Noted
from sagemaker_runtime.bulk.journal import Entry, Extent, Journal
from sagemaker_runtime.bulk.plan import Plan
from sagemaker_runtime.bulk.rounds import Rounds
from sagemaker_runtime.bulk.tally import Tally


@pytest.mark.parametrize("seed", range(5))
def test_a_schedule_gives_out_each_part_once_with_its_number(seed: int) -> None:
    """Whatever ends first, and however many are under way at once."""
    draw = random.Random(seed)
    counts = [draw.randrange(50) for _ in range(30)]
    first = [0 if number % 7 == 0 else None for number in range(30)]
    expected = [sum(counts[number - number % 7 : number]) for number in range(30)]
    schedule, made, under_way = Schedule(first), {}, []

    while True:
        while len(under_way) < 4 and (step := schedule.next()) is not None:
            under_way.append(step)
        if not under_way:
            break
        what, part = under_way.pop(draw.randrange(len(under_way)))
        if what == "count":
            schedule.counted(part, counts[part])
        elif part % 5 == 0 and part not in made:  # it is given back once
            made[part] = -1
            schedule.again(part)
        else:
            made[part] = schedule.first(part)

    assert dict(enumerate(expected)) == made


def test_a_schedule_makes_what_it_can_before_it_counts() -> None:
    """A part that can be begun keeps a worker busy for minutes, and counting it reads it a second time."""
    schedule = Schedule([0, None, 0])

    assert [("make", 0), ("count", 0), None] == [schedule.next() for _ in range(3)]
    schedule.counted(0, 10)
    assert [("make", 1), ("make", 2), None] == [schedule.next() for _ in range(3)]
    assert 10 == schedule.first(1)


ROWS, DEAD = b"one\ntwo\n", b"three\n"
ENTRY = Entry(
    "part-00000", 7, 3, Extent(8, zlib.crc32(ROWS)), Extent(6, zlib.crc32(DEAD)), counts={"rows": 2, "dead": 1}
)


def saved(folder: Path) -> Path:
    """A checkpoint; files have more than its entry says, because a run goes on writing."""
    (folder / "rows").write_bytes(ROWS + b"four")
    (folder / "dead").write_bytes(DEAD)
    save(ENTRY, folder / "rows", folder / "dead", folder / "saved")
    return folder / "saved"


def test_a_checkpoint_gives_back_what_it_was_made_of(tmp_path: Path) -> None:
    """On another machine, which may have files of an attempt before."""
    path = saved(tmp_path)
    (tmp_path / "rows").write_bytes(b"something else, and longer than what was saved")

    with path.open("rb") as opened:
        entry = restore(opened, tmp_path / "rows", tmp_path / "dead")

    assert ENTRY == entry
    assert (ROWS, DEAD) == ((tmp_path / "rows").read_bytes(), (tmp_path / "dead").read_bytes())
    assert 0o600 == path.stat().st_mode & 0o777


def test_a_checkpoint_that_is_torn_or_damaged_is_not_believed(tmp_path: Path) -> None:
    """At whichever byte: the part is begun anew, with the right number of its first record."""
    content = saved(tmp_path).read_bytes()
    for at in range(len(content)):
        for damaged in (content[:at], content[:at] + bytes([content[at] ^ 2]) + content[at + 1 :]):
            path = tmp_path / "damaged"
            path.write_bytes(damaged)
            with path.open("rb") as opened:
                assert restore(opened, tmp_path / "rows", tmp_path / "dead") is None, at


def status(done: int, **facts: object) -> Status:
    usual = {"failed": 1, "share": 0.5, "records_per_second": 1.0, "in_flight": 2, "limit": 4, "throttled": 3}
    return Status(done=done, **{**usual, "paused": 0.0, "reason": None, **facts})  # type: ignore[arg-type]


def followed(tmp_path: Path) -> Following:
    """Two parts of 100 bytes, of a run that begins."""
    shards = [Shard(0, 0, 100), Shard(0, 100, 200)]
    journal = Journal(tmp_path / "journal")
    following = Following(Rounds(Plan("ab", {}, [], shards), journal, ".jsonl"), Noted(0.0))
    journal.close()
    for number in range(2):
        following.begin(f"part-0000{number}", 100)
    return following


def test_what_workers_say_is_added_up(tmp_path: Path) -> None:
    """The last word of each part counts, also if it is less: another attempt has begun at a checkpoint."""
    following = followed(tmp_path)
    following.hear({"part-00000": status(50), "part-00001": status(10), "part-00009": status(99)})
    following.hear({"part-00000": status(40)})

    found = following.status(2.0)

    assert (50, 2, 0.5) == (found.done, found.failed, found.share)
    assert (4, 8, 6) == (found.in_flight, found.limit, found.throttled)
    following.end("part-00000", Tally(rows=60, dead=4))
    found = following.status(2.0)
    assert (74, 5, 0.75) == (found.done, found.failed, found.share)


def test_a_run_waits_if_all_of_its_tasks_do(tmp_path: Path) -> None:
    """One that gets through shows that there is an endpoint."""
    following = followed(tmp_path)
    following.hear({"part-00000": status(5, paused=30.0, reason="throttled"), "part-00001": status(5)})
    assert (0.0, None) == (following.status(1.0).paused, following.status(1.0).reason)

    following.hear({"part-00001": status(5, paused=20.0, reason="gone")})

    assert (20.0, "gone") == (following.status(1.0).paused, following.status(1.0).reason)
