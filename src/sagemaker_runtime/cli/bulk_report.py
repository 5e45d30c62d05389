"""``bulk report``: write the report of a bulk run again, even if the run was stopped."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from sagemaker_runtime.bulk import read_report
from sagemaker_runtime.cli.bodies import path_of
from sagemaker_runtime.cli.failures import UsageError
from sagemaker_runtime.cli.terminal import say

if TYPE_CHECKING:
    from argparse import Namespace
    from pathlib import Path

    from sagemaker_runtime.cli.parser import Parser

PAGE = "report.html"


def build(parser: Parser) -> None:
    """Add the options."""
    parser.describe(
        "FOLDER",
        "Write report.html of a bulk run again, from the state of the run, which may be stopped or still running.\n"
        "FOLDER is the run's output, or its --state if it had one, as it must if the output is in S3. The page is\n"
        "written there.",
        "% scores",
        "% labels-run",
    )
    parser.words("folder")
    parser.refuse("an input that is called 'report' is written ./report", "--endpoint-name", "-o")


def run(given: Namespace) -> int:
    """Write the page, and print its path."""
    if given.folder is None:
        raise UsageError("no folder is given; write bulk report FOLDER, with the output of a run")
    report = read_report(given.folder)
    path = path_of(given.folder) / PAGE
    try:
        _write(path, report.to_html())
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from None
    say(f"{path}\n")
    return 0


def _write(path: Path, page: bytes) -> None:
    """Write the page atomically, readable by its owner only."""
    aside = path.with_name(f".{path.name}.new")
    aside.unlink(missing_ok=True)
    with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(page)
    aside.replace(path)
