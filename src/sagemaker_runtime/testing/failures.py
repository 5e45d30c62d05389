"""The errors that a test gets when the code under test did not do what it should."""

from __future__ import annotations

from typing import TypeVar

E = TypeVar("E", bound=BaseException)


class UnexpectedCallError(AssertionError):
    """A call was made that is in no script, rule or recording; or one that is in them was not made."""


class ConformanceError(AssertionError):
    """A middleware breaks a rule."""

    def __init__(self, message: str, rule: str) -> None:
        super().__init__(message, rule)
        self.rule = rule
        """The rule, in the words of `assert_conforms`."""

    def __str__(self) -> str:
        return f"{self.args[0]} [rule: {self.rule}]"


def fresh(error: E) -> E:
    """Return *error* without its traceback and notes, which would otherwise grow each time a script raises it."""
    vars(error).pop("__notes__", None)
    return error.with_traceback(None)
