"""The processes of a benchmark: servers, and clients that print what they measured."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

HERE = Path(__file__).parent
LIMIT = 300  # seconds; the longest process takes 30, and one that hangs must not hold up the others


@contextlib.contextmanager
def serving(script: str, *arguments: str) -> Iterator[str]:
    """The URL of the server in *script*, a file beside this one. It ends with the block."""
    with subprocess.Popen(
        [sys.executable, HERE / script, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.communicate()


def environment(**more: str) -> dict[str, str]:
    """
    The variables of a client's process: none that configure AWS's clients or Python, except those of *more*.

    With ``PYTHONDONTWRITEBYTECODE``, each start would compile the package, which takes a third of bare aiohttp's start.
    """
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PYTHON", "REQUESTS_CA_"))
    }
    return kept | more


def run(command: Sequence[str | Path], variables: dict[str, str]) -> str:
    """The output of a command. Its standard error is shown only if it fails, because some clients always write to it."""
    ran = subprocess.run(command, env=variables, capture_output=True, text=True, check=False, timeout=LIMIT)
    if ran.returncode:
        print(ran.stderr, file=sys.stderr)
        ran.check_returncode()
    return ran.stdout


def measured(command: Sequence[str | Path], variables: dict[str, str]) -> dict[str, float]:
    """The figures that a command prints as JSON."""
    figures: dict[str, float] = json.loads(run(command, variables))
    return figures


def cpu_of(command: Sequence[str | Path], variables: dict[str, str]) -> float:
    """CPU seconds, user and system, of a command from start to end."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run(command, variables)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
