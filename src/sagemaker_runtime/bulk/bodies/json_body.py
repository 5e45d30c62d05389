"""`JSONBody`: records as JSON, a single document or a list per request."""

from __future__ import annotations

import json
from functools import lru_cache
from operator import itemgetter
from typing import TYPE_CHECKING

from attrs import frozen

from sagemaker_runtime.bulk.bodies.answers import listed, one
from sagemaker_runtime.bulk.bodies.row_answers import check_limits
from sagemaker_runtime.bulk.formats.base import AlikeLines, joined
from sagemaker_runtime.bulk.json_texts import check_json
from sagemaker_runtime.predictor import Encoded, EncodeError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sagemaker_runtime.bulk.formats.base import Format

MAX_BYTES = 5 * 2**20
"""Bytes of records per request. Most endpoints accept 6 MB."""

_JSON = "application/json"


@frozen
class JSONBody:
    """
    Records as JSON, ``application/json``.

    Each request is a single document, or a list if *key* is set or *max_rows* is more than 1. The response to a list is a list
    of the same length, alone or under *output_key*.

    Raises:
        ConfigError: A limit is less than 1.
    """

    key: str | None = None
    """Key of the list, such as ``"instances"``: ``{"instances": [...]}``. None for a list without an object around it."""

    max_rows: int = 1
    """Records per request, at most."""

    max_bytes: int = MAX_BYTES
    """Bytes of records per request, at most; a larger record is sent alone."""

    output_key: str = "predictions"
    """Key of the list in the response, if the response is an object."""

    accept = _JSON

    def __attrs_post_init__(self) -> None:
        check_limits(self)

    def encode(self, records: Sequence[bytes], format: Format, name: str) -> Encoded:
        """The records as one JSON document, or as a list; see `Body.encode`."""
        documents = records if format.content_type == _JSON else [format.document(record) for record in records]
        if not isinstance(documents, AlikeLines):
            _check(documents)
        text = joined(documents, b",")
        if self.key is not None:
            return Encoded(b"".join((_opening(self.key), text, b"]}")), _JSON)
        return Encoded(b"[%b]" % text if self.max_rows > 1 else text, _JSON)

    def decode(self, body: bytes, content_type: str | None, number: int) -> Sequence[bytes]:
        """The response as it is, or the elements of its list; see `Body.decode`."""
        if self.key is None and self.max_rows == 1:
            return [one(body, content_type)]
        return listed(body, self.output_key, content_type, number)


@lru_cache(maxsize=64)
def _opening(key: str) -> bytes:
    return b"{%b:[" % json.dumps(key).encode()


def _check(documents: Sequence[bytes]) -> None:
    """
    Raise unless each is one JSON document, apart from mistakes that the response will reveal.

    A single one is parsed. Several are parsed only if they do not all begin and end with the same brackets: parsing them costs
    as much as sending them. Any other mistake makes the request fail, or changes the number of answers, so the record is then
    sent alone. (Three records of one request could hide each other's: one with two documents, and two that form one together.)
    """
    if len(documents) > 1 and ({*map(_FIRST, documents)}, {*map(_LAST, documents)}) in _BRACKETS:
        return
    for document in documents:
        problem = False
        try:
            check_json(document.decode())  # given bytes, it would also accept UTF-16 and byte order marks
        except (ValueError, RecursionError):
            problem = True
        if problem:
            where = "" if len(documents) == 1 else f", or one of the {len(documents)} of its request,"
            raise EncodeError(f"the record{where} is not a JSON document")


_FIRST, _LAST = itemgetter(0), itemgetter(-1)  # bytes, as numbers
_BRACKETS = (({*b"{"}, {*b"}"}), ({*b"["}, {*b"]"}))
