"""`JSONLines`: every record of a file once, wherever the file is cut, and wherever reading goes on."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from sagemaker_runtime import ConfigError
from sagemaker_runtime.bulk import Batch, JSONLines
from sagemaker_runtime.bulk.formats import json_lines
from sagemaker_runtime.bulk.local_folder import LocalSource
from sagemaker_runtime.predictor import EncodeError

HUGE = 2**40


def written(folder: Path, content: bytes, name: str = "a.jsonl") -> LocalSource:
    (folder / name).write_bytes(content)
    return LocalSource([str(folder / name)])


def batches(
    source: LocalSource, *, shard_bytes: int = HUGE, rows: int = 3, size: int = HUGE, again: bool = False
) -> list[Batch]:
    """All batches of a file; with *again*, each read by a reader that begins there."""
    format = JSONLines(shard_bytes=shard_bytes)
    files = source.files()
    found: list[Batch] = []
    number = 0
    for shard in format.shards(files, source):
        at = shard.begin
        while True:
            read = format.batches(files, source, shard, at=at, number=number, rows=rows, size=size)
            got = [batch for batch, _ in zip(read, range(1 if again else HUGE), strict=False)]
            found.extend(got)
            if got:
                at, number = got[-1].end, got[-1].next
            if not again or not got:
                break
    return found


def records(found: list[Batch]) -> list[bytes]:
    return [record for batch in found for record in batch.records]


lines = st.lists(st.sampled_from([b"1", b"22", b"", b" ", b'"\xe2\x80\xa8"', b"[1, 2]\r", b"x" * 9]), max_size=12)


@given(
    lines=lines,
    ends=st.sampled_from([b"", b"\n"]),
    shard_bytes=st.integers(1, 30),
    rows=st.integers(1, 4),
    size=st.integers(1, 12),
)
@settings(max_examples=300, deadline=None)
def test_each_record_comes_once_and_in_order(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], ends: bytes, shard_bytes: int, rows: int, size: int
) -> None:
    """Whatever the lengths of shards and batches; U+2028 ends no line; blank lines are not counted."""
    source = written(tmp_path_factory.mktemp("rows"), b"\n".join(lines) + ends)

    found = batches(source, shard_bytes=shard_bytes, rows=rows, size=size)

    assert [line.rstrip(b"\r") for line in lines if line.strip()] == records(found)
    firsts = [batch.first for batch in found]
    assert firsts == [sum(len(before.records) for before in found[:index]) for index in range(len(found))]
    assert all(len(batch.records) <= rows for batch in found)
    assert all(sum(map(len, batch.records)) <= size + 1 or len(batch.records) == 1 for batch in found)


@given(lines=lines, shard_bytes=st.integers(1, 30), rows=st.integers(1, 4), size=st.integers(1, 12))
@settings(max_examples=200, deadline=None)
def test_reading_goes_on_behind_any_batch_as_if_it_had_not_stopped(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], shard_bytes: int, rows: int, size: int
) -> None:
    """A run that was killed sends the same batches as one that was not."""
    source = written(tmp_path_factory.mktemp("rows"), b"\n".join(lines))

    at_once = batches(source, shard_bytes=shard_bytes, rows=rows, size=size)
    one_by_one = batches(source, shard_bytes=shard_bytes, rows=rows, size=size, again=True)

    assert at_once == one_by_one


def test_a_line_may_be_longer_than_what_is_read_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is put together, before and behind others."""
    monkeypatch.setattr(json_lines, "BLOCK", 4)
    source = written(tmp_path, b'1\n"0123456789"\n2\n')

    assert [b"1", b'"0123456789"', b"2"] == records(batches(source))


def test_a_file_without_line_ends_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A picture, say. Otherwise all of it would be read into memory."""
    monkeypatch.setattr(json_lines, "BLOCK", 4)
    monkeypatch.setattr(json_lines, "LONGEST", 10)
    source = written(tmp_path, b"1\n" + b"0" * 20)

    with pytest.raises(ConfigError, match=r"a line of more than 10 bytes, at byte 2; is it JSON Lines\?"):
        batches(source)


@pytest.mark.parametrize("before", [0, 50, 99, 101])
def test_how_long_a_line_may_be_does_not_depend_on_where_it_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: int
) -> None:
    """Or a run that goes on, and reads from another place, would refuse what it has let in."""
    monkeypatch.setattr(json_lines, "BLOCK", 100)
    monkeypatch.setattr(json_lines, "LONGEST", 1_600)
    source = written(tmp_path, b"1" * before + b"\n" + b"2" * 1_800 + b"\n")

    with pytest.raises(ConfigError, match="a line of more than 1600 bytes"):
        batches(source)


@pytest.mark.parametrize("size", [100, sys.maxsize])
def test_any_number_of_rows_may_be_asked_for(tmp_path: Path, size: int) -> None:
    """Whoever wants as many as fit says a large number."""
    source = written(tmp_path, b'{"a": 1}\n' * 10)

    assert [10] == [len(batch.records) for batch in batches(source, rows=sys.maxsize, size=size)]


def test_a_byte_order_mark_at_the_beginning_is_skipped(tmp_path: Path) -> None:
    """Programs of Windows write one."""
    source = written(tmp_path, b"\xef\xbb\xbf1\n2\n")

    assert [b"1", b"2"] == records(batches(source))


@pytest.mark.parametrize("shard_bytes", [1, 2, 3, 4, 5])
def test_the_record_behind_a_byte_order_mark_is_in_one_shard(tmp_path: Path, shard_bytes: int) -> None:
    """It was in none where the first shard ended within the mark or right behind it."""
    source = written(tmp_path, b"\xef\xbb\xbf1\n2\n")

    assert [b"1", b"2"] == records(batches(source, shard_bytes=shard_bytes))


def test_blank_lines_are_counted_to_what_comes_after_them(tmp_path: Path) -> None:
    """The place of a batch is behind the record before it, with however many records that one was read."""
    source = written(tmp_path, b"[1]\n[2]\n\n \n[345]\n\n")

    ends = {rows: [batch.end for batch in batches(source, rows=rows, size=6)] for rows in (1, 3)}

    assert {1: [4, 8, 17], 3: [8, 17]} == ends


def test_a_document_is_the_line_or_the_records_own_error() -> None:
    """The error does not show the line. A program that takes a carriage return for the end of one would see two."""
    assert JSONLines().document(b'{"a": 1}') == b'{"a": 1}'
    assert JSONLines().document(b'{"a":\r1}') == b'{"a": 1}'
    with pytest.raises(EncodeError) as caught:
        JSONLines().document(b"secret")
    assert "secret" not in str(caught.value)
