"""Files as records."""

from __future__ import annotations

import pytest
from bulk.inputs import MemorySource, assert_resumable, batches_of, shards_of

from sagemaker_runtime import ConfigError, EncodeError
from sagemaker_runtime.bulk import Files
from sagemaker_runtime.bulk.formats import files

FOUR = MemorySource({"a.png": b"1", "b/c.png": b"22", "d.png": b"", "e.png": b"4" * 9})


def test_each_file_is_a_batch_of_its_own() -> None:
    """As it is, under its own name, whatever a request may have."""
    batches = batches_of(Files(), FOUR, rows=100)

    assert [("a.png", [b"1"]), ("b/c.png", [b"22"]), ("d.png", [b""]), ("e.png", [b"4" * 9])] == [
        (batch.file, batch.records) for batch in batches
    ]
    assert {0} == {batch.first for batch in batches}
    assert_resumable(Files(), FOUR)


def test_a_shard_has_so_many_files_and_bytes_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    """A part of the output for each image would be as slow as a shard for each row."""
    assert [(0, 0, 4)] == [(shard.file, shard.begin, shard.end) for shard in shards_of(Files(), FOUR)]
    monkeypatch.setattr(files, "SHARD_BYTES", 3)
    assert [(0, 3), (3, 4)] == [(shard.begin, shard.end) for shard in shards_of(Files(), FOUR)]
    monkeypatch.setattr(files, "_FILES", 1)
    assert [(0, 1), (1, 2), (2, 3), (3, 4)] == [(shard.begin, shard.end) for shard in shards_of(Files(), FOUR)]
    assert_resumable(Files(), FOUR)


def test_a_file_that_no_endpoint_takes_is_refused_before_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would be read into memory whole."""
    monkeypatch.setattr(files, "MAX_FILE", 8)

    with pytest.raises(ConfigError, match=r"e\.png has 9 bytes, but no endpoint takes more than 8"):
        shards_of(Files(), FOUR)


@pytest.mark.parametrize(
    ("content_type", "record", "document"),
    [
        (None, b"\xff\xd8", b"null"),
        ("image/jpeg", b"text by chance", b"null"),
        ("application/json", b'{"a":\n1}\n', b'{"a": 1}'),
        ("text/plain", b"Hello\n", b'"Hello\\n"'),
    ],
)
def test_its_json_is_never_the_content_of_a_binary_file(
    content_type: str | None, record: bytes, document: bytes
) -> None:
    """A dead letter of 5 MB is of no use to anybody; the name of the file is."""
    assert document == Files(content_type).document(record)


def test_a_file_that_is_not_what_all_of_them_are_said_to_be_fails_alone() -> None:
    """One broken document among thousands."""
    with pytest.raises(EncodeError, match="the file is not application/json") as caught:
        Files("application/json").document(b"s3cret")
    assert caught.value.__context__ is None
