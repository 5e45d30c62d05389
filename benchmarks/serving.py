"""A benchmark's server, in a process of its own."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def serving(script: str, *arguments: str) -> Iterator[str]:
    """The URL of the server that *script*, a file beside this one, starts; it ends with the block."""
    path = Path(__file__).with_name(script)
    with subprocess.Popen(
        [sys.executable, path, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.communicate()
