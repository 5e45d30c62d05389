"""Text for the container with every call: ``with_api_options(CustomAttributes("tenant=acme"))``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sagemaker_runtime import append_custom_attributes

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sagemaker_runtime import BuildHandler, BuildInput, Context, Output, Stack

__all__ = ["CustomAttributes"]


class CustomAttributes:
    """
    Append *attributes* to the custom attributes of the call's input, after a comma; the container gets both.

    It is innermost in Build, so it runs once per call. Two in one stack need different ids.

    Args:
        attributes: The text, or a function that returns it, called with the call's context. An empty string adds nothing.

        id: The name in the printed stack.

    If the total exceeds 1,024 characters, or contains a character that is not printable ASCII, the call raises
    InvalidParamsError.
    """

    def __init__(self, attributes: str | Callable[[Context], str], *, id: str = "CustomAttributes") -> None:
        self.id = id
        self._attributes = attributes

    def __call__(self, stack: Stack) -> None:
        stack.build.add(self)

    def handle_build(self, ctx: Context, step: BuildInput, next: BuildHandler) -> Awaitable[Output]:
        text = self._attributes if isinstance(self._attributes, str) else self._attributes(ctx)
        append_custom_attributes(step.request.headers, text)
        return next(ctx, step)
