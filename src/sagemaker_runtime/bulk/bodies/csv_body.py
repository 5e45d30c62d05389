"""`CSVBody`: rows of CSV."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING

from attrs import field, frozen

from sagemaker_runtime.bulk.bodies.json_body import MAX_BYTES
from sagemaker_runtime.bulk.bodies.row_answers import CSV_TYPE, answers, check_limits
from sagemaker_runtime.bulk.csv_lines import CSVLines, scalar_text
from sagemaker_runtime.bulk.formats.batching import column_names
from sagemaker_runtime.bulk.formats.csv_rows import CSV
from sagemaker_runtime.bulk.formats.parquet import Parquet
from sagemaker_runtime.bulk.json_texts import is_list, is_object
from sagemaker_runtime.predictor import Encoded, EncodeError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sagemaker_runtime.bulk.formats.base import Format


@frozen
class CSVBody:
    """
    Records as rows of CSV without a header, ``text/csv``.

    Rows of comma-separated files are sent unchanged. Other records become rows of the values in their list or object: text
    as it is, numbers and bools as in JSON, null as an empty cell. Objects from JSON Lines need *columns*, because the order of
    their keys may differ from record to record, and a model would not notice.

    The response has one row per record, which becomes a list of strings, or just a string if it has one cell. A single row with
    one cell per record, as SageMaker's XGBoost writes it, is split. JSON and JSON Lines are read as by `JSONLinesBody`.

    Raises:
        ConfigError: A limit is less than 1, or *columns* is a single string or empty.
    """

    max_rows: int = 1
    """Records per request, at most."""

    max_bytes: int = MAX_BYTES
    """Bytes of records per request, at most; a larger record is sent alone."""

    columns: tuple[str, ...] | None = field(default=None, converter=column_names)
    """Which values of an object to send, in this order. None for all values of a CSV or Parquet row."""

    output_key: str = "predictions"
    """Key of the list in a JSON response, if the response is an object."""

    accept = CSV_TYPE

    def __attrs_post_init__(self) -> None:
        check_limits(self)

    def encode(self, records: Sequence[bytes], format: Format, name: str) -> Encoded:
        """The records as rows of CSV; see `Body.encode`."""
        if isinstance(format, CSV) and self.columns is None and format.is_plain:
            for record in records:
                format.cells(record)
            return Encoded(b"\n".join(records), CSV_TYPE)
        is_table = isinstance(format, CSV | Parquet)
        lines = CSVLines()
        csv.writer(lines).writerows(self._row(format.document(record), is_table=is_table) for record in records)
        return Encoded("".join(lines).removesuffix("\n").encode(), CSV_TYPE)

    def decode(self, body: bytes, content_type: str | None, number: int) -> Sequence[bytes]:
        """The results in CSV, JSON or JSON Lines; see `Body.decode`."""
        single = self.max_rows == 1
        return answers(body, content_type, number, single=single, key=self.output_key, otherwise=CSV_TYPE)

    def _row(self, text: bytes, *, is_table: bool) -> list[str]:
        document: object = json.loads(text)
        if is_object(document):
            if self.columns is not None:
                for name in self.columns:
                    if name not in document:
                        raise EncodeError(f"the record has no {name!r}, which columns= names")
                return [_cell(document[name], name) for name in self.columns]
            if is_table:
                return [_cell(value, name) for name, value in document.items()]
            raise EncodeError("the record is an object, whose keys may be in any order: give CSVBody(columns=[...])")
        if not is_list(document):
            raise EncodeError("the record is neither a list nor an object, so it cannot become a row of CSV")
        if self.columns is not None:
            raise EncodeError("the record is a list, but columns= takes values of an object")
        return [_cell(value, index) for index, value in enumerate(document)]


def _cell(value: object, place: str | int) -> str:
    text = scalar_text(value)
    if text is None:
        raise EncodeError(f"the value at {place!r} is a list or an object, so it cannot become a cell of CSV")
    return text
