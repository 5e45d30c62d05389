"""What a response says it is: a codec reads no other format as its own, and refuses no response that does not say."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest
from predictor.bodies import unreadable

from sagemaker_runtime import (
    ArrowCodec,
    CSVCodec,
    DecodeError,
    JSONCodec,
    JSONLinesCodec,
    NumPyCodec,
    ParquetCodec,
    TritonCodec,
)
from sagemaker_runtime.bulk import CSVBody

if TYPE_CHECKING:
    from sagemaker_runtime import Codec

ANOTHER = (
    "that is another format (if the container sets a wrong content type, correct it there, or call this codec from one of "
    "your own, with None as the content type)"
)


def npy() -> bytes:
    file = io.BytesIO()
    np.save(file, np.array([0.5]))
    return file.getvalue()


BODIES: list[tuple[Codec[Any, Any], bytes]] = [
    (JSONCodec(), b"[0.5]"),
    (JSONLinesCodec(), b"0.5\n0.7\n"),
    (CSVCodec(), b"0.5,0.7\n"),
    (NumPyCodec(), npy()),
    (ArrowCodec(), ArrowCodec().encode(pa.table({"a": [0.5]}))),
    (ParquetCodec(), ParquetCodec().encode(pa.table({"a": [0.5]}))),
    (TritonCodec(), b'{"outputs":[]}'),
]


@pytest.mark.parametrize(("codec", "body"), BODIES, ids=lambda value: type(value).__name__)
@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "",
        "*/*",
        "application/octet-stream",
        "binary/octet-stream",
        "text/plain; charset=utf-8",
        "text/html; charset=utf-8",
    ],
)
def test_a_response_whose_type_says_nothing_is_read(
    codec: Codec[Any, Any], body: bytes, content_type: str | None
) -> None:
    """Flask says text/html of any text, S3 binary/octet-stream of any object, and many a container nothing."""
    codec.decode(body, content_type)
    codec.decode(body, codec.content_type.upper() + "; charset=utf-8")


@pytest.mark.parametrize(
    ("codec", "body", "content_type", "reads"),
    [
        (CSVCodec(), b"[0.5, 0.7]", "application/json", "JSONCodec reads application/json"),
        (CSVCodec(), b"[0.5, 0.7]", "Application/Problem+JSON; q=1", "JSONCodec reads application/problem+json"),
        (CSVCodec(), b"0.5\n0.7", "application/jsonlines", "JSONLinesCodec reads application/jsonlines"),
        (CSVCodec(), b"<r/>", "application/xml", None),
        (CSVCodec(), b"\n<html>", "text/html", None),
        (JSONCodec(), b"0.5", "text/csv", "CSVCodec reads text/csv"),
        (JSONCodec(), b"0.5\n", "application/x-ndjson", "JSONLinesCodec reads application/x-ndjson"),
        (JSONLinesCodec(), b"0.5\n0.7", "text/csv; charset=utf-8", "CSVCodec reads text/csv"),
    ],
)
def test_a_response_of_another_format_is_refused_though_it_could_be_read(
    codec: Codec[Any, Any], body: bytes, content_type: str, reads: str | None
) -> None:
    """Nearly all text is CSV to a reader, and a batch of one in one format is a document in another: until there are two."""
    assert ANOTHER + (f"; {reads}" if reads else "") == unreadable(codec, body, content_type)

    codec.decode(body, None)  # as the error says


@pytest.mark.parametrize(("codec", "body"), BODIES[3:6], ids=lambda value: type(value).__name__)
def test_the_error_for_what_is_another_format_names_the_codec_that_reads_it(
    codec: Codec[Any, Any], body: bytes
) -> None:
    """A format that can be told from all others is judged by its bytes; the type only says what to do about them."""
    codec.decode(body, "application/json")

    assert unreadable(codec, b"[1]", "application/json").endswith("; JSONCodec reads application/json")
    assert "reads" not in unreadable(codec, b"[1]", "text/html")


@pytest.mark.parametrize("content_type", ["application/xml", "text/html"])
def test_a_bulk_run_reads_no_other_format_as_csv_either(content_type: str) -> None:
    """Its parts would have rows of markup, and nobody looks at each."""
    with pytest.raises(DecodeError, match=rf"of type {content_type}, cannot be read as CSV: that is another format"):
        CSVBody(max_rows=2).decode(b"<p>\n</p>\n", content_type, 2)

    assert [b'"1"', b'"2"'] == CSVBody(max_rows=2).decode(b"1\n2\n", "text/html", 2)
