"""Text for the container with every call: ``with_api_options(CustomAttributes("tenant=acme"))``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sagemaker_runtime import InvalidParamsError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sagemaker_runtime import BuildHandler, BuildInput, Context, Output, Stack

__all__ = ["CustomAttributes"]

HEADER = "X-Amzn-SageMaker-Custom-Attributes"  # the only header that reaches the container
MAX_LENGTH = 1_024  # characters; service-2.json, shape CustomAttributesHeader


def joined(own: str, *added: str) -> str:
    """The value of the header: the call's *own* custom attributes, if any, and the *added* ones, separated by commas."""
    return ",".join([own, *added] if own else added)


class CustomAttributes:
    """
    Add *attributes* to the custom attributes of the call's own input, after a comma; the container gets both.

    Stands at the back of Build, so it runs once per call. Two of them need two ids.

    Args:
        attributes: A text, or a function that returns one; an empty text adds nothing.

        id: The name in the printed stack.

    A call raises `InvalidParamsError` if the whole has more than 1,024 characters or is not ASCII, which the service
    would refuse. Nothing is sent then, and the error does not show the text, which may be sensitive.
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
