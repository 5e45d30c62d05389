"""
Copy the example programs into the pages that show them: ``python docs/embed.py``.

A comment in the page names the program, ``<!-- examples/web_service.py -->``, or one function of it,
``<!-- examples/x.py: name -->``. So the page reads the same on a code host, where an ``include`` would not work. A test
checks that the copies are up to date.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

DOCS = Path(__file__).parent
PLACE = re.compile(
    r"(<!-- examples/(\w+\.py)(?:: (\w+))? -->\n)(?:```python\n.*?^```\n)?",
    re.DOTALL | re.MULTILINE,
)


def source(name: str, function: str | None) -> str:
    """The text of a program, or of one function in it."""
    text = (DOCS / "examples" / name).read_text()
    if function is None:
        return text
    (found,) = (
        node
        for node in ast.walk(ast.parse(text))
        if getattr(node, "name", None) == function
    )
    return f"{ast.get_source_segment(text, found)}\n"


def embedded(page: str) -> str:
    """A page with the current text of its programs."""
    return PLACE.sub(
        lambda found: f"{found[1]}```python\n{source(found[2], found[3])}```\n", page
    )


if __name__ == "__main__":
    for path in DOCS.glob("*.md"):
        path.write_text(embedded(path.read_text()))
