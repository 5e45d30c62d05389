"""The custom attributes of a request: besides the body, the only text of yours that reaches the model's container."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sagemaker_runtime.checks import plain
from sagemaker_runtime.errors import InvalidParamsError
from sagemaker_runtime.headers import header_problem

if TYPE_CHECKING:
    from sagemaker_runtime.headers import Headers

HEADER = "X-Amzn-SageMaker-Custom-Attributes"
MAX_LENGTH = 1_024  # characters; service-2.json, shape CustomAttributesHeader


def append_custom_attributes(headers: Headers, text: str) -> None:
    """
    Append *text* to the custom attributes of a request, after a comma; the container gets both.

    The header may already have the ``custom_attributes`` of the caller, which a middleware that assigns it would lose.

    Args:
        headers: The headers of the request. Unchanged if an error is raised.

        text: ASCII without control characters. If it is empty, nothing is appended.

    Raises:
        InvalidParamsError: The result is longer than 1,024 characters, or contains an invalid character. The error does not
            show the text, which may be sensitive.
    """
    if not isinstance(text, str):  # pyright: ignore[reportUnnecessaryIsInstance] - callers are not always checked
        raise _refused(f"the text to append is of type {type(text).__name__}; it takes str")
    if not text:
        return
    text = plain(text)
    before = headers.get(HEADER, "")
    for value, name in ((text, "the text to append"), (before, "the text that the request already has")):
        if not value.isascii() or header_problem(value) is not None:
            raise _refused(f"{name} has a character that is not ASCII, or a control character; percent-encode it")
    value = f"{before},{text}" if before else text
    if len(value) > MAX_LENGTH:
        parts = (
            f": {len(before):,} that the request already has, a comma, and {len(text):,} to append" if before else ""
        )
        raise _refused(f"{len(value):,} characters{parts}; the service takes {MAX_LENGTH:,} in all")
    headers[HEADER] = value


def _refused(problem: str) -> InvalidParamsError:
    return InvalidParamsError("1 problem with appended custom attributes:", (f"custom_attributes: {problem}",))
