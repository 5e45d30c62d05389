"""`Selected`: sends a part of each record with another body."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from attrs import Factory, field, frozen

from sagemaker_runtime.bulk.expressions import compiled
from sagemaker_runtime.bulk.formats.json_lines import JSONLines
from sagemaker_runtime.bulk.json_texts import json_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sagemaker_runtime.bulk.bodies.base import Body
    from sagemaker_runtime.bulk.formats.base import Format
    from sagemaker_runtime.predictor import Encoded

_DOCUMENTS = JSONLines()  # the format that the other body sees: each part is a JSON document


def _compiled(selected: Selected) -> Callable[[object], object]:
    return compiled(selected.expression, "the expression of Selected")


@frozen
class Selected:
    """
    Sends a part of each record, selected by JMESPath, with another body.

    ``Selected("[height, width]", CSVBody())`` sends two fields of an object as a row of CSV. ``join=True`` and the dead
    letters still show the whole record.

    Raises:
        ConfigError: *expression* is not valid JMESPath.
    """

    expression: str
    """The JMESPath expression, which is evaluated on the record's JSON: `Format.document`."""

    body: Body
    """Builds requests from the selected parts, which are JSON documents."""

    _find: Callable[[object], object] = field(
        default=Factory(_compiled, takes_self=True), init=False, repr=False, eq=False
    )

    @property
    def max_rows(self) -> int:
        """Records per request, at most: that of *body*."""
        return self.body.max_rows

    @property
    def max_bytes(self) -> int:
        """Bytes of records per request, at most: that of *body*. It counts whole records, not the selected parts."""
        return self.body.max_bytes

    @property
    def accept(self) -> str | None:
        """The MIME type to ask for: that of *body*."""
        return self.body.accept

    def encode(self, records: Sequence[bytes], format: Format, name: str) -> Encoded:
        """The selected parts, as *body* encodes them; see `Body.encode`."""
        parts = [self._part(json.loads(format.document(record))) for record in records]
        return self.body.encode(parts, _DOCUMENTS, name)

    def decode(self, body: bytes, content_type: str | None, number: int) -> Sequence[bytes]:
        """The results, as *body* decodes them; see `Body.decode`."""
        return self.body.decode(body, content_type, number)

    def _part(self, document: object) -> bytes:
        return json_text(self._find(document))
