"""`Journal` and `Plan`: what is torn or damaged is not believed, and what stands before it is."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from sagemaker_runtime import ConfigError
from sagemaker_runtime.bulk.formats.base import Shard
from sagemaker_runtime.bulk.journal import Entry, Extent, Journal
from sagemaker_runtime.bulk.places import InputFile
from sagemaker_runtime.bulk.plan import VERSION, Plan

ENTRIES = [
    Entry("part-00000", 64, 8, Extent(300, 0xDEADBEEF), Extent(), {"rows": 8}),
    Entry("part-00000", 128, 16, Extent(600, 1), Extent(90, 2), {"rows": 15, "dead": 1}),
    Entry("part-00001", 256, 32, Extent(700, 3), Extent(), {"rows": 16}),
]


@pytest.fixture(autouse=True)
def _quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test cuts the power, so nothing has to be on the disk."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A journal with `ENTRIES`."""
    path = tmp_path / "journal"
    journal = Journal(path)
    for entry in ENTRIES:
        journal.add(entry)
    journal.close()
    return path


def read(path: Path) -> list[Entry]:
    """What a journal believes, in order."""
    journal = Journal(path)
    journal.close()
    return [entry for entries in journal.entries.values() for entry in entries]


def test_it_says_what_it_was_told(path: Path) -> None:
    """All of it, for the files of a part may bear out an earlier entry only."""
    assert read(path) == ENTRIES


def test_cut_at_any_byte_it_has_the_entries_before(path: Path) -> None:
    """A kill or a power cut may leave any beginning of the last write. A line without its end is whole without it."""
    data = path.read_bytes()
    ends = [match.start() for match in re.finditer(b"\n", data)]

    for length in range(len(data) + 1):
        path.write_bytes(data[:length])
        assert ENTRIES[: sum(end <= length for end in ends)] == read(path), length


def test_of_a_damaged_line_and_those_behind_it_nothing_is_believed(path: Path) -> None:
    """So it is always what it was at some time: later entries may count on earlier ones."""
    data = path.read_bytes()

    for place in range(0, len(data), 3):
        flipped = bytearray(data)
        flipped[place] ^= 1 << place % 8
        path.write_bytes(flipped)
        before = data[:place].count(b"\n")
        is_same = (
            place - (data.rfind(b"\n", 0, place) + 1) < 8 and flipped.lower() == data.lower()
        )  # a digit of the CRC
        assert (ENTRIES if is_same else ENTRIES[:before]) == read(path), place


@pytest.mark.parametrize(
    "garbage", [b"\0" * 700, b"\0" * 700 + b"\n", b"\n", b"\xff\xfe {}\n", b"00000000 \n", b"0 {}\n"]
)
def test_garbage_behind_it_does_no_harm(path: Path, garbage: bytes) -> None:
    """A file system may leave zeros, or what stood there before, behind what was written."""
    path.write_bytes(path.read_bytes() + garbage)

    assert read(path) == ENTRIES


def test_what_follows_damage_is_never_believed_later(path: Path) -> None:
    """It is rewritten when it is opened, so that new entries do not stand behind a torn one."""
    path.write_bytes(path.read_bytes()[:-20])
    journal = Journal(path)
    journal.add(ENTRIES[2])
    journal.close()

    assert read(path) == ENTRIES


def test_it_does_not_grow_with_the_time_that_a_run_takes(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An entry is written each half second for days; of a part that is done, one counts."""
    monkeypatch.setattr("sagemaker_runtime.bulk.journal.GROWN", 1_000)
    journal = Journal(path)
    sizes: list[int] = []
    for number in range(100):
        for at in range(10):
            journal.add(Entry(f"part-{number:05}", at, at))
        journal.add(Entry(f"part-{number:05}", 10, 10, state="done"))
        sizes.append(path.stat().st_size)
    kept = [entry for entries in journal.entries.values() for entry in entries]
    journal.close()

    assert kept == read(path)
    assert max(sizes) < 3 * path.stat().st_size
    assert 100 == len(kept)


def test_an_interrupted_rewriting_does_no_harm(path: Path) -> None:
    """The new journal takes the place of the old one at once, or not at all."""
    path.with_name(".journal.new").write_bytes(b"torn")

    assert read(path) == ENTRIES
    assert {"journal"} == {each.name for each in path.parent.iterdir()}


# The plan


PLAN = Plan("0123abcd", {"endpoint": "m"}, [InputFile("a", "/in/a", 9, {"size": 9})], [Shard(0, 0, 9)])


@pytest.fixture
def planned(tmp_path: Path) -> Path:
    """A plan."""
    PLAN.write(tmp_path / "plan.json")
    return tmp_path / "plan.json"


def test_a_plan_is_what_was_written(planned: Path) -> None:
    """All of it."""
    assert Plan.read(planned) == PLAN
    assert Plan.read(planned.with_name("other.json")) is None


def test_a_plan_that_is_cut_is_refused(planned: Path) -> None:
    """It is written whole or not at all, so somebody else has cut it; to begin anew would mix two runs."""
    data = planned.read_bytes()

    for length in range(len(data)):
        planned.write_bytes(data[:length])
        with pytest.raises(ConfigError, match=r"the plan of the run in .* cannot be read: .*choose another folder"):
            Plan.read(planned)


def newer(facts: dict[str, object]) -> object:
    return facts | {"version": VERSION + 1, "engine": "spawn"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (newer, f"its format is version {VERSION + 1}, and this package reads version {VERSION}; continue with"),
        (lambda facts: {name: facts[name] for name in facts if name != "version"}, "KeyError"),
        (lambda facts: facts | {"shards": [[0, 1]]}, "TypeError"),
        (lambda facts: facts | {"more": 1}, "TypeError"),
        (lambda facts: [facts], "TypeError"),
        (lambda _: None, "AttributeError"),
    ],
)
def test_a_plan_of_another_kind_is_refused(
    planned: Path, change: Callable[[dict[str, object]], object], said: str
) -> None:
    """What another version writes may mean something else; it is left as it is."""
    planned.write_text(json.dumps(change(json.loads(planned.read_bytes()))))
    before = planned.read_bytes()

    with pytest.raises(ConfigError, match=re.escape(said)):
        Plan.read(planned)

    assert before == planned.read_bytes()
