"""Tables as Arrow and as Parquet."""

from __future__ import annotations

import struct
import subprocess
import sys
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings, strategies as st
from predictor.bodies import refused, round_trip, unreadable

from sagemaker_runtime import ArrowCodec, Codec, DecodeError, ParquetCodec

ARROW, PARQUET = ArrowCodec(), ParquetCodec()
BOTH = pytest.mark.parametrize("codec", [ARROW, PARQUET], ids=["arrow", "parquet"])
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
COLUMNS = st.sampled_from(
    [
        (pa.int64(), st.integers(-(2**63), 2**63 - 1)),
        (pa.float64(), st.floats(allow_nan=False)),
        (pa.string(), TEXTS),
        (pa.binary(), st.binary()),
        (pa.bool_(), st.booleans()),
        (pa.list_(pa.int32()), st.lists(st.integers(-(2**31), 2**31 - 1))),
    ]
)


@st.composite
def tables(draw: st.DrawFn) -> pa.Table:
    rows = draw(st.integers(0, 5))
    columns: dict[str, Any] = {}
    for name in draw(st.lists(TEXTS, min_size=1, max_size=4, unique=True)):
        kind, values = draw(COLUMNS)
        columns[name] = pa.array(draw(st.lists(st.none() | values, min_size=rows, max_size=rows)), kind)
    return pa.table(columns)


@BOTH
@given(tables())
def test_any_table_comes_back_as_it_was(codec: Codec[Any, Any], table: pa.Table) -> None:
    """Schema, nulls and rows."""
    decoded = round_trip(codec, table)

    assert table.schema == decoded.schema
    assert table.to_pylist() == decoded.to_pylist()


@BOTH
def test_a_batch_is_a_table_and_a_table_without_rows_keeps_its_schema(codec: Codec[Any, Any]) -> None:
    """A container may well return no rows."""
    batch = pa.RecordBatch.from_pydict({"a": [1, 2]})

    assert [1, 2] == round_trip(codec, batch)["a"].to_pylist()
    assert batch.schema == round_trip(codec, batch.slice(0, 0)).schema


@BOTH
@pytest.mark.parametrize("value", [{"a": [1]}, [[1]], b"ARROW1", None])
def test_what_is_no_table_is_refused(codec: Codec[Any, Any], value: object) -> None:
    """A DataFrame too: whether its index is a column is the caller's to say."""
    assert "takes a pyarrow.Table or RecordBatch, such as pa.Table.from_pandas(frame)" in refused(codec, value)


def test_a_type_that_parquet_has_not_is_refused() -> None:
    """With the types of the columns, and not with their values."""
    union = pa.UnionArray.from_sparse(pa.array([0], pa.int8()), [pa.array([1])])

    assert "the table cannot be written as Parquet (ArrowNotImplementedError); its columns are of types" in refused(
        PARQUET, pa.table({"a": union})
    )


@BOTH
@pytest.mark.parametrize("body", [b"", b"s3cr3t", b'{"s3cr3t": 1}', bytes(100), b"PAR1" * 4, b"ARROW1" * 4])
def test_a_response_in_another_format_is_an_error(codec: Codec[Any, Any], body: bytes) -> None:
    """Four bytes of text, read as a length, would be shown as a number."""
    start = "it does not begin like an Arrow IPC stream (" if codec is ARROW else "it is not a Parquet file ("

    assert unreadable(codec, body).startswith(start)


def test_a_stream_cut_inside_a_batch_names_it() -> None:
    """The number of batches before it is all that is known of where."""
    body = ARROW.encode(pa.Table.from_batches([pa.RecordBatch.from_pydict({"a": list(range(100))})] * 2))

    assert unreadable(ARROW, body[:-100]).startswith("batch 2 is broken (")


def test_offsets_that_lead_out_of_the_data_are_found() -> None:
    """Read unchecked, they crash the process."""
    body = ARROW.encode(pa.table({"a": ["abcdefgh", "ijklmnop"]}))
    offsets = struct.pack("<3i", 0, 8, 16)
    assert body.count(offsets) == 1

    broken = body.replace(offsets, struct.pack("<3i", 0, 8, 2**30))

    assert unreadable(ARROW, broken) == "batch 1 is broken (ArrowInvalid)"


def test_text_that_is_no_utf_8_is_found() -> None:
    """Arrow's own text for it quotes the value."""
    body = ARROW.encode(pa.table({"a": ["s3cr3t-x"]}))

    assert "batch 1 is broken" in unreadable(ARROW, body.replace(b"s3cr3t-x", b"s3cr3t-\xff"))


def bomb_of_arrow() -> bytes:
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    batch = pa.RecordBatch.from_pydict({"a": pa.array([bytes(2**20)])})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema, options=options) as writer:
        for _ in range(64):
            writer.write_batch(batch)
    return sink.getvalue().to_pybytes()


def bomb_of_parquet(rows: int, value: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"a": pa.array([value] * rows)}), sink, compression="zstd")
    return sink.getvalue().to_pybytes()


def test_a_small_body_that_becomes_a_large_table_is_refused() -> None:
    """Compression and repetition are what bombs are made of."""
    for codec, body in [
        (ArrowCodec(max_bytes=2**24), bomb_of_arrow()),
        (ParquetCodec(max_bytes=2**24), bomb_of_parquet(100_000, bytes(2**12))),
        (ParquetCodec(max_bytes=2**20), bomb_of_parquet(1, bytes(2**26))),
    ]:
        assert len(body) < 2**20
        assert "it would become a table of more than" in unreadable(codec, body)


@BOTH
@given(data=st.data())
@settings(max_examples=300)
def test_a_body_with_broken_bytes_is_a_table_or_an_error(codec: Codec[Any, Any], data: st.DataObject) -> None:
    """What a valid table is made of, changed anywhere: no crash, and no other exception."""
    body = bytearray(codec.encode(pa.table({"a": [1, None, 3], "b": ["x", "yy", None], "c": [[1], [], None]})))
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    try:
        table = codec.decode(bytes(body), None)
    except DecodeError:
        return
    str(table)


def test_pyarrow_is_imported_when_it_is_used() -> None:
    """It takes a third of a second, and not everyone has it."""
    code = "import sys, sagemaker_runtime.predictor as p; p.ArrowCodec(); p.TritonCodec(); print({'numpy', 'pyarrow'} & {*sys.modules})"

    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603

    assert "set()" == found.stdout.strip()
