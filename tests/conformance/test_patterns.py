"""The patterns of the service model, which are Java's, and what Java means by them."""

from __future__ import annotations

import re
from typing import Any

import pytest
from conformance.conftest import load

from sagemaker_runtime.operations.patterns import from_java

PRINT = r"\A\S[\p{Print}]*\z"
NAME = "^[a-zA-Z0-9](-*[a-zA-Z0-9])*"
SESSION = NAME + "$"
EXPIRES = r";\sExpires=[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$"
NAMES = ["a", "Z", "0", "a-b", "a--b", "Abc-123"]
NO_NAMES = ["", "-a", "a-", "a_b", "a.b", "a b", "a\n", "a\r", "\na", "é", "\u0663", "a\u0663"]  # an Arabic digit three

# For each pattern, strings that Java's Matcher.matches() takes, and strings that it does not. Source: the
# documentation of java.util.regex.Pattern: matches() is for the whole string; \s is [ \t\n\x0B\f\r] and \S all else;
# \p{ASCII} is [\x00-\x7F]; \p{Print} is [\x20-\x7E]; "." takes no line terminator, which are \n, \r, \u0085, \u2028
# and \u2029; a negated class takes them.
MEANING: dict[str, tuple[list[str], list[str]]] = {
    r"\p{ASCII}*": (["", "a", "a b", "\x00\t\n\r\x7f", "a\n"], ["é", "\x80", "a\u2028", "😀"]),
    ".*": (
        ["", "a", " ", "\t", "a\x0b\x0cb", "\x1c\x1f", "é", "😀"],
        ["\n", "a\n", "a\rb", "\x85", "\u2028", "a\u2029b"],
    ),
    PRINT: (
        ["a", "a b ", "~ ~", "\x21\x7e\x20", "é b", "\xa0", "\x00", "\x1c", "\u2028", "😀~"],
        ["", " ", " a", "\ta", "\na", "\x0ba", "\x0ca", "\ra", "a\n", "a\tb", "aé", "a\x7f", "a\x1f", "a\u2028"],
    ),
    NAME: (NAMES, NO_NAMES),
    SESSION: (NAMES, NO_NAMES),
    r"^[a-zA-Z0-9]([\-a-zA-Z0-9]*[a-zA-Z0-9])?$": (NAMES, NO_NAMES),
    f"^(NEW_SESSION)$|{SESSION}": (
        [*NAMES, "NEW_SESSION", "NEWSESSION"],
        [*NO_NAMES, "NEW_SESSION\n", "NEW_SESSION ", "new_session", "NEW_SESSIONa"],
    ),
    NAME + EXPIRES: (
        [f"a-1;{blank}Expires=2026-01-31T23:59:59Z" for blank in " \t\n\x0b\x0c\r"],
        [
            *(f"a-1;{blank}Expires=2026-01-31T23:59:59Z" for blank in ("", "\xa0", "\x85", "\x1c", "\u2003", "  ")),
            "a-1; Expires=2026-01-31T23:59:59Z\n",
            "a-1; Expires=2026-01-3\u0661T23:59:59Z",
            "a-1; expires=2026-01-31T23:59:59Z",
            "a-; Expires=2026-01-31T23:59:59Z",
        ],
    ),
    r"^(?!.*\..*\.)[a-zA-Z0-9][a-zA-Z0-9-_\.]*$": (
        ["a", "0", "a.txt", "a-_1.b", "a."],
        ["", ".a", "-a", "a.b.c", "a..", "a b", "a\n", "aé", "a/b"],
    ),
    r"^(https|s3)://([^/]+)/?(.*)$": (
        ["s3://b", "s3://b/", "s3://b/k", "https://h/a/b?c", "s3://b/é", "s3://b\n/k", "s3://b\u2028"],
        [
            "",
            "s3://",
            "s3:///k",
            "http://h",
            "S3://b",
            " s3://b",
            "s3://b/k\n",
            "s3://b/k\rk",
            "s3://b/\x85",
            "s3://b/\u2029",
        ],
    ),
    r"^(?!s3:|https:)[a-zA-Z0-9!_.*'()/-]+$": (
        ["a", "a/b", "s3", "https", "!_.*'()/-"],
        ["", "s3:", "s3:a", "https:a", "a b", "a\n", "é", "a:b", "a\\b"],
    ),
}
TABLE = [
    pytest.param(pattern, text, expected, id=f"{pattern}-{text!a}-{expected}")
    for pattern, both in MEANING.items()
    for expected, texts in zip((True, False), both, strict=True)
    for text in texts
]


@pytest.mark.parametrize(("pattern", "text", "expected"), TABLE)
def test_a_pattern_takes_what_java_takes(pattern, text, expected):
    """The service judges with Java; what is let through here and refused there costs the caller a round trip."""
    assert expected is (re.fullmatch(from_java(pattern), text, re.ASCII) is not None)


def test_every_pattern_of_the_model_is_in_the_table():
    """Those of the operations to come as well: each has been looked up, and none was assumed to be the same."""
    shapes: dict[str, dict[str, Any]] = load("protocol/sagemaker-runtime-service-2.json")["shapes"]

    assert {shape["pattern"] for shape in shapes.values() if "pattern" in shape} == set(MEANING)


@pytest.mark.parametrize("pattern", [r"\p{L}+", r"\P{ASCII}", r"a\Z", r"\Ga", r"\Q.\E"])
def test_a_construct_of_java_without_translation_is_refused(pattern):
    """Python would read some of them as something else, in silence."""
    with pytest.raises(ValueError, match="no translation"):
        from_java(pattern)
