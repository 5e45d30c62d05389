"""Translation of the API model's patterns from Java's dialect to Python's."""

from __future__ import annotations

import re

# Each pair is tested against Java's semantics. ``re.ASCII`` makes \s and \S ASCII, as in Java, and matches are full, so
# ^ and $ need no translation.
_FROM_JAVA = (
    (r"\p{ASCII}", r"[\x00-\x7f]"),
    (r"[\p{Print}]", r"[\x20-\x7e]"),
    (r"\A", ""),
    (r"\z", ""),
)


def from_java(pattern: str) -> str:
    """
    The Python counterpart of a pattern in the API model, to be used with ``fullmatch`` and ``re.ASCII``.

    Raises:
        ValueError: The pattern has a Java construct that cannot be translated.
    """
    translated = pattern
    for java, python in _FROM_JAVA:
        translated = translated.replace(java, python)
    # A plain search first, so that a cold start does not compile expressions that find nothing.
    if ("\\" in translated or "&&" in translated) and re.search(r"\\[pPzZAGQE]|&&", translated):
        raise ValueError(f"pattern {pattern!r} has a Java construct with no translation in _FROM_JAVA")
    return re.sub(_UNIT, _dot_from_java, translated) if "." in translated else translated


_UNIT = r"\\.|\[(?:\\.|[^\]\\])*\]|\."  # an escape, a class, or a dot that is neither


def _dot_from_java(token: re.Match[str]) -> str:
    """Java's dot excludes five line terminators, Python's dot only one of them."""
    return r"[^\n\r\x85\u2028\u2029]" if token[0] == "." else token[0]
