"""The model's patterns are Java's, and are checked as Java means them."""

from __future__ import annotations

import re

import pytest

from sagemaker_runtime.operations import shapes
from sagemaker_runtime.operations.base import Shape
from sagemaker_runtime.operations.patterns import from_java

SHAPES = [value for value in vars(shapes).values() if isinstance(value, Shape)]


@pytest.mark.parametrize(
    ("pattern", "matches", "refuses"),
    [
        (r"\p{ASCII}*", ["", "\x00~", "a\nb"], ["\x80", "\u00e9"]),
        (r"\A\S[\p{Print}]*\z", ["a", "a b~", "!"], ["", " a", "a\t", "a\n", "\u00e9a\x7f"]),
        ("^[a-z]+$", ["ab"], ["ab\n", "aB", ""]),
        (r"\s", [" ", "\t"], ["\u00a0", "\u2003"]),
        (".*", ["", "x\u00e9"], ["a\n"]),
    ],
)
def test_a_pattern_means_what_java_means_by_it(pattern: str, matches: list[str], refuses: list[str]) -> None:
    """The model's patterns are Java's: ASCII classes, full match, and a final newline is not forgiven."""
    compiled = re.compile(from_java(pattern), re.ASCII)

    assert all(compiled.fullmatch(text) for text in matches)
    assert not any(compiled.fullmatch(text) for text in refuses)


@pytest.mark.parametrize("pattern", [r"\p{Alpha}+", r"\P{ASCII}", r"a\Z", r"\Qa\E", r"\G"])
def test_a_construct_without_a_translation_is_refused(pattern: str) -> None:
    """A new shape of the model must not be checked by a pattern that means something else."""
    with pytest.raises(ValueError, match="no translation"):
        from_java(pattern)


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_every_shape_can_be_checked(shape: Shape) -> None:
    """A pattern compiles, and the limits leave room for a value."""
    assert shape.pattern is None or re.compile(from_java(shape.pattern), re.ASCII)
    assert (shape.min or 0) <= (shape.max if shape.max is not None else 10**9)
