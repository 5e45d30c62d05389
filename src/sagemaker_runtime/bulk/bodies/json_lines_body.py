"""`JSONLinesBody`: a JSON document on each line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from sagemaker_runtime.bulk.bodies.json_body import MAX_BYTES
from sagemaker_runtime.bulk.bodies.row_answers import JSON_LINES, answers, check_limits
from sagemaker_runtime.predictor import Encoded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sagemaker_runtime.bulk.formats.base import Format


@frozen
class JSONLinesBody:
    """
    Records as JSON documents on a line each, ``application/jsonlines``.

    The response has as many: lines, or in JSON a list, alone or under *output_key*. If requests have one record, JSON is its
    answer as it stands.
    """

    max_rows: int = 1
    """Records of a request, at most."""

    max_bytes: int = MAX_BYTES
    """Bytes of the records of a request, at most; one that is larger is sent alone."""

    output_key: str = "predictions"
    """What the list of a response in JSON stands under, if it is an object."""

    accept = JSON_LINES

    def __attrs_post_init__(self) -> None:
        check_limits(self)

    def encode(self, records: Sequence[bytes], format: Format, name: str) -> Encoded:
        """See `Body.encode`."""
        return Encoded(b"".join([b"%b\n" % format.document(record) for record in records]), JSON_LINES)

    def decode(self, body: bytes, content_type: str | None, number: int) -> Sequence[bytes]:
        """See `Body.decode`."""
        single = self.max_rows == 1
        return answers(body, content_type, number, single=single, key=self.output_key, otherwise=JSON_LINES)
