"""`Parquet`: rows of a table; needs the extra ``sagemaker-runtime[bulk]``."""

# pyarrow has no types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownParameterType=false, reportUnknownArgumentType=false, reportAttributeAccessIssue=false

from __future__ import annotations

from contextlib import contextmanager
from decimal import Decimal
from typing import TYPE_CHECKING

from attrs import field, frozen

from sagemaker_runtime import ConfigError
from sagemaker_runtime.bulk.arrow import require_pyarrow
from sagemaker_runtime.bulk.formats.base import SHARD_BYTES, Shard
from sagemaker_runtime.bulk.formats.batching import batched, column_names
from sagemaker_runtime.bulk.json_texts import JSON, json_text

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    import pyarrow as pa  # type: ignore[import-untyped, import-not-found, unused-ignore]
    import pyarrow.parquet as pq  # type: ignore[import-untyped, import-not-found, unused-ignore]

    from sagemaker_runtime.bulk.formats.base import Batch
    from sagemaker_runtime.bulk.places import InputFile, Source

_BATCH_BYTES = 2**20  # of rows that are in memory as Python's values, about
_BATCH_ROWS = 8_192  # and at most
_BUFFER = 2**20  # bytes of a column that are read at once; by default all of a row group are
_EXACT_DIGITS = 15  # of a decimal, that a double gives back


@frozen
class Parquet:
    """
    The rows of Parquet files, each as a JSON object. Needs the extra ``sagemaker-runtime[bulk]``.

    Row groups become parts of the output, small ones together. Memory depends on the size of rows and pages, and
    not on that of the file or of its row groups.

    What JSON has not becomes:

    - NaN and infinities: ``NaN``, ``Infinity`` and ``-Infinity``, as by `JSONCodec`.
    - Dates, times and timestamps: text in ISO 8601, with as many digits of a second as their unit has. Timestamps with a time
      zone are in UTC, and end with ``Z``.
    - Durations: seconds.
    - Decimals: a number if the column has at most 15 digits; otherwise text, which has them all. Text within lists and structs.
    - Binary: base64.
    - Structs are objects, and maps lists of pairs.
    """

    columns: tuple[str, ...] | None = field(default=None, converter=column_names)
    """Which columns, in this order. None for all."""

    content_type = JSON

    def shards(self, files: Sequence[InputFile], source: Source) -> Iterator[Shard]:
        """See `Format.shards`."""
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
        """See `Format.batches`."""
        file = files[shard.file]
        with _opened(source, file) as opened:
            records = self._rows(opened, file, at, shard.end)
            yield from batched(file.name, records, at=at, number=number, rows=rows, size=size)

    def document(self, record: bytes) -> bytes:
        """The record, which is JSON."""
        return record

    def _rows(self, opened: pq.ParquetFile, file: InputFile, at: int, end: int) -> Iterator[tuple[bytes, int]]:
        """The rows from one to another, each with the number of the next."""
        names = self._names(opened, file)
        behind = 0
        for index in range(opened.metadata.num_row_groups):
            group = opened.metadata.row_group(index)
            row, behind = behind, behind + group.num_rows
            if behind <= at or row >= end:
                continue
            rows = max(1, min(_BATCH_ROWS, _BATCH_BYTES * group.num_rows // max(1, group.total_byte_size)))
            # One at a time: given several, it reads the next one ahead.
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
            ConfigError: One of them is not there, or there twice.
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
    A file that is read within.

    Raises:
        ConfigError: It is no Parquet, or broken; or pyarrow is missing.
    """
    require_pyarrow("Parquet")
    import pyarrow as pa
    import pyarrow.parquet as pq

    with source.open(file) as stream:
        try:
            yield pq.ParquetFile(stream, buffer_size=_BUFFER, pre_buffer=False)
        except pa.ArrowException as error:
            problem = str(error).partition("\n")[0]
        except OSError as error:
            if error.errno is not None:  # the disk's or the network's, and not pyarrow's word for a broken page
                raise
            problem = str(error).partition("\n")[0]
        except (OverflowError, ValueError):  # whose text has the value
            problem = "Python has nothing for one of its values, such as a time in nanoseconds within a list; leave its column out by columns="
        else:
            return
    raise ConfigError(f"{file.name} cannot be read as Parquet: {problem}")


def _values(column: pa.Array) -> list[object]:
    """The values of a column, of kinds that `json_text` takes."""
    import pyarrow as pa
    import pyarrow.compute as pc  # type: ignore[import-untyped, import-not-found, unused-ignore]

    kind = column.type
    if pa.types.is_timestamp(kind):  # Python's have no nanoseconds, and end with the year 9999
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
