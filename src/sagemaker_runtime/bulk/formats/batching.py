"""What formats have in common: lines of a stream, records in batches, and what is refused of any file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sagemaker_runtime import ConfigError
from sagemaker_runtime.bulk.formats.base import Batch

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import BinaryIO

_CHUNK = 2**20  # bytes of a read
_COMPRESSED = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\x28\xb5\x2f\xfd": "zstd", b"PK\x03\x04": "zip"}
HEAD = 4  # bytes that tell whether a file is compressed


def lines(stream: BinaryIO, at: int, limit: int, name: str) -> Iterator[list[bytes]]:
    """
    The lines from a place on, without their line feeds, some at a time.

    The last list has one line, what stands behind the last line feed; it may be empty.

    Args:
        stream: The file.

        at: The place.

        limit: Bytes of a line, at most.

        name: The name of the file, for the error.

    Raises:
        ConfigError: A line is longer.
    """
    stream.seek(at)
    rest = b""
    while chunk := stream.read(_CHUNK):
        parts = chunk.split(b"\n")
        if len(parts) == 1:
            rest += chunk
            if len(rest) > limit:
                raise ConfigError(f"{name} has a line of more than {limit} bytes; is it text?")
            continue
        parts[0] = rest + parts[0]
        rest = parts.pop()
        yield parts
    yield [rest]


def batched(
    name: str, records: Iterable[tuple[bytes, int]], *, at: int, number: int, rows: int, size: int
) -> Iterator[Batch]:
    """
    Records in batches.

    Args:
        name: The name of their file.

        records: Each with the place behind it.

        at: See `Format.batches`, as of the others.

        number: The number of the first one.

        rows: Records of a batch, at most.

        size: Bytes of a batch, at most; one that is larger comes alone.
    """
    group: list[bytes] = []
    total, end = 0, at
    for record, behind in records:
        if group and (total + len(record) > size or len(group) >= rows):
            yield Batch(name, number, group, at, end, number + len(group), total)
            number += len(group)
            group, total, at = [], 0, end
        group.append(record)
        total += len(record)
        end = behind
    if group:
        yield Batch(name, number, group, at, end, number + len(group), total)


def refuse_compressed(head: bytes, name: str) -> None:
    """
    Look at the first bytes of a file.

    Raises:
        ConfigError: It is compressed.
    """
    for magic, kind in _COMPRESSED.items():
        if head.startswith(magic):
            raise ConfigError(
                f"{name} is compressed ({kind}), so no place in it can be found again: decompress it first"
            )


def column_names(columns: Sequence[str] | None) -> tuple[str, ...] | None:
    """
    What ``columns=`` was given.

    Raises:
        ConfigError: It is one text, or names nothing.
    """
    if isinstance(columns, str):
        raise ConfigError(f"columns is the text {columns!r}; it takes a list of names")
    if columns is not None and not columns:
        raise ConfigError("columns is empty; it takes the names of columns, or None for all")
    return None if columns is None else tuple(columns)
