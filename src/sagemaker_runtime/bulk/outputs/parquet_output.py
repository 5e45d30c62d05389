"""Writes results as Parquet; needs the extra ``sagemaker-runtime[bulk]``."""

# pyarrow has no types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownParameterType=false, reportUnknownArgumentType=false

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from sagemaker_runtime.bulk.json_texts import is_object
from sagemaker_runtime.bulk.outputs.kinds import Kind, scrubbed
from sagemaker_runtime.bulk.outputs.reading import batches

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO

    import pyarrow as pa  # type: ignore[import-untyped, import-not-found, unused-ignore]

_GROUP = 32 * 2**20  # bytes of a row group in memory


def write_parquet(rows: Path, sink: BinaryIO) -> None:
    """Write rows of JSON Lines as Parquet, as `convert` describes."""
    import pyarrow as pa
    import pyarrow.parquet as pq  # type: ignore[import-untyped, import-not-found, unused-ignore]

    kinds: dict[str, Kind] = {}
    for batch in _batches(rows):
        for key in dict.fromkeys(chain.from_iterable(batch)):
            kinds.setdefault(key, Kind()).see(row.get(key) for row in batch)
    for kind in kinds.values():
        kind.settle()
    schema = pa.schema([(scrubbed(key), _type(kind)) for key, kind in kinds.items()])
    with pq.ParquetWriter(sink, schema) as writer:
        group: list[pa.RecordBatch] = []
        for batch in _batches(rows):
            columns = [_column([row.get(key) for row in batch], kind) for key, kind in kinds.items()]
            group.append(pa.RecordBatch.from_arrays(columns, schema=schema))
            if sum(each.nbytes for each in group) >= _GROUP:
                writer.write_table(pa.Table.from_batches(group), row_group_size=2**31)
                group = []
        if group:
            writer.write_table(pa.Table.from_batches(group), row_group_size=2**31)


def _batches(rows: Path) -> Iterator[list[dict[str, object]]]:
    """The rows, some at a time. A selected value that is not an object becomes the column ``output``."""
    for batch in batches(rows):
        yield [row if is_object(row) else {"output": row} for row in batch]


def _type(kind: Kind) -> pa.DataType:
    import pyarrow as pa

    match kind.name:
        case "list":
            return pa.list_(pa.null() if kind.item is None else _type(kind.item))
        case "struct":
            return pa.struct([(key, _type(field)) for key, field in kind.fields.items()])
        case "null":
            return pa.null()
        case "bool":
            return pa.bool_()
        case "int":
            return pa.int64()
        case "float":
            return pa.float64()
        case _:
            return pa.string()


def _column(values: list[object], kind: Kind) -> pa.Array:
    import pyarrow as pa

    convert = kind.converter()
    if convert is not None:
        values = [convert(value) for value in values]
    try:
        return pa.array(values, _type(kind))
    except UnicodeEncodeError:
        return pa.array([scrubbed(value) for value in values], _type(kind))
