"""`CodecBody`: requests built with a codec of the predictor."""

# pyarrow has no types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Set as AbstractSet
from typing import TYPE_CHECKING, Any, TypeGuard

from attrs import field, frozen

from sagemaker_runtime.bulk.bodies.answers import counted
from sagemaker_runtime.bulk.bodies.json_body import MAX_BYTES
from sagemaker_runtime.bulk.bodies.row_answers import check_limits
from sagemaker_runtime.bulk.json_texts import json_text
from sagemaker_runtime.predictor import (
    ArrowCodec,
    Encoded,
    EncodeError,
    NumPyCodec,
    ParquetCodec,
    UnreadableError,
    decoded,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sagemaker_runtime.bulk.formats.base import Format
    from sagemaker_runtime.predictor import Codec


@frozen
class CodecBody:
    """
    Requests built with a codec of `sagemaker_runtime.predictor`, or with your own.

    The codec encodes a list of records, each as `json.loads` returns it. It decodes the response to an iterable, such as a list
    or an array, with one value per record. `ParquetCodec` and `ArrowCodec` encode a table with a row per record, which must be
    an object, and decode a table; pyarrow infers the column types from the JSON. `NumPyCodec` encodes an array.

    Values that JSON has no type for are written as by `Parquet`.

    Raises:
        ConfigError: A limit is less than 1.
    """

    codec: Codec[Any, object] = field(repr=lambda codec: type(codec).__name__)
    """The codec. A run that continues compares the name of its type, not its settings."""

    max_rows: int = 1
    """Records per request, at most."""

    max_bytes: int = MAX_BYTES
    """Bytes of records per request, at most; a larger record is sent alone."""

    def __attrs_post_init__(self) -> None:
        check_limits(self)

    @property
    def accept(self) -> str | None:
        """The MIME type that the codec asks for."""
        return self.codec.accept

    def encode(self, records: Sequence[bytes], format: Format, name: str) -> Encoded:
        """The records as the codec encodes them; see `Body.encode`."""
        values = [json.loads(format.document(record)) for record in records]
        encoded = self.codec.encode(self._value(values))
        return encoded if isinstance(encoded, Encoded) else Encoded(encoded, self.codec.content_type)

    def _value(self, values: list[object]) -> object:
        """The value to give to the codec for the JSON of records."""
        if isinstance(self.codec, ArrowCodec | ParquetCodec):
            return _table(values)
        return _array(values) if isinstance(self.codec, NumPyCodec) else values

    def decode(self, body: bytes, content_type: str | None, number: int) -> Sequence[bytes]:
        """The values that the codec decodes; see `Body.decode`."""

        def read(body: bytes) -> list[bytes]:
            value = self.codec.decode(body, content_type)
            to_list: object = getattr(value, "to_pylist", None) or getattr(value, "tolist", None)
            values = to_list() if callable(to_list) else value
            if isinstance(values, str | bytes | Mapping | AbstractSet) or not _is_iterable(values):
                raise UnreadableError(
                    f"{type(self.codec).__name__} decodes it to a {type(values).__name__}, not to a list"
                )
            return [json_text(each) for each in values]

        return counted(decoded(read, body, content_type, self.codec.content_type), number)


def _table(values: list[object]) -> object:
    import pyarrow as pa  # type: ignore[import-untyped, import-not-found, unused-ignore]

    if not all(isinstance(value, dict) for value in values):
        raise EncodeError("the record is not an object, whose fields could be the columns of a table")
    try:
        table: object = pa.Table.from_pylist(values)
    except (pa.ArrowException, UnicodeError, OverflowError, TypeError) as error:
        problem = type(error).__name__  # its text contains the value
    else:
        return table
    raise EncodeError(
        f"the records of a request do not form a table, because a column has values of several types ({problem})"
    )


def _array(values: list[object]) -> object:
    import numpy as np

    try:
        return np.asarray(values)
    except (ValueError, OverflowError):  # their texts may contain a value
        pass
    raise EncodeError("the records of a request do not form an array, because they differ in length")


def _is_iterable(value: object) -> TypeGuard[Iterable[object]]:
    return isinstance(value, Iterable)
