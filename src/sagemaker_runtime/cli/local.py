"""``local serve``: a SageMaker Runtime on this machine. The command itself is in `sagemaker_runtime.local`."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from sagemaker_runtime.local.cli import leave, main

if TYPE_CHECKING:
    from argparse import Namespace

    from sagemaker_runtime.cli.parser import Parser


def build(parser: Parser) -> None:
    """Leave the parsing to the command."""
    parser.raw("words")


def run(given: Namespace) -> NoReturn:
    """Serve until a signal, and end the process, even if a model is still running."""
    leave(main(given.words, prog="sagemaker-runtime local"))
