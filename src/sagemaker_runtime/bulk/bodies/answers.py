"""Cuts JSON texts out of responses, unchanged: parsing them and writing them again costs twice as much."""

from __future__ import annotations

import base64
import codecs
import json
import re
from functools import lru_cache, partial
from typing import TYPE_CHECKING

from sagemaker_runtime.bulk.json_texts import check_json, read_text
from sagemaker_runtime.predictor import DecodeError, UnreadableError, decoded
from sagemaker_runtime.predictor.media_types import is_json, media_type

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_BLANKS = " \t\r\n"
_BOM = codecs.BOM_UTF8.decode()
_STRING = r'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_WITHIN = rf'[^"\[\]{{}}]*+(?:{_STRING}[^"\[\]{{}}]*+)*+'
# An element of a list that has been parsed already: a scalar, or a list or object of scalars. If something else comes next, it
# matches all that is left, so that it never searches.
_FLAT = re.compile(rf'([^"\[\]{{}},]++|\s*+(?:{_STRING}|\[{_WITHIN}\]|\{{{_WITHIN}\}})\s*+)(?:,|\Z)|[\s\S]+')


def elements(body: bytes, key: str | None, content_type: str | None = None) -> list[bytes]:
    """
    The elements of a JSON list, each as a JSON text on one line, unchanged.

    ``NaN`` and ``Infinity``, which are not JSON, are kept as well, because models return them.

    Args:
        body: The body of a response: the list, or an object that contains it.

        key: The key of the list in the object; None for a bare list. If a key is repeated, the last one counts.

        content_type: The content type of the response, for the error.

    Raises:
        DecodeError: The body is something else. The text shows nothing of it.
    """
    found = _plain(body, key)
    return _any(body, key, content_type) if found is None else found


def _any(body: bytes, key: str | None, content_type: str | None) -> list[bytes]:
    kind = "a JSON list" if key is None else f"a JSON object with a list under {key!r}"
    return decoded(partial(_elements, key=key), body, content_type, kind)


def one(body: bytes, content_type: str | None) -> bytes:
    """
    A response of any type as one JSON text on one line.

    JSON is kept as it is. ``text/…`` becomes a string. Anything else becomes ``{"base64": "…"}``, as does text that is not in its
    charset. Without a content type, the first of these that fits is used.

    Raises:
        DecodeError: The content type is JSON, but the body is not. The text shows nothing of it.
    """
    kind = media_type(content_type)
    if is_json(kind):
        return decoded(_document, body, content_type, "JSON")
    if not kind:
        try:
            return _document(body)
        except UnreadableError:
            pass
    if not kind or kind.startswith("text/"):
        try:
            return json.dumps(body.decode(_charset(content_type))).encode()
        except (ValueError, LookupError):  # LookupError: no such charset
            pass
    return base64_document(body)


def base64_document(body: bytes) -> bytes:
    """Binary data as JSON."""
    return b'{"base64":"%b"}' % base64.b64encode(body)


def listed(body: bytes, key: str, content_type: str | None, number: int) -> Sequence[bytes]:
    """
    The elements of a JSON list, bare or under *key*, if there are *number* of them.

    Raises:
        DecodeError: There is no such list, or it has another length.
    """
    found = _plain(body, key)
    if found is None:
        is_list = body.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"["
        found = elements(body, None, content_type) if is_list else _any(body, key, content_type)
    return counted(found, number)


def counted(answers: Sequence[bytes], number: int) -> Sequence[bytes]:
    """
    The answers, if there is one for each record.

    Raises:
        DecodeError: There are more or fewer, so they cannot be matched to the records.
    """
    if len(answers) != number:
        raise DecodeError(
            f"the response has {len(answers)} answers for {number} records, so they cannot be matched; the model must answer "
            "each record once, in order"
        )
    return answers


def texts_of(read: Callable[[str], list[bytes]], body: bytes) -> list[bytes]:
    """
    Apply *read* to JSON in UTF-8.

    Raises:
        UnreadableError: It is not JSON. The text shows nothing of it.
    """
    try:
        return read(body.decode().removeprefix(_BOM))
    except UnicodeDecodeError as error:
        problem = f"{error.reason} at byte {error.start}; JSON must be UTF-8"
    except json.JSONDecodeError as error:
        problem = f"{error.msg} at line {error.lineno} column {error.colno}"
    except RecursionError:
        problem = "it is nested too deeply"
    except IndexError:
        problem = "it ends too early"
    except UnreadableError:
        raise
    except ValueError:
        problem = "a number has too many digits"
    raise UnreadableError(problem)


def line(text: str) -> str:
    """JSON with spaces for its line breaks; inside strings, JSON has only escaped ones."""
    return text.replace("\n", " ").replace("\r", " ")


def _document(body: bytes) -> bytes:
    def read(text: str) -> list[bytes]:
        check_json(text)
        return [line(text.strip(_BLANKS)).encode()]

    return texts_of(read, body)[0]


