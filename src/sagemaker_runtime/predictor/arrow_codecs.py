"""`ArrowCodec` and `ParquetCodec`: tables; need the extra ``sagemaker-runtime[arrow]``."""

# pyarrow has no types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownParameterType=false, reportUnknownArgumentType=false, reportUnknownLambdaType=false

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from sagemaker_runtime.extras import require
from sagemaker_runtime.predictor.exceptions import Caught, EncodeError, UnreadableError, decoded
from sagemaker_runtime.predictor.kinds import name_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import pyarrow as pa  # type: ignore[import-untyped, import-not-found, unused-ignore]

T = TypeVar("T")

MAX_TABLE = 2**30  # bytes; a response has at most 6 MB, or 1 GB from an asynchronous inference


class ArrowCodec:
    """
    Tables as an Arrow IPC stream, ``application/vnd.apache.arrow.stream``.

    It takes a ``pyarrow.Table`` or ``RecordBatch`` and returns a Table. Responses are validated, because wrong offsets or text
    in one could otherwise crash the process.

    Args:
        max_bytes: The maximum size of a decoded table, because a small compressed body can expand to a large one. The size
            is checked after each batch, so one batch may exceed it.

    Raises:
        ConfigError: pyarrow is not installed.
    """

    content_type = "application/vnd.apache.arrow.stream"
    accept = "application/vnd.apache.arrow.stream"
    stream_format = None  # not text

    def __init__(self, *, max_bytes: int = MAX_TABLE) -> None:
        require("pyarrow", "arrow", type(self).__name__)
        self._max_bytes = max_bytes

    def encode(self, value: pa.Table | pa.RecordBatch, /) -> bytes:
        """
        The table as an Arrow IPC stream.

        Raises:
            EncodeError: The value is not a table.
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
            DecodeError: The response is not an Arrow IPC stream, is damaged, or becomes too large.
        """
        return decoded(self._read, body, content_type, self.content_type)

    def _read(self, body: bytes) -> pa.Table:
        import pyarrow as pa

        reader = _opened(lambda: pa.ipc.open_stream(body), "it does not begin like an Arrow IPC stream")
        return pa.Table.from_batches(_batches(reader, self._max_bytes), _readable(reader.schema))


class ParquetCodec:
    """
    Tables as Parquet, ``application/x-parquet``, the MIME type that SageMaker's containers know.

    For a container that requires the registered type, ``Predictor(…, content_type="application/vnd.apache.parquet")`` replaces it.
    It takes and returns the same as `ArrowCodec`.

    Args:
        max_bytes: The maximum size of a decoded table, as for `ArrowCodec`. The size that the file declares is checked first.

    Raises:
        ConfigError: pyarrow is not installed.
    """

    content_type = "application/x-parquet"
    accept = "application/x-parquet"
    stream_format = None  # not text

    def __init__(self, *, max_bytes: int = MAX_TABLE) -> None:
        require("pyarrow", "arrow", type(self).__name__)
        self._max_bytes = max_bytes

    def encode(self, value: pa.Table | pa.RecordBatch, /) -> bytes:
        """
        The table as Parquet.

        Raises:
            EncodeError: The value is not a table, or Parquet does not have the type of one of its columns.
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
            DecodeError: The response is not Parquet, is damaged, or becomes too large.
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
        # Repeated rows take up next to nothing in a file, but just as much memory as others.
        rows = max(1, min(_ROWS, self._max_bytes // max(1, 8 * metadata.num_columns)))
        schema = _opened(lambda: file.schema_arrow, "its schema cannot be read")
        return pa.Table.from_batches(_batches(file.iter_batches(batch_size=rows), self._max_bytes), _readable(schema))


_ROWS = 65_536  # per batch


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
    with Caught() as caught:  # any exception: a hostile body can raise it, and its text may quote the body
        return open()
    raise UnreadableError(f"{problem} ({name_of(caught.error).rpartition('.')[2]})")


def _readable(schema: pa.Schema) -> pa.Schema:
    """*schema*, if its names are text: Arrow's own validation does not check them."""
    _opened(lambda: [list(_names(field)) for field in schema], "a column has a name that is not text")
    return schema


def _names(field: pa.Field) -> Iterator[str]:
    """The names of a field and of those inside it, each of which raises if it is not text."""
    yield field.name
    if hasattr(field.type, "field"):
        for number in range(field.type.num_fields):
            yield from _names(field.type.field(number))


def _batches(batches: Iterable[pa.RecordBatch], limit: int) -> Iterator[pa.RecordBatch]:
    """The batches, each validated, as long as they are not too large together."""
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
