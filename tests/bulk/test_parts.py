"""`OpenPart` and `Publisher`: whatever has become of the files of a part, going on makes the same part."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from attrs import frozen

from sagemaker_runtime.bulk.journal import Journal
from sagemaker_runtime.bulk.local_folder import LocalDestination
from sagemaker_runtime.bulk.parts import OpenPart, Part, Publisher

STEPS = 6  # each of which writes a line for each of some records, and perhaps a dead letter
PART = Part("part-00000", 0, 0, "part-00000.jsonl", "dead-letters/part-00000.jsonl")


@pytest.fixture(autouse=True)
def _quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test cuts the power, so nothing has to be on the disk."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


@frozen
class Run:
    """A run of one part, which can be stopped and begun again."""

    folder: Path

    @property
    def rows(self) -> Path:
        return self.folder / "part-00000.rows"

    @property
    def dead(self) -> Path:
        return self.folder / "part-00000.dead"

    def go_on(self, *, until: int = STEPS, publish: bool = True, poison: int = 2) -> int:
        """
        Go on to a step, and publish.

        Args:
            until: The step.

            publish: Whether to publish if all is written.

            poison: The last of each so many steps has a dead letter.

        Returns:
            The step it went on from.
        """
        with closing(Journal(self.folder / "journal")) as journal:
            publisher = Publisher(self.folder, journal, LocalDestination(self.folder / "out"), None)
            part = OpenPart(PART, 0, publisher)
            begun = part.entry.at
            try:
                for step in range(begun, until):
                    rows, dead = f"row {step}\n".encode() * 5, f"dead {step}\n".encode()
                    part.write(
                        rows, b"" if step % poison != poison - 1 else dead, at=step + 1, number=5 * step, counts={}
                    )
                if until == STEPS and publish:
                    part.publish()
            finally:
                part.close()
        return begun

    def published(self) -> dict[str, bytes]:
        out = self.folder / "out"
        return {path.relative_to(out).as_posix(): path.read_bytes() for path in out.rglob("*") if path.is_file()}


@pytest.fixture
def expected(tmp_path: Path) -> dict[str, bytes]:
    """What an undisturbed run publishes."""
    (tmp_path / "undisturbed").mkdir()
    run = Run(tmp_path / "undisturbed")
    run.go_on()
    assert {"journal"} == {path.name for path in run.folder.iterdir() if path.is_file()}
    return run.published()


@pytest.fixture
def runs(tmp_path: Path) -> Iterator[Run]:
    def made() -> Iterator[Run]:
        for number in range(10_000):
            folder = tmp_path / f"run-{number}"
            folder.mkdir()
            yield Run(folder)

    return made()


def test_a_file_that_is_shorter_than_the_journal_says_is_stepped_back_from(
    runs: Iterator[Run], expected: dict[str, bytes]
) -> None:
    """After a power cut. Filled up, it would have zeros where results should be."""
    for name in ("rows", "dead"):
        for length in (0, 1, 6, 7, 8, 13, 14, 34, 35, 36, 70, 139):
            run = next(runs)
            run.go_on(until=4)
            path: Path = getattr(run, name)
            if length >= path.stat().st_size:
                continue
            os.truncate(path, length)

            assert run.go_on() < 4
            assert expected == run.published(), (name, length)


def test_a_file_with_zeros_at_its_end_is_stepped_back_from(runs: Iterator[Run], expected: dict[str, bytes]) -> None:
    """Its length may be on the disk before its content is."""
    for name in ("rows", "dead"):
        for zeros in (1, 7, 14):
            run = next(runs)
            run.go_on(until=4)
            path: Path = getattr(run, name)
            data = path.read_bytes()
            path.write_bytes(data[:-zeros].ljust(len(data), b"\0"))

            assert run.go_on() < 4
            assert expected == run.published(), (name, zeros)


def test_what_stands_behind_what_the_journal_says_is_cut_off(runs: Iterator[Run], expected: dict[str, bytes]) -> None:
    """It was written and not journaled when the process was killed."""
    for more in (b"row 4\nro", b"\0" * 5_000):
        run = next(runs)
        run.go_on(until=4)
        for path in (run.rows, run.dead):
            path.write_bytes(path.read_bytes() + more)

        assert run.go_on() == 4
        assert expected == run.published()


def test_a_file_that_is_gone_is_made_again(runs: Iterator[Run], expected: dict[str, bytes]) -> None:
    """From the last entry that did without it. The first step has no dead letter."""
    for names, begins in ((["dead"], 1), (["rows"], 0), (["rows", "dead"], 0)):
        run = next(runs)
        run.go_on(until=4)
        for name in names:
            getattr(run, name).unlink()

        assert run.go_on() == begins
        assert expected == run.published()


def test_a_part_that_was_stepped_back_from_can_be_stopped_again(
    runs: Iterator[Run], expected: dict[str, bytes]
) -> None:
    """Entries of what is no more stand in the journal beside those of what has been written in its place."""
    for again in range(1, 6):
        run = next(runs)
        run.go_on(until=5, poison=100)
        os.truncate(run.rows, 35)
        run.dead.unlink()
        run.go_on(until=again)

        run.go_on()
        assert expected["part-00000.jsonl"] == run.published()["part-00000.jsonl"], again


# Publication


class KilledError(Exception):
    """In place of a SIGKILL."""


def stopping(monkeypatch: pytest.MonkeyPatch, before: int) -> None:
    """Let a publication end before its so many-th step."""
    left = iter(range(before))

    def limited(function: Callable[..., object]) -> Callable[..., object]:
        def step(*args: object, **kwargs: object) -> object:
            if next(left, None) is None:
                raise KilledError
            return function(*args, **kwargs)

        return step

    for home, name in (
        (LocalDestination, "put"),
        (LocalDestination, "remove"),
        (Journal, "add"),
        (Publisher, "sweep"),
    ):
        monkeypatch.setattr(home, name, limited(getattr(home, name)))


@pytest.mark.parametrize("before", range(5))
def test_a_publication_may_be_stopped_between_any_two_of_its_steps(
    runs: Iterator[Run], expected: dict[str, bytes], monkeypatch: pytest.MonkeyPatch, before: int
) -> None:
    """It is repeated, and what has been published is the same."""
    run = next(runs)
    run.go_on(publish=False)
    with monkeypatch.context() as patch:
        stopping(patch, before)
        with pytest.raises(KilledError):
            run.go_on()

    found = run.published()
    assert all(expected[name] == data for name, data in found.items())
    run.go_on()
    assert expected == run.published()


def test_a_part_that_is_made_again_leaves_nothing_of_what_it_was(
    runs: Iterator[Run], expected: dict[str, bytes]
) -> None:
    """The journal was damaged; a record that failed has a result now, and would be in both."""
    run = next(runs)
    run.go_on()
    (run.folder / "journal").write_bytes(b"damaged")

    run.go_on(poison=100)

    assert {"part-00000.jsonl": expected["part-00000.jsonl"]} == run.published()


@pytest.mark.parametrize("name", ["rows", "dead"])
def test_what_is_published_stays_whole_if_its_source_is_stepped_back_from(
    runs: Iterator[Run], expected: dict[str, bytes], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """It is the same file under two names until the part is done: cut in one place, it would be cut in the other."""
    run = next(runs)
    run.go_on(publish=False)
    with monkeypatch.context() as patch:
        stopping(patch, 3)  # sealed, results and dead letters are published, and the journal does not say so
        with pytest.raises(KilledError):
            run.go_on()
    assert expected == run.published()
    getattr(run, name).unlink()

    run.go_on(until=3)

    assert expected == run.published()
    run.go_on()
    assert expected == run.published()
