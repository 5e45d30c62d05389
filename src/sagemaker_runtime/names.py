"""Names of endpoints, variants, containers and components, and common mistakes in them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from sagemaker_runtime.operations.base import Shape

_PATTERNS = ("^[a-zA-Z0-9](-*", r"^[a-zA-Z0-9]([\-")
_ARN = re.compile(r"arn:[^:]*:[^:]*:[^:]*:[^:]*:(?P<kind>[^/:]+)[/:](?P<name>[^/]+)")
_PATH = re.compile(r"(?:[^/]+[.:][^/]+/|/)?(?:endpoint|endpoints|inference-component)/(?P<name>[^/]+)(?:/.*)?")
_ALLOWED = "it has letters, digits and hyphens"


def is_name(shape: Shape) -> bool:
    """Whether the values of a shape are names: letters and digits, with hyphens between them."""
    return shape.pattern is not None and shape.pattern.startswith(_PATTERNS)


def name_in(value: str) -> str:
    """The problem with *value* if it is an ARN, a URL or a path instead of a name; otherwise empty."""
    text = value.strip()
    if found := _ARN.fullmatch(text):
        article = "an" if found["kind"][:1] in "aeiou" else "a"
        return f"is the ARN of {article} {found['kind']}; pass its name, the last part: {found['name']!r}"
    if text.startswith("arn:"):
        return "is an ARN; pass the name, its last part"
    if "://" in text:
        if found := _PATH.fullmatch(unquote(urlsplit(text).path)):
            return f"is a URL; pass the name in it: {found['name']!r}"
        return "is a URL; pass the name, and the URL as base_endpoint of the Options if it is not the region's"
    if found := _PATH.fullmatch(text):
        return f"is a path; pass the name in it: {found['name']!r}"
    return ""


def name_problem(value: str) -> str:
    """Why *value* is not a valid name, as the end of an error's text."""
    if not value:
        return "; a name has at least one character"
    for position, character in enumerate(value):
        if not (character.isascii() and character.isalnum()) and character != "-":
            return f"; a name cannot have {character!r}, at position {position}: {_ALLOWED}"
    return "; a name begins and ends with a letter or a digit"
