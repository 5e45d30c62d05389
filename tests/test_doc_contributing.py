"""CONTRIBUTING shows the code that the tests add to a copy of the package, so it works for the next operation and option."""

from __future__ import annotations

import ast
from textwrap import dedent

from doc_pages import CONTRIBUTING, blocks, under
from test_new_operation import HERE, LINES, METHODS
from test_new_option import FIELD


def code(source: str) -> list[str]:
    """What each statement says, however its lines are broken."""
    return [ast.dump(statement) for statement in ast.parse(dedent(source)).body]


def test_the_operation_on_the_page_is_the_one_that_the_test_adds() -> None:
    """The file as a whole, its line in the registry, and its method, which is the first of two."""
    page = under(CONTRIBUTING, "Add an operation")
    file, method = blocks(page, "python")
    (line,) = blocks(page, "text")

    assert code((HERE / "invoke_endpoint_loudly.py").read_text()) == code(file)
    assert line == LINES.splitlines(keepends=True)[0]
    assert code(METHODS)[0] == code(method)[0]


def test_the_option_on_the_page_is_the_one_that_the_test_adds() -> None:
    """Its field is all that there is of an option, so it must be shown as it is."""
    (field,) = blocks(under(CONTRIBUTING, "Add an option"), "python")

    assert code(FIELD) == code(field)