def _plain(body: bytes, key: str | None) -> list[bytes] | None:
    """The elements of a list as most models write it, in a third of the time; None for any other body, valid or not."""
    for begin, end in _around(key):
        if body.startswith(begin) and body.endswith(end):
            break
    else:
        return None
    inside = body[len(begin) : -len(end)]
    if b"\n" in inside or b"\r" in inside:
        return None
    found = _cut(inside)
    if not found:
        return None
    different = set(found) if len({*found[:_TRIED]}) < _TRIED else found  # a classifier has few labels
    try:
        text = (b"[%b]" % b",".join(different)).decode()  # given bytes, json would accept halves of surrogate pairs
        values, behind = read_text(text)
    except (ValueError, RecursionError):
        return None
    return found if len(values) == len(different) and behind == len(text) else None


_TRIED = 4  # elements; if two of them are equal, many probably are


@lru_cache(maxsize=64)
def _around(key: str | None) -> Sequence[tuple[bytes, bytes]]:
    """What may come before and after the elements, if the body has nothing else."""
    if key is None:
        return ((b"[", b"]"),)
    name = json.dumps(key, ensure_ascii=False).encode()
    return ((b"{%b:[" % name, b"]}"), (b"{%b: [" % name, b"]}"))


_SEPARATORS: Mapping[bytes, Sequence[tuple[bytes, bytes]]] = {
    b"{": ((b"},{", b"}\n{"), (b"}, {", b"}\n{")),
    b"[": ((b"],[", b"]\n["), (b"], [", b"]\n[")),
}
"""For the bracket that elements begin with: what may be between two of them, and what to replace it with."""


def _cut(inside: bytes) -> list[bytes]:
    """
    The elements of a list without line breaks, right if the list has as many values. Empty if it cannot be split so easily.

    Every opening bracket except the first follows a closing one and a comma. If one of them were deeper inside a value, or in a
    string, there would be more pieces than values.
    """
    bracket = inside[:1]
    if bracket in _SEPARATORS:
        number = inside.count(bracket) - 1
        for separator, divided in _SEPARATORS[bracket]:
            found = inside.replace(separator, divided).split(b"\n")
            if len(found) - 1 == number and inside.endswith(separator[:1]):
                return found
    elif len(inside.translate(None, b'"[]{}')) == len(inside):  # numbers, true, false, null
        return inside.split(b", " if b", " in inside else b",")
    return []


def _elements(body: bytes, key: str | None) -> list[bytes]:
    return texts_of(partial(_split, key=key), body)


def _split(text: str, key: str | None) -> list[bytes]:
    at = _skip(text, 0)
    if key is None:
        found, at = _list(text, at)
    else:
        found, at = _member(text, at, key)
    if _skip(text, at) != len(text):
        raise UnreadableError("something follows its end")
    return found


def _member(text: str, at: int, key: str) -> tuple[list[bytes], int]:
    """The list under a key of the object at a position, and the position after the object."""
    found: list[bytes] | None = None
    if text[at] != "{":
        raise UnreadableError("it is not an object")
    at = _skip(text, at + 1)
    while text[at] != "}" or found is None:
        name: object
        if text[at] == "}":
            raise UnreadableError("it has no such key")
        if text[at] != '"':
            raise json.JSONDecodeError("Expecting a key", text, at)
        name, at = read_text(text, at)
        at = _skip(text, at)
        if text[at] != ":":
            raise json.JSONDecodeError("Expecting ':'", text, at)
        at = _skip(text, at + 1)
        if name == key:
            found, at = _list(text, at)
        else:
            _, at = read_text(text, at)
        at = _skip(text, at)
        if text[at] == ",":
            at = _skip(text, at + 1)
            if text[at] == "}":
                raise json.JSONDecodeError("Expecting a key", text, at)
        elif text[at] != "}":
            raise json.JSONDecodeError("Expecting ','", text, at)
    return found, at + 1


def _list(text: str, at: int) -> tuple[list[bytes], int]:
    """The elements of the list at a position, and the position after it."""
    if text[at] != "[":
        raise UnreadableError("there is no list" if at else "it is not a list")
    values: list[object]
    values, end = read_text(text, at)
    if not values:
        return [], end
    inner = text[at + 1 : end - 1]
    found: list[str] = _FLAT.findall(inner)
    if len(found) != len(values) or ",".join(found) != inner:
        found = _nested(inner)
    return line("\0".join([element.strip(_BLANKS) for element in found])).encode().split(b"\0"), end


def _nested(inner: str) -> list[str]:
    """The elements in the text between the brackets of a list that has been parsed already."""
    found: list[str] = []
    at = _skip(inner, 0)
    while at < len(inner):
        _, end = read_text(inner, at)
        found.append(inner[at:end])
        at = _skip(inner, _skip(inner, end) + 1)
    return found


def _skip(text: str, at: int) -> int:
    """The next position that is not whitespace."""
    while text[at : at + 1] and text[at] in _BLANKS:
        at += 1
    return at


def _charset(content_type: str | None) -> str:
    for parameter in (content_type or "").split(";")[1:]:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset":
            return value.strip().strip('"')
    return "utf-8"
