"""README, CONTRIBUTING and the pages under docs, as the tests of them read them."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
README = ROOT / "README.md"
CONTRIBUTING = ROOT / "CONTRIBUTING.md"
PAGES = [README, *sorted(DOCS.glob("*.md")), *sorted((DOCS / "api").glob("*.md"))]


def name_of(page: Path) -> str:
    """The page's path, as a test's id."""
    return str(page.relative_to(ROOT))


def blocks(text: str, language: str) -> list[str]:
    """What the fenced blocks of one language hold."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def without_blocks(text: str) -> str:
    """The prose."""
    return re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)


def under(page: Path, heading: str) -> str:
    """The part of a page under a heading of the second level."""
    return page.read_text().partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def rows(page: Path, heading: str) -> list[list[str]]:
    """The cells of the table under a heading, without its head."""
    lines = under(page, heading).splitlines()
    return [line.strip("| ").split(" | ") for line in lines if line.startswith("|")][2:]
