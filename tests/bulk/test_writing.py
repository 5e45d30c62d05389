"""`Writer`: results in the order of the input, without a gap."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from pathlib import Path

import pytest

from sagemaker_runtime.bulk.feeding import Work
from sagemaker_runtime.bulk.journal import Journal
from sagemaker_runtime.bulk.local_folder import LocalDestination
from sagemaker_runtime.bulk.parts import OpenPart, Part, Publisher
from sagemaker_runtime.bulk.sending import Sent
from sagemaker_runtime.bulk.writing import Writer

PART = Part("part-00000", 0, 0, "part-00000.jsonl", "dead-letters/part-00000.jsonl")


@pytest.fixture
def publisher(tmp_path: Path) -> Iterator[Publisher]:
    journal = Journal(tmp_path / "journal")
    yield Publisher(tmp_path, journal, LocalDestination(tmp_path / "out"), None)
    journal.close()


def test_after_a_write_that_failed_nothing_more_is_written(
    publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What came next would be written and journaled behind a gap, and the records of the gap never be sent again."""
    writer = Writer(publisher, OpenPart(PART, 0, publisher), lambda _: None)
    writer.add(Work(PART, None, 10, 1), Sent(b"first\n", 1, []))
    with monkeypatch.context() as patch:
        full = OSError(errno.ENOSPC, "No space left on device")
        patch.setattr(Journal, "add", lambda *_: (_ for _ in ()).throw(full))
        with pytest.raises(OSError, match="No space left") as first:
            writer.write(writer.take())

    writer.add(Work(PART, None, 20, 2), Sent(b"second\n", 1, []))
    with pytest.raises(OSError, match="No space left") as second:
        writer.write(writer.take())
    writer.close()

    assert first.value is second.value
    assert publisher.journal.last(PART.name) is None
