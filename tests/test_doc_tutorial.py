"""The tutorial can be pasted into ``python -m asyncio``, block by block, as it tells its readers."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from doc_pages import DOCS

TUTORIAL = DOCS / "tutorial.md"
LIMIT = 60.0  # seconds; a machine that is busy takes a few
CONTROL = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[=>]|[()][0-9A-Z])|\r")  # what moves the cursor, or colours
CUT_OFF = re.compile(r"\x1b(?:\[[0-?]*[ -/]*|[()])?\Z")  # the beginning of one, whose rest has not been read


class Prompt:
    """A Python prompt in a terminal: from Python 3.13 on the one that edits blocks, before that one that reads lines."""

    def __init__(self, folder: Path) -> None:
        self.terminal, end = pty.openpty()
        fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 200, 0, 0))
        environment = os.environ | {"TERM": "xterm", "NO_COLOR": "1", "PYTHON_HISTORY": str(folder / "history")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "asyncio"],
            stdin=end,
            stdout=end,
            stderr=end,
            cwd=folder,
            env={name: value for name, value in environment.items() if not name.startswith(("COVERAGE", "COV_"))},
            start_new_session=True,
        )
        os.close(end)
        self.seen = self.cut_off = ""

    def until(self, text: str) -> str:
        """What is shown up to *text*."""
        deadline = time.monotonic() + LIMIT
        while text not in self.seen:
            ready, _, _ = select.select([self.terminal], [], [], max(deadline - time.monotonic(), 0))
            assert ready, f"{text!r} was not shown; but this was:\n{self.seen}"
            read = self.cut_off + os.read(self.terminal, 65_536).decode(errors="replace")
            beginning = CUT_OFF.search(read)
            self.cut_off = "" if beginning is None else beginning[0]
            self.seen += CONTROL.sub("", read.removesuffix(self.cut_off))
        shown, _, self.seen = self.seen.partition(text)
        return shown

    def paste(self, block: str) -> None:
        """Paste a block, and press Enter twice, as a block needs that ends with an indented line."""
        if sys.version_info >= (3, 13):
            block = f"\x1b[200~{block.rstrip()}\x1b[201~"  # how a terminal says that this was pasted, and not typed
        for piece in (block.rstrip("\n"), "\n", "\n"):
            os.write(self.terminal, piece.encode())


@pytest.fixture
def prompt(tmp_path: Path) -> Iterator[Prompt]:
    prompt = Prompt(tmp_path)
    yield prompt
    prompt.process.kill()
    prompt.process.wait()
    os.close(prompt.terminal)


def test_the_blocks_of_the_tutorial_can_be_pasted_into_a_prompt(prompt: Prompt) -> None:
    """
    And print what the page says. A blank line within a function would end it there; a missing one behind it fails.

    .ci/run has this tried by each version of Python that it finds: 3.13 has another prompt than 3.11.
    """
    pattern = r"^```python\n(.*?)^```$(?:\n\n```text\n(.*?)^```$)?"
    blocks = re.findall(pattern, TUTORIAL.read_text(), re.DOTALL | re.MULTILINE)
    prompt.until(">>> ")

    for number, (block, printed) in enumerate(blocks, start=1):
        prompt.paste(block)
        prompt.paste(f'print("block", {number}, "is " + "over")')
        shown = prompt.until(f"block {number} is over")

        assert not re.search(r"^\w+Error: ", shown, re.MULTILINE), shown
        assert [] == [line for line in printed.splitlines() if line not in shown], shown

    assert len(blocks) > 10
