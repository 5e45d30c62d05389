"""JMESPath expressions in the options of a run."""

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
    A function that evaluates a JMESPath expression on a document. If that fails, it raises `EncodeError` with no value in the
    text.

    Args:
        expression: The expression.

        option: The name of the option, for the error.

    Raises:
        ConfigError: It is not valid JMESPath.
    """
    import jmespath  # type: ignore[import-untyped, import-not-found, unused-ignore]  # pyright: ignore[reportMissingTypeStubs]
    from jmespath.exceptions import JMESPathError  # type: ignore[import-untyped, import-not-found, unused-ignore]  # pyright: ignore[reportMissingTypeStubs]

    try:
        found: _Compiled = jmespath.compile(expression)  # pyright: ignore[reportUnknownMemberType]
    except (JMESPathError, TypeError) as error:  # TypeError: it is not a string
        problem = str(error)
    else:
        return partial(_search, found, expression)
    raise ConfigError(f"{option} is {expression!r}, which is not JMESPath: {problem}")


def _search(compiled: _Compiled, expression: str, document: object) -> object:
    try:
        found = compiled.search(document)
    except (ValueError, TypeError, RecursionError) as error:  # their texts contain the value
        problem = type(error).__name__
    else:
        return found
    raise EncodeError(f"the JMESPath {expression!r} cannot be evaluated on the record: {problem}")
