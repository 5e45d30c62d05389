"""Headers: any case, only what can be sent, and nothing sensitive shown."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st
from support import OPERATIONS

from sagemaker_runtime import Headers, InvalidHeaderError
from sagemaker_runtime.headers import header_problem
from sagemaker_runtime.operations.base import bindings
from sagemaker_runtime.redaction import SENSITIVE_HEADERS

UNSENDABLE = [*(chr(code) for code in range(32) if code != 9), "\x7f", "\ud800", "\udfff"]


def test_names_are_the_same_in_any_case() -> None:
    """HTTP compares names without regard to case, and so must whoever looks one up or takes one away."""
    headers = Headers({"Content-Type": "text/csv"})
    headers["ACCEPT"] = "*/*"
    headers["accept"] = "text/csv"

    assert headers["content-TYPE"] == headers.get("CONTENT-type") == "text/csv"
    assert list(headers) == list(headers.keys()) == ["content-type", "accept"]
    assert list(headers.values()) == ["text/csv", "text/csv"]
    assert "Accept" in headers
    assert 5 not in headers
    assert len(headers) == 2
    del headers["Accept"]
    assert headers.pop("CONTENT-TYPE") == "text/csv"
    assert headers.get("accept", 0) == 0
    assert headers == Headers()


class Odd(str):
    """Has another text than it says."""

    __slots__ = ()

    def lower(self) -> str:
        return "x-other"


def test_what_a_subclass_of_str_says_of_itself_changes_no_other_name() -> None:
    """Names are kept for all messages of the process, those of responses included."""
    odd = Headers({Odd("X-Told"): "1"})

    assert {"x-told": "1"} == odd.raw == Headers({"X-Told": "1"}).raw
    assert [str] == [type(name) for name in odd]


def test_a_copy_has_values_of_its_own() -> None:
    """Each attempt changes its headers, and the next one must start from the first."""
    headers = Headers([("a", "1")])

    copy = headers.copy()
    copy["a"] = "2"

    assert headers.raw == {"a": "1"}
    assert copy.raw == {"a": "2"}


def test_add_appends_behind_a_comma() -> None:
    """RFC 9110, section 5.3: a list may be sent in one line."""
    headers = Headers()
    headers.add("X-Tags", "a")
    headers.add("x-tags", "b")

    assert headers["x-tags"] == "a,b"


def test_received_headers_are_taken_as_they_came_and_joined() -> None:
    """A peer's odd byte must not fail a call that has succeeded; a name sent twice keeps both values."""
    headers = Headers.received([("Via", "1.1 a"), ("VIA", "1.1 b"), ("X-Odd", "caf\xe9\x01")])

    assert headers.raw == {"via": "1.1 a, 1.1 b", "x-odd": "caf\xe9\x01"}


@pytest.mark.parametrize("character", UNSENDABLE)
@pytest.mark.parametrize("template", ["{}", "a{}", "{}b", "é{}"])
def test_a_value_with_a_character_that_ends_a_line_is_refused(character: str, template: str) -> None:
    """A newline in a value is request smuggling; aiohttp is not asked to notice."""
    value = template.format(character)
    headers = Headers()

    with pytest.raises(InvalidHeaderError, match=r"'X-A' has the character .* at position") as caught:
        headers["X-A"] = value

    assert repr(character) in str(caught.value)
    assert "x-a" not in headers


@pytest.mark.parametrize("way", ["constructor", "update", "setdefault", "add"])
def test_no_way_in_avoids_the_check(way: str) -> None:
    """Each method that sets a value goes through the one that checks it."""
    headers = Headers()
    bad = "a\r\nX-Injected: 1"

    ways = {
        "constructor": lambda: Headers({"a": bad}),
        "update": lambda: headers.update({"a": bad}),
        "setdefault": lambda: headers.setdefault("a", bad),
        "add": lambda: headers.add("a", bad),
    }

    with pytest.raises(InvalidHeaderError):
        ways[way]()

    assert len(headers) == 0


def test_the_text_of_a_refused_value_does_not_repeat_it() -> None:
    """The value may be a credential with a newline at its end, which is the usual mistake."""
    with pytest.raises(InvalidHeaderError) as caught:
        Headers({"x-amz-security-token": "topsecret\n"})

    assert "topsecret" not in str(caught.value)


@pytest.mark.parametrize("name", ["", " ", "a b", "a:b", "a\n", "ä", "a\x00", "(a)", "K\u212a"])
def test_a_name_that_is_no_token_is_refused(name: str) -> None:
    """RFC 9110, section 5.6.2; the last one is a Kelvin sign, which ``lower()`` would turn into a ``k``."""
    with pytest.raises(InvalidHeaderError, match="cannot be the name of an HTTP header"):
        Headers({name: "1"})


@pytest.mark.parametrize("value", ["", "a\tb", "naïve", "日本", " padded ", "\x80", "~"])
def test_a_value_that_can_be_sent_is_kept_as_it_is(value: str) -> None:
    """Text beyond ASCII goes out as UTF-8; only what breaks the message is refused."""
    assert Headers({"a": value})["a"] == value
    assert header_problem(value) is None


@given(st.text(), st.text())
def test_whatever_is_accepted_cannot_break_a_message(name: str, value: str) -> None:
    """No line ends early, nothing fails to encode, and the name is a token."""
    try:
        headers = Headers({name: value})
    except InvalidHeaderError:
        return

    (sent,) = headers.values()
    (sent_name,) = headers
    assert not any((ord(character) < 32 and character != "\t") or character == "\x7f" for character in sent)
    assert sent == sent.encode().decode()
    assert sent_name.isascii()
    assert not set(sent_name) & set(' \t"(),/:;<=>?@[\\]{}')


def test_a_repr_shows_ordinary_values_and_no_sensitive_one() -> None:
    """Logs and tracebacks print reprs."""
    headers = Headers({"accept": "text/csv", **dict.fromkeys(SENSITIVE_HEADERS, "hush")})

    text = repr(headers)

    assert "'accept': 'text/csv'" in text
    assert "hush" not in text
    assert text.count("<redacted>") == len(SENSITIVE_HEADERS)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_every_header_that_the_model_calls_sensitive_is_redacted(operation: object) -> None:
    """The list is written by hand, so a new operation's sensitive header must not be forgotten."""
    members = {**bindings(operation.input_type), **bindings(operation.output_type)}

    sensitive = {
        binding.name.lower() for binding in members.values() if binding.location == "header" and binding.shape.sensitive
    }

    assert sensitive
    assert sensitive <= SENSITIVE_HEADERS


@pytest.mark.parametrize("value", [5, None, b"x"])
def test_a_value_that_is_no_text_is_refused_by_its_type(value):
    """The value itself is not repeated: it may be a secret."""
    headers = Headers()

    with pytest.raises(InvalidHeaderError, match=rf"'X-Tenant' is of type {type(value).__name__}; it takes str"):
        headers["X-Tenant"] = value
