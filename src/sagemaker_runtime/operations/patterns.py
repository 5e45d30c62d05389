"""The patterns of the API model, from Java's dialect to Python's."""

from __future__ import annotations

import re

# Each pair is tested against what Java means by it; ``re.ASCII`` does more of it (\s and \S are ASCII's), and matches are
# full, so that ^ and $ need no care.
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
        ValueError: The pattern has a Java construct this translation does not know.
    """
    translated = pattern
    for java, python in _FROM_JAVA:
        translated = translated.replace(java, python)
    # What is sought is looked for as text first: a cold start has no time to compile expressions that find nothing.
    if ("\\" in translated or "&&" in translated) and re.search(r"\\[pPzZAGQE]|&&", translated):
        raise ValueError(f"pattern {pattern!r} has a Java construct with no translation in _FROM_JAVA")
    return re.sub(_UNIT, _dot_from_java, translated) if "." in translated else translated


_UNIT = r"\\.|\[(?:\\.|[^\]\\])*\]|\."  # an escape, a class, or a dot that is neither


def _dot_from_java(token: re.Match[str]) -> str:
    """Java's dot matches none of five line ends, Python's only one of them."""
    return r"[^\n\r\x85\u2028\u2029]" if token[0] == "." else token[0]
