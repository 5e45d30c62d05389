"""`PromptBody`: a JSON template with placeholders for the fields of a record."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from attrs import Factory, field, frozen

from sagemaker_runtime import ConfigError
from sagemaker_runtime.bulk.bodies.answers import one
from sagemaker_runtime.bulk.json_texts import JSON, is_object, json_text
from sagemaker_runtime.predictor import Encoded, EncodeError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sagemaker_runtime.bulk.formats.base import Format

# In the JSON text of a template.
_STRING = re.compile(r'"(?:[^"\\]|\\.)*+"')
# In a string: a doubled brace, a placeholder, a single brace, or any other text.
_PART = re.compile(r"\{\{|\}\}|\{([^{}]+)\}|[{}]|[^{}]+")


@frozen
class _Place:
    """A placeholder for a field."""

    name: str
    is_whole: bool
    """Whether it is the whole string, and so is replaced by the value itself, of any type."""


def _text(template: str | Mapping[str, object]) -> str:
    problem = ""
    try:
        document: object = json.loads(template) if isinstance(template, str) else template
        return json.dumps(document, ensure_ascii=False)
    except (ValueError, TypeError, RecursionError) as error:
        problem = str(error)
    raise ConfigError(f"the template is not JSON: {problem}")


def _parts_of(body: PromptBody) -> tuple[bytes | _Place, ...]:
    """The texts and placeholders of a template, in order."""
    parts = tuple(_divided(body.template))
    if not any(isinstance(part, _Place) for part in parts):
        raise ConfigError(
            "the template has no placeholder for a field of the record, such as {prompt} in a string, so all requests would "
            "be the same"
        )
    return parts


@frozen
class PromptBody:
    """
    A JSON document for each record, ``application/json``, made from a template: for LLM containers.

    ::

        PromptBody({"inputs": "{prompt}", "parameters": {"max_new_tokens": 64}})
        PromptBody(
            {"messages": [{"role": "user", "content": "Translate: {text}"}], "stream": False}
        )

    ``{prompt}`` in a string is replaced by that field of the record: text as it is, anything else as JSON. A string that
    consists of one placeholder becomes the value itself, so ``"{limit}"`` may become a number. ``{{`` and ``}}`` stand for
    braces. Keys are never replaced.

    Responses are read as by `FileBody`.

    Raises:
        ConfigError: The template is not JSON, has no placeholder, or has a single brace in a string.
    """

    template: str = field(converter=_text)
    """The document, or its JSON as text."""

    _parts: tuple[bytes | _Place, ...] = field(
        default=Factory(_parts_of, takes_self=True), init=False, repr=False, eq=False
    )

    accept = JSON
    max_rows = 1
    max_bytes = 2**30

    def encode(self, records: Sequence[bytes], format: Format, name: str) -> Encoded:
        """The template, filled with the fields of the record; see `Body.encode`."""
        document: object = json.loads(format.document(records[0]))
        if not is_object(document):
            raise EncodeError("the record is not an object, whose fields the template could use")
        return Encoded(
            b"".join([part if isinstance(part, bytes) else _filled(part, document) for part in self._parts]), JSON
        )

    def decode(self, body: bytes, content_type: str | None, number: int) -> Sequence[bytes]:
        """The response as one JSON text; see `Body.decode`."""
        return [one(body, content_type)]


def _filled(place: _Place, document: dict[str, object]) -> bytes:
    if place.name not in document:
        raise EncodeError(f"the record has no field {place.name!r}, which the template uses")
    value = document[place.name]
    if place.is_whole:
        return json_text(value)
    text = value if isinstance(value, str) else json_text(value).decode()
    return json_text(text)[1:-1]


def _divided(template: str) -> Iterator[bytes | _Place]:
    at = 0
    for string in _STRING.finditer(template):
        is_key = template[string.end() : string.end() + 1] == ":"
        if is_key:
            continue
        yield template[at : string.start()].encode()
        at = string.end()
        parts = list(_within(json.loads(string[0])))
        if len(parts) == 1 and isinstance(parts[0], _Place):
            yield _Place(parts[0].name, is_whole=True)
            continue
        yield b'"'
        for part in parts:
            yield part if isinstance(part, _Place) else json_text(part)[1:-1]
        yield b'"'
    yield template[at:].encode()


def _within(text: str) -> Iterator[str | _Place]:
    for part in _PART.finditer(text):
        name: str | None = part[1]
        if name is not None:
            yield _Place(name, is_whole=False)
        elif part[0] in ("{", "}"):
            raise ConfigError(
                f"the template has a single {part[0]} in the string that begins with {text[:20]!r}: a placeholder is "
                f"{{name}}, and a brace is {2 * part[0]}"
            )
        else:
            yield {"{{": "{", "}}": "}"}.get(part[0], part[0])
