"""`JSONBody`: records as JSON documents, one a request or a list of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from attrs import frozen

from sagemaker_runtime import ConfigError
from sagemaker_runtime.bulk.bodies.answers import counted, elements, one
from sagemaker_runtime.predictor import Encoded, EncodeError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sagemaker_runtime.bulk.formats.base import Format

MAX_BYTES = 5 * 2**20
"""Of a request's records. The service takes 6 MB in most endpoints."""

_JSON = "application/json"
_scan = json.JSONDecoder().raw_decode


@frozen
class JSONBody:
    """
    Records as JSON, ``application/json``.

    One document a request, unless *key* or *max_rows* say that it is a list. The response to a list has a list of as many, its
    own or under *output_key*.
    """

    key: str | None = None
    """What the list stands under, such as ``"instances"``: ``{"instances": [...]}``. None for a list alone."""

    max_rows: int = 1
    """Records of a request, at most."""

    max_bytes: int = MAX_BYTES
    """Bytes of the records of a request, at most; one that is larger is sent alone."""

    output_key: str = "predictions"
    """What the list of a response stands under, if the response is an object."""

    accept = _JSON

    def __attrs_post_init__(self) -> None:
        if self.max_rows < 1 or self.max_bytes < 1:
            raise ConfigError(f"{self!r}: max_rows and max_bytes are numbers from 1 on")

    def encode(self, records: Sequence[bytes], format: Format, name: str) -> Encoded:
        """See `Body.encode`."""
        documents = records if format.content_type == _JSON else [format.document(record) for record in records]
        joined = b",".join(documents)
        _check(documents, joined)
        if self.key is not None:
            return Encoded(b"{%b:[%b]}" % (json.dumps(self.key).encode(), joined), _JSON)
        return Encoded(b"[%b]" % joined if self.max_rows > 1 else joined, _JSON)

    def decode(self, body: bytes, content_type: str | None, number: int) -> Sequence[bytes]:
        """See `Body.decode`."""
        if self.key is None and self.max_rows == 1:
            return [one(body, content_type)]
        is_list = body.lstrip()[:1] == b"["
        return counted(elements(body, None if is_list else self.output_key, content_type), number)


def _check(documents: Sequence[bytes], joined: bytes) -> None:
    """Raise unless each is one JSON document: two halves of one would make a list of another length."""
    try:
        text = joined.decode()
        plain = text.isascii()
        at = 0
        for document in documents:
            length = len(document) if plain else len(document.decode())
            start = at if text[at : at + 1] not in _SPACE else at + length - len(text[at : at + length].lstrip(_SPACE))
            _, end = _scan(text, start)
            if end != at + length and text[end : at + length].strip(_SPACE):
                break
            if end > at + length:
                break
            at += length + 1
        else:
            return
    except (ValueError, StopIteration, RecursionError):
        pass
    where = "" if len(documents) == 1 else f", or one of the {len(documents)} of its request,"
    raise EncodeError(f"the record{where} is not a JSON document")


_SPACE = " \t\r"
