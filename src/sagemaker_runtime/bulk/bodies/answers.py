"""Responses as JSON texts, cut out of them as they stand: parsing them and writing them again costs twice as much."""

from __future__ import annotations

import base64
import codecs
import json
import re
from functools import lru_cache, partial
from typing import TYPE_CHECKING

from sagemaker_runtime.predictor import DecodeError, UnreadableError, decoded

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_BLANKS = " \t\r\n"
_read = json.JSONDecoder().raw_decode
_BOM = codecs.BOM_UTF8.decode()
_STRING = r'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_WITHIN = rf'[^"\[\]{{}}]*+(?:{_STRING}[^"\[\]{{}}]*+)*+'
# Of a list that was read already: a scalar, or a list or object of scalars. Where that is not what comes next, all that is
# left, so that it never searches.
_FLAT = re.compile(rf'([^"\[\]{{}},]++|\s*+(?:{_STRING}|\[{_WITHIN}\]|\{{{_WITHIN}\}})\s*+)(?:,|\Z)|[\s\S]+')


def elements(body: bytes, key: str | None, content_type: str | None = None) -> list[bytes]:
    """
    The elements of a JSON list, each a JSON text on one line, as it stands there.

    ``NaN`` and ``Infinity``, which are not JSON, stay too: models return them.

    Args:
        body: The body of a response: the list, or an object that has it.

        key: Where in the object; None for the list itself. Of duplicate keys the last counts.

        content_type: What the response says it is, for the error.

    Raises:
        DecodeError: It is not that. The text does not show what is in it.
    """
    if (found := _plain(body, key)) is not None:
        return found
    kind = "a JSON list" if key is None else f"a JSON object with a list under {key!r}"
    return decoded(partial(_elements, key=key), body, content_type, kind)


