"""Text for the container with every call: ``with_api_options(CustomAttributes("tenant=acme"))``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sagemaker_runtime import InvalidParamsError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sagemaker_runtime import BuildHandler, BuildInput, Context, Output, Stack

__all__ = ["CustomAttributes"]

HEADER = "X-Amzn-SageMaker-Custom-Attributes"  # the one header that reaches the container
MAX_LENGTH = 1_024  # characters; service-2.json, shape CustomAttributesHeader


def joined(own: str, *added: str) -> str:
    """The value of the header: the call's own custom attributes first, where there are any, and a comma between two."""
    return ",".join([own, *added] if own else added)


class CustomAttributes:
    """
    Add *attributes* to what the call's own input says, after a comma; the container gets both.

    Stands at the back of Build, so once per call. Two of them need two ids.

    Args:
        attributes: A text, or a function that gives it, and an empty one where there is nothing to add.

        id: The name in the printed stack.

    A call raises `InvalidParamsError` where the whole is longer than 1,024 characters or not ASCII, as the service asks; nothing
    is sent then, and the text, which may be sensitive, is not shown.
    """

    def __init__(self, attributes: str | Callable[[Context], str], *, id: str = "CustomAttributes") -> None:
        self.id = id
        self._attributes = attributes

    def __call__(self, stack: Stack) -> None:
        stack.build.add(self)

    def handle_build(self, ctx: Context, step: BuildInput, next: BuildHandler) -> Awaitable[Output]:
        ours = self._attributes if isinstance(self._attributes, str) else self._attributes(ctx)
        if ours:
            headers = step.request.headers
            value = joined(headers.get(HEADER, ""), ours)
            if len(value) > MAX_LENGTH or not value.isascii():
                problem = f"custom_attributes with those of {self.id} has {len(value):,} characters, and takes {MAX_LENGTH:,} of ASCII"
                raise InvalidParamsError("1 problem with what a middleware added:", (problem,))
            headers[HEADER] = value
        return next(ctx, step)
