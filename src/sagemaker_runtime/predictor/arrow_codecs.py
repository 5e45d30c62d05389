"""`ArrowCodec` and `ParquetCodec`: tables; need the extra ``sagemaker-runtime[arrow]``."""

# pyarrow has no types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownParameterType=false, reportUnknownArgumentType=false, reportUnknownLambdaType=false

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from sagemaker_runtime.predictor.exceptions import Caught, EncodeError, UnreadableError, decoded
from sagemaker_runtime.predictor.kinds import name_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import pyarrow as pa  # type: ignore[import-untyped, import-not-found, unused-ignore]

T = TypeVar("T")

MAX_TABLE = 2**30  # bytes; a response has 6 MB, and 1 GB if it is of an asynchronous inference


class ArrowCodec:
    """
    Tables as an Arrow IPC stream, ``application/vnd.apache.arrow.stream``.

    It takes a ``pyarrow.Table`` or ``RecordBatch`` and returns a validated Table, because offsets and text of a broken body
    could otherwise crash the process.

    Args:
        max_bytes: The maximum size of a decoded table, because a small compressed body can expand to a large one. The size
            is checked after each batch, so one batch may exceed it.
    """

    content_type = "application/vnd.apache.arrow.stream"
    accept = "application/vnd.apache.arrow.stream"
    stream_format = None  # no text

    def __init__(self, *, max_bytes: int = MAX_TABLE) -> None:
        self._max_bytes = max_bytes

    def encode(self, value: pa.Table | pa.RecordBatch, /) -> bytes:
        """
        The table.

        Raises:
            EncodeError: It is not a table.
        """
        import pyarrow as pa

        table = _table(value, type(self).__name__)
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        body: bytes = sink.getvalue().to_pybytes()
        return body

    def decode(self, body: bytes, content_type: str | None, /) -> pa.Table:
        """
        The table in a response.

        Raises:
            DecodeError: It is no Arrow stream, is broken, or becomes too large.
        """
        return decoded(self._read, body, content_type, self.content_type)

    def _read(self, body: bytes) -> pa.Table:
        import pyarrow as pa

        reader = _opened(lambda: pa.ipc.open_stream(body), "it does not begin as an Arrow IPC stream")
        return pa.Table.from_batches(_batches(reader, self._max_bytes), _readable(reader.schema))


class ParquetCodec:
    """
    Tables as Parquet, ``application/x-parquet``, the name that SageMaker's containers know.

    For a container that requires the registered name, ``Predictor(…, content_type="application/vnd.apache.parquet")`` replaces it.
    It takes and returns the same as `ArrowCodec`.

    Args:
        max_bytes: See `ArrowCodec`. The size that the file itself declares is checked first.
    """

    content_type = "application/x-parquet"
    accept = "application/x-parquet"
    stream_format = None  # no text

    def __init__(self, *, max_bytes: int = MAX_TABLE) -> None:
        self._max_bytes = max_bytes

    def encode(self, value: pa.Table | pa.RecordBatch, /) -> bytes:
        """
        The table.

        Raises:
            EncodeError: It is not a table, or Parquet has no such type.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq  # type: ignore[import-untyped, import-not-found, unused-ignore]

        table = _table(value, type(self).__name__)
        sink = pa.BufferOutputStream()
        try:
            pq.write_table(table, sink)
        except pa.ArrowException as error:
            problem = type(error).__name__
        else:
            body: bytes = sink.getvalue().to_pybytes()
            return body
        types = ", ".join(sorted({str(field.type) for field in table.schema}))
        raise EncodeError(f"the table cannot be written as Parquet ({problem}); its columns are of types {types}")

    def decode(self, body: bytes, content_type: str | None, /) -> pa.Table:
        """
        The table in a response.

        Raises:
            DecodeError: It is not Parquet, is broken, or becomes too large.
        """
        return decoded(self._read, body, content_type, self.content_type)

    def _read(self, body: bytes) -> pa.Table:
        import pyarrow as pa
        import pyarrow.parquet as pq

        file = _opened(
            lambda: pq.ParquetFile(
                pa.BufferReader(body),
                thrift_string_size_limit=len(body),
                thrift_container_size_limit=len(body),
            ),
            "it is not a Parquet file",
        )
        metadata = file.metadata
        said = sum(metadata.row_group(number).total_byte_size for number in range(metadata.num_row_groups))
        if said > self._max_bytes:
            raise _too_large(self._max_bytes)
        # Rows that repeat cost a file next to nothing, and memory all the same.
        rows = max(1, min(_ROWS, self._max_bytes // max(1, 8 * metadata.num_columns)))
        schema = _opened(lambda: file.schema_arrow, "its schema cannot be read")
        return pa.Table.from_batches(_batches(file.iter_batches(batch_size=rows), self._max_bytes), _readable(schema))


_ROWS = 65_536  # of a batch


def _table(value: object, codec: str) -> pa.Table:
    import pyarrow as pa

    if isinstance(value, pa.Table):
        return value
    if isinstance(value, pa.RecordBatch):
        return pa.Table.from_batches([value])
    raise EncodeError(
        f"the value is of type {name_of(value)}; {codec} takes a pyarrow.Table or RecordBatch, such as "
        "pa.Table.from_pandas(frame) or pa.table({...})"
    )


def _opened(open: Callable[[], T], problem: str) -> T:
    with Caught() as caught:  # of any kind, which a hostile body can raise; the text may quote it
        return open()
    raise UnreadableError(f"{problem} ({name_of(caught.error).rpartition('.')[2]})")


def _readable(schema: pa.Schema) -> pa.Schema:
    """*schema*, whose names are text: Arrow's own validation does not look at them."""
    _opened(lambda: [list(_names(field)) for field in schema], "a column has a name that is not text")
    return schema


def _names(field: pa.Field) -> Iterator[str]:
    """The names of a field and of those inside it, each of which raises if it is not text."""
    yield field.name
    if hasattr(field.type, "field"):
        for number in range(field.type.num_fields):
            yield from _names(field.type.field(number))


def _batches(batches: Iterable[pa.RecordBatch], limit: int) -> Iterator[pa.RecordBatch]:
    """The batches, each valid, as long as they are not too large together."""
    iterator = iter(batches)
    size, number = 0, 0
    while True:
        number += 1
        batch = _opened(lambda: _next(iterator), f"batch {number} is broken")
        if batch is None:
            return
        size += batch.get_total_buffer_size()
        if size > limit:
            raise _too_large(limit)
        yield batch


def _next(iterator: Iterator[pa.RecordBatch]) -> pa.RecordBatch | None:
    batch = next(iterator, None)
    if batch is not None:
        batch.validate(full=True)
    return batch


def _too_large(limit: int) -> UnreadableError:
    return UnreadableError(f"it would become a table of more than {limit} bytes (max_bytes)")
