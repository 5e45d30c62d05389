"""``bulk report``: write the page of a bulk run again, of one that was stopped too."""

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
        "Make report.html of a bulk run again, from what the run has noted: of one that was stopped or goes on, too.\n"
        "FOLDER is the run's output; if that is in S3, or was given a --state, the folder of --state. The page is\n"
        "written there.",
        "% scores",
        "% labels-run",
    )
    parser.words("folder")
    parser.refuse("an input that is called 'report' is written ./report", "--endpoint-name", "-o")


def run(given: Namespace) -> int:
    """Write the page, and say where it is."""
    if given.folder is None:
        raise UsageError("no folder is named; write bulk report FOLDER, with the output of a run")
    if given.folder.startswith("s3://"):
        raise UsageError(f"{given.folder} is in S3; name the folder on this machine that --state of the run named")
    folder = path_of(given.folder)
    report = read_report(folder)
    path = folder / PAGE
    try:
        _write(path, report.to_html())
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from None
    say(f"{path}\n")
    return 0


def _write(path: Path, page: bytes) -> None:
    """Whole or not at all; nobody but its owner can read it."""
    aside = path.with_name(f".{path.name}.new")
    aside.unlink(missing_ok=True)
    with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(page)
    aside.replace(path)
