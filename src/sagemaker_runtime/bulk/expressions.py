"""JMESPath expressions of a run's options."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Protocol

from sagemaker_runtime import ConfigError
from sagemaker_runtime.predictor import EncodeError

if TYPE_CHECKING:
    from collections.abc import Callable


class _Compiled(Protocol):
    def search(self, value: object) -> object: ...


def compiled(expression: str, option: str) -> Callable[[object], object]:
    """
    What evaluates a JMESPath expression on a document. It raises `EncodeError` where that fails, without a value in the text.

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
    except (JMESPathError, TypeError) as error:  # TypeError: it is no text
        problem = str(error)
    else:
        return partial(_search, found, expression)
    raise ConfigError(f"{option} is {expression!r}, which is not JMESPath: {problem}")


def _search(compiled: _Compiled, expression: str, document: object) -> object:
    try:
        found = compiled.search(document)
    except (ValueError, TypeError, RecursionError) as error:  # whose texts have the value
        problem = type(error).__name__
    else:
        return found
    raise EncodeError(f"the JMESPath {expression!r} cannot be evaluated on the record: {problem}")
