"""What formats have in common: reading lines, grouping records into batches, and refusing compressed files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sagemaker_runtime import ConfigError
from sagemaker_runtime.bulk.formats.base import Batch

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import BinaryIO

_CHUNK = 2**20  # bytes per read
_COMPRESSED = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\x28\xb5\x2f\xfd": "zstd", b"PK\x03\x04": "zip"}
HEAD = 4  # bytes that show whether a file is compressed


def lines(stream: BinaryIO, at: int, limit: int, name: str) -> Iterator[list[bytes]]:
    """
    The lines from a position on, without their line feeds, some at a time.

    The last list has one line: whatever follows the last line feed, which may be nothing.

    Args:
        stream: The file.

        at: The position.

        limit: The most bytes in a line.

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
    Group records into batches.

    Args:
        name: The name of their file.

        records: The records, each with the position after it.

        at: The position of the first one.

        number: The number of the first one in the file.

        rows: The most records in a batch.

        size: The most bytes in a batch; a larger record comes alone.
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
    Check the first bytes of a file.

    Raises:
        ConfigError: The file is compressed.
    """
    for magic, kind in _COMPRESSED.items():
        if head.startswith(magic):
            raise ConfigError(
                f"{name} is compressed ({kind}), so a run could not continue within it: decompress it first"
            )


def column_names(columns: Sequence[str] | None) -> tuple[str, ...] | None:
    """
    The converter of ``columns=``.

    Raises:
        ConfigError: It is a single string, or empty.
    """
    if isinstance(columns, str):
        raise ConfigError(f"columns is the string {columns!r}; it takes a list of names")
    if columns is not None and not columns:
        raise ConfigError("columns is empty; it takes the names of columns, or None for all")
    return None if columns is None else tuple(columns)
