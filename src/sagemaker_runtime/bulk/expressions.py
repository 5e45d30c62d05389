"""JMESPath expressions of a run's options."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from sagemaker_runtime import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable


class _Compiled(Protocol):
    def search(self, value: object) -> object: ...


def compiled(expression: str, option: str) -> Callable[[object], object]:
    """
    What evaluates a JMESPath expression on a document.

    Args:
        expression: The expression.

        option: What it was given as, for the error.

    Raises:
        ConfigError: It is no JMESPath.
    """
    import jmespath  # type: ignore[import-untyped, import-not-found, unused-ignore]  # pyright: ignore[reportMissingTypeStubs]
    from jmespath.exceptions import JMESPathError  # type: ignore[import-untyped, import-not-found, unused-ignore]  # pyright: ignore[reportMissingTypeStubs]

    try:
        found: _Compiled = jmespath.compile(expression)  # pyright: ignore[reportUnknownMemberType]
    except JMESPathError as error:
        problem = str(error)
    else:
        return found.search
    raise ConfigError(f"{option} is {expression!r}, which is not JMESPath: {problem}")