def one(body: bytes, content_type: str | None) -> bytes:
    """
    A response of any type as one JSON text on one line.

    JSON stays as it stands. ``text/…`` becomes a string. Anything else is ``{"base64": "…"}``, text that is not in its
    charset too. Without a type, the first of these that fits.

    Raises:
        DecodeError: It says that it is JSON, and is not. The text does not show what is in it.
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
    """Bytes that are no text as JSON."""
    return b'{"base64":"%b"}' % base64.b64encode(body)


def media_type(content_type: str | None) -> str:
    """The type without its parameters, in lower case; empty if there is none."""
    return (content_type or "").partition(";")[0].strip().lower()


def is_json(kind: str) -> bool:
    """Whether a type without its parameters is one of JSON."""
    return kind == "application/json" or kind.endswith("+json")


def listed(body: bytes, key: str, content_type: str | None, number: int) -> Sequence[bytes]:
    """
    The elements of a JSON list, the body's own or that under *key*, if there are *number* of them.

    Raises:
        DecodeError: It is not that.
    """
    is_list = body.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"["
    return counted(elements(body, None if is_list else key, content_type), number)


def counted(answers: Sequence[bytes], number: int) -> Sequence[bytes]:
    """
    Answers, if there are as many as there were records.

    Raises:
        DecodeError: There are more or fewer, so nobody knows which belongs to which.
    """
    if len(answers) != number:
        raise DecodeError(
            f"the response has {len(answers)} answers for {number} records, so they cannot be told apart; the model must "
            "answer each record once, in order"
        )
    return answers


def read_json(read: Callable[[str], list[bytes]], body: bytes) -> list[bytes]:
    """
    What *read* makes of JSON in UTF-8.

    Raises:
        UnreadableError: It is not JSON, in words that do not show it.
    """
    try:
        return read(body.decode().removeprefix(_BOM))
    except UnicodeDecodeError as error:
        problem = f"{error.reason} at byte {error.start}, and JSON is UTF-8"
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
    """JSON without its line breaks, which are blanks: those within its strings are escaped."""
    return text.replace("\n", " ").replace("\r", " ")


def _document(body: bytes) -> bytes:
    def read(text: str) -> list[bytes]:
        json.loads(text)
        return [line(text.strip(_BLANKS)).encode()]

    return read_json(read, body)[0]


def _plain(body: bytes, key: str | None) -> list[bytes] | None:
    """The elements of a list as most models write it, in a third of the time; None for any other list, right or wrong."""
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
    try:
        text = body.decode()  # of bytes, it would take halves of surrogate pairs
        document, behind = _read(text)
    except (ValueError, RecursionError):
        return None
    values: list[object] = document if key is None else document[key]
    return found if len(values) == len(found) and behind == len(text) else None


@lru_cache(maxsize=64)
def _around(key: str | None) -> Sequence[tuple[bytes, bytes]]:
    """What may stand before and behind the elements, if nothing else does."""
    if key is None:
        return ((b"[", b"]"),)
    name = json.dumps(key, ensure_ascii=False).encode()
    return ((b"{%b:[" % name, b"]}"), (b"{%b: [" % name, b"]}"))


_SEPARATORS: Mapping[bytes, Sequence[tuple[bytes, bytes]]] = {
    b"{": ((b"},{", b"}\n{"), (b"}, {", b"}\n{")),
    b"[": ((b"],[", b"]\n["), (b"], [", b"]\n[")),
}
"""By the bracket that values begin with, what may be between two of them, and what is to be there."""


def _cut(inside: bytes) -> list[bytes]:
    """
    The elements of a list without line breaks, if it has as many values. An empty one if they cannot be told so easily.

    Each bracket that opens, but for the first, stands behind one that closes and a comma. Any that were deeper within a value,
    or in its text, would make pieces beyond the number of values.
    """
    bracket = inside[:1]
    if bracket in _SEPARATORS:
        number = inside.count(bracket) - 1
        for separator, divided in _SEPARATORS[bracket]:
            if inside.count(separator) == number and inside.endswith(separator[:1]):
                return inside.replace(separator, divided).split(b"\n")
    elif len(inside.translate(None, b'"[]{}')) == len(inside):  # numbers, true, false, null
        return inside.split(b", " if b", " in inside else b",")
    return []


def _elements(body: bytes, key: str | None) -> list[bytes]:
    return read_json(partial(_split, key=key), body)


def _split(text: str, key: str | None) -> list[bytes]:
    at = _skip(text, 0)
    if key is None:
        found, at = _list(text, at)
    else:
        found, at = _member(text, at, key)
    if _skip(text, at) != len(text):
        raise UnreadableError("something comes behind its end")
    return found


def _member(text: str, at: int, key: str) -> tuple[list[bytes], int]:
    """The list under a key of the object at a place, and the place behind the object."""
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
        name, at = _read(text, at)
        at = _skip(text, at)
        if text[at] != ":":
            raise json.JSONDecodeError("Expecting ':'", text, at)
        at = _skip(text, at + 1)
        if name == key:
            found, at = _list(text, at)
        else:
            _, at = _read(text, at)
        at = _skip(text, at)
        if text[at] == ",":
            at = _skip(text, at + 1)
            if text[at] == "}":
                raise json.JSONDecodeError("Expecting a key", text, at)
        elif text[at] != "}":
            raise json.JSONDecodeError("Expecting ','", text, at)
    return found, at + 1


def _list(text: str, at: int) -> tuple[list[bytes], int]:
    """The elements of the list at a place, and the place behind it."""
    if text[at] != "[":
        raise UnreadableError("there is no list" if at else "it is not a list")
    values: list[object]
    values, end = _read(text, at)
    if not values:
        return [], end
    inner = text[at + 1 : end - 1]
    found: list[str] = _FLAT.findall(inner)
    if len(found) != len(values) or ",".join(found) != inner:
        found = _nested(inner)
    return line("\0".join([element.strip(_BLANKS) for element in found])).encode().split(b"\0"), end


def _nested(inner: str) -> list[str]:
    """What is between the brackets of a list, which was read already, divided into its elements."""
    found: list[str] = []
    at = _skip(inner, 0)
    while at < len(inner):
        _, end = _read(inner, at)
        found.append(inner[at:end])
        at = _skip(inner, _skip(inner, end) + 1)
    return found


def _skip(text: str, at: int) -> int:
    """The next place that is no blank."""
    while text[at : at + 1] and text[at] in _BLANKS:
        at += 1
    return at


def _charset(content_type: str | None) -> str:
    for parameter in (content_type or "").split(";")[1:]:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset":
            return value.strip().strip('"')
    return "utf-8"
