"""`Parquet`: the rows of Parquet files; needs the extra ``sagemaker-runtime[bulk]``."""

# pyarrow has no types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownParameterType=false, reportUnknownArgumentType=false, reportAttributeAccessIssue=false

from __future__ import annotations

from contextlib import contextmanager
from decimal import Decimal
from typing import TYPE_CHECKING

from attrs import field, frozen

from sagemaker_runtime import ConfigError
from sagemaker_runtime.bulk.formats.base import SHARD_BYTES, Shard
from sagemaker_runtime.bulk.formats.batching import batched, column_names
from sagemaker_runtime.bulk.json_texts import JSON, json_text
from sagemaker_runtime.extras import require

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    import pyarrow as pa  # type: ignore[import-untyped, import-not-found, unused-ignore]
    import pyarrow.parquet as pq  # type: ignore[import-untyped, import-not-found, unused-ignore]

    from sagemaker_runtime.bulk.formats.base import Batch
    from sagemaker_runtime.bulk.places import InputFile, Source

_BATCH_BYTES = 2**20  # of rows that are in memory as Python objects, roughly
_BATCH_ROWS = 8_192  # the most of such rows
_BUFFER = 2**20  # bytes of a column per read; the default is all of a row group
_EXACT_DIGITS = 15  # of a decimal, which a double preserves


@frozen
class Parquet:
    """
    The rows of Parquet files, each as a JSON object. Needs the extra ``sagemaker-runtime[bulk]``.

    Row groups become parts of the output; small ones are combined. Memory depends on the size of rows and pages, not on that of
    files or row groups.

    Values that JSON has no type for become:

    - NaN and infinities: ``NaN``, ``Infinity`` and ``-Infinity``, as in `JSONCodec`.
    - Dates, times and timestamps: strings in ISO 8601, with as many digits of a second as their unit has. Timestamps with a time
      zone are in UTC, and end with ``Z``.
    - Durations: seconds.
    - Decimals: a number if the column has at most 15 digits, otherwise a string with all digits; in lists and structs, always a
      string.
    - Binary: base64.
    - Structs: objects.
    - Maps: lists of pairs.

    Raises:
        ConfigError: *columns* is a single string, or empty.
    """

    columns: tuple[str, ...] | None = field(default=None, converter=column_names)
    """The columns to read, in this order. None for all."""

    content_type = JSON

    def shards(self, files: Sequence[InputFile], source: Source) -> Iterator[Shard]:
        """Row groups, with small ones combined; see `Format.shards`. Refuses a file without one of *columns*."""
        for number, file in enumerate(files):
            with _opened(source, file) as opened:
                self._names(opened, file)
                metadata = opened.metadata
                begin = end = size = 0
                for index in range(metadata.num_row_groups):
                    group = metadata.row_group(index)
                    if end > begin and size + group.total_byte_size > SHARD_BYTES:
                        yield Shard(number, begin, end)
                        begin, size = end, 0
                    end += group.num_rows
                    size += group.total_byte_size
                if end > begin:
                    yield Shard(number, begin, end)

    def batches(
        self, files: Sequence[InputFile], source: Source, shard: Shard, *, at: int, number: int, rows: int, size: int
    ) -> Iterator[Batch]:
        """The rows of a shard in batches; see `Format.batches`. The unit of positions is the row."""
        file = files[shard.file]
        with _opened(source, file) as opened:
            records = self._rows(opened, file, at, shard.end)
            yield from batched(file.name, records, at=at, number=number, rows=rows, size=size)

    def document(self, record: bytes) -> bytes:
        """The record itself, which is JSON."""
        return record

    def _rows(self, opened: pq.ParquetFile, file: InputFile, at: int, end: int) -> Iterator[tuple[bytes, int]]:
        """The rows from *at* to *end*, each with the number of the next."""
        names = self._names(opened, file)
        behind = 0
        for index in range(opened.metadata.num_row_groups):
            group = opened.metadata.row_group(index)
            row, behind = behind, behind + group.num_rows
            if behind <= at or row >= end:
                continue
            rows = max(1, min(_BATCH_ROWS, _BATCH_BYTES * group.num_rows // max(1, group.total_byte_size)))
            # One row group at a time: given several, pyarrow reads ahead.
            for batch in opened.iter_batches(rows, row_groups=[index], columns=names, use_threads=False):
                skipped = min(max(0, at - row), batch.num_rows)
                row += skipped
                left = batch.slice(skipped)
                for values in zip(*(_values(left.column(name)) for name in names), strict=True):
                    row += 1
                    yield json_text(dict(zip(names, values, strict=True))), row

    def _names(self, opened: pq.ParquetFile, file: InputFile) -> list[str]:
        """
        The columns to read.

        Raises:
            ConfigError: A column is missing, or is there twice.
        """
        there: list[str] = opened.schema_arrow.names
        names = list(there if self.columns is None else self.columns)
        for name in names:
            if name not in there:
                raise ConfigError(f"{file.name} has no column {name!r}; it has {', '.join(there)}")
            if there.count(name) > 1 or names.count(name) > 1:
                raise ConfigError(f"the column {name!r} is there twice in {file.name}, or in columns=; name it once")
        return names


@contextmanager
def _opened(source: Source, file: InputFile) -> Generator[pq.ParquetFile]:
    """
    A context manager in which a file is read.

    Raises:
        ConfigError: The file is not Parquet, or is damaged; or pyarrow is missing.
    """
    require("pyarrow", "bulk", "Parquet")
    import pyarrow as pa
    import pyarrow.parquet as pq

    with source.open(file) as stream:
        try:
            yield pq.ParquetFile(stream, buffer_size=_BUFFER, pre_buffer=False)
        except pa.ArrowException as error:
            problem = str(error).partition("\n")[0]
        except OSError as error:
            if error.errno is not None:  # from the disk or the network; pyarrow's own, for a damaged page, has none
                raise
            problem = str(error).partition("\n")[0]
        except (OverflowError, ValueError):  # whose text contains the value
            problem = "Python has no type for one of its values, such as a time in nanoseconds in a list; leave out its column with columns="
        else:
            return
    raise ConfigError(f"{file.name} cannot be read as Parquet: {problem}")


def _values(column: pa.Array) -> list[object]:
    """The values of a column, of types that `json_text` takes."""
    import pyarrow as pa
    import pyarrow.compute as pc  # type: ignore[import-untyped, import-not-found, unused-ignore]

    kind = column.type
    if pa.types.is_timestamp(kind):  # Python's datetime has no nanoseconds, and ends with the year 9999
        texts = pc.strftime(column.cast(pa.timestamp(kind.unit)), "%Y-%m-%dT%H:%M:%S")
        column = texts if kind.tz is None else pc.binary_join_element_wise(texts, "Z", "")
    elif pa.types.is_date(kind) or pa.types.is_time(kind):
        column = column.cast(pa.string())
    elif pa.types.is_duration(kind):
        per_second = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[kind.unit]
        column = pc.divide(column.cast(pa.int64()).cast(pa.float64()), float(per_second))
    values: list[object] = column.to_pylist()
    if pa.types.is_decimal(kind) and kind.precision <= _EXACT_DIGITS:
        return [float(value) if isinstance(value, Decimal) else value for value in values]
    return values
