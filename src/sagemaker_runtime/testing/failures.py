"""What a test is told when the code under test did not do what was foreseen."""

from __future__ import annotations

from typing import TypeVar

E = TypeVar("E", bound=BaseException)


class UnexpectedCallError(AssertionError):
    """A call that no script, rule or recording foresees; or one foreseen that did not come."""


class ConformanceError(AssertionError):
    """A middleware breaks a rule."""

    def __init__(self, message: str, rule: str) -> None:
        super().__init__(message, rule)
        self.rule = rule
        """Which, in the words of `assert_conforms`."""

    def __str__(self) -> str:
        return f"{self.args[0]} [rule: {self.rule}]"


def anew(error: E) -> E:
    """An exception of a script as it was before it was raised: else each call would add to its traceback and its notes."""
    vars(error).pop("__notes__", None)
    return error.with_traceback(None)
