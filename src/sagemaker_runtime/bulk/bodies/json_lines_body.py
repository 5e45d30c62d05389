"""`JSONLinesBody`: a JSON document on each line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from sagemaker_runtime.bulk.bodies.json_body import MAX_BYTES
from sagemaker_runtime.bulk.bodies.row_answers import JSON_LINES, answers, check_limits
from sagemaker_runtime.bulk.formats.base import AlikeLines, joined
from sagemaker_runtime.predictor import Encoded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sagemaker_runtime.bulk.formats.base import Format


@frozen
class JSONLinesBody:
    """
    Records as JSON documents, one per line, ``application/jsonlines``.

    The response has one result per record: as lines, or as a JSON list, alone or under *output_key*. With one record per
    request, a JSON response is its result as a whole.

    Raises:
        ConfigError: A limit is less than 1.
    """

    max_rows: int = 1
    """Records per request, at most."""

    max_bytes: int = MAX_BYTES
    """Bytes of records per request, at most; a larger record is sent alone."""

    output_key: str = "predictions"
    """Key of the list in a JSON response, if the response is an object."""

    accept = JSON_LINES

    def __attrs_post_init__(self) -> None:
        check_limits(self)

    def encode(self, records: Sequence[bytes], format: Format, name: str) -> Encoded:
        """The records as JSON Lines; see `Body.encode`."""
        if isinstance(records, AlikeLines):  # not checked one by one, for the same reasons as in `JSONBody`
            text = joined(records, b"\n").replace(b"\r", b" ")
        else:
            text = b"\n".join(map(format.document, records))
        return Encoded(text + b"\n", JSON_LINES)

    def decode(self, body: bytes, content_type: str | None, number: int) -> Sequence[bytes]:
        """The results in JSON Lines, JSON or CSV; see `Body.decode`."""
        single = self.max_rows == 1
        return answers(body, content_type, number, single=single, key=self.output_key, otherwise=JSON_LINES)
