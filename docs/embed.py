"""
Copy the example programs into the pages that show them: ``python docs/embed.py``.

A page says which program stands where in a comment, ``<!-- examples/web_service.py -->``, or ``<!-- examples/x.py: name -->``
for one function of it. So the page reads the same on a code host, where an ``include`` would not work. A test compares.
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
    """A page with the programs as they are."""
    return PLACE.sub(
        lambda found: f"{found[1]}```python\n{source(found[2], found[3])}```\n", page
    )


if __name__ == "__main__":
    for path in DOCS.glob("*.md"):
        path.write_text(embedded(path.read_text()))
