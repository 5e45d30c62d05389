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
    """The URL of the server that *script*, a file beside this one, starts; it ends with the block."""
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
    The variables of a client's process: nothing that configures AWS's clients, or Python, unless *more* has it.

    With ``PYTHONDONTWRITEBYTECODE`` a start compiles the package each time, which costs a third of bare aiohttp's start.
    """
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PYTHON", "REQUESTS_CA_"))
    }
    return kept | more


def run(command: Sequence[str | Path], variables: dict[str, str]) -> str:
    """What a command prints. What it says on standard error is shown if it fails: some peers always complain there."""
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
    """Seconds of CPU, user and system, from the start of a command to its end."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run(command, variables)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
