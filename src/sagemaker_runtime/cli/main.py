"""`main`: finds the command, parses its options, runs it, and turns what it raises into an exit code."""

from __future__ import annotations

import os
import sys
from importlib import import_module

from sagemaker_runtime.cli.commands import NAMES, overview

TYPE_CHECKING = False  # type checkers know this name; to import `typing` takes 5 ms
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Sequence
    from typing import Protocol, TypeGuard

    from sagemaker_runtime.cli.parser import Parser

    class _Module(Protocol):
        def build(self, parser: Parser, /) -> None: ...
        def run(self, given: Namespace, /) -> int: ...


__all__ = ["main"]

PROG = "sagemaker-runtime"
INTERRUPTED = 130  # what a shell reports for a program that Ctrl-C has ended


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Run the command.

    Args:
        arguments: The command line, without the program's name. None for the process's own, which is read as UTF-8,
            whatever the locale says.

    Returns:
        The exit code; ``docs/command-line.md`` lists them.
    """
    words = [_as_utf8(word) for word in sys.argv[1:]] if arguments is None else list(arguments)
    try:
        return _dispatch(words)
    except KeyboardInterrupt:
        return _interrupted()
    except BaseException as error:
        if not isinstance(error, Exception):  # a user's middleware may raise any of these
            raise
        from sagemaker_runtime.cli.failures import report

        verbosity = sum(len(word) - 1 if set(word[1:]) == {"v"} else 1 for word in words if _asks_for_more(word))
        try:
            return report(error, verbosity)
        except KeyboardInterrupt:
            return _interrupted()


def _interrupted() -> int:
    from sagemaker_runtime.cli.terminal import end_line

    end_line()
    return INTERRUPTED


def _as_utf8(word: str) -> str:
    return os.fsencode(word).decode(errors="surrogateescape")


def _asks_for_more(word: str) -> bool:
    return word == "--verbose" or (word.startswith("-v") and set(word[1:]) == {"v"})


def _dispatch(words: list[str]) -> int:
    name, rest = (words[0], words[1:]) if words else ("", [])
    if name in ("-h", "--help", "help") or not words:
        if rest and name == "help":
            return _dispatch([*rest, "--help"])
        from sagemaker_runtime.cli.terminal import say

        say(overview(PROG))
        return 0 if words else 2
    if name == "--version":
        from sagemaker_runtime import __version__
        from sagemaker_runtime.cli.terminal import say

        say(f"{PROG} {__version__}\n")
        return 0
    if " ".join(words[:2]) in NAMES:
        name, rest = " ".join(words[:2]), words[2:]
    command = NAMES.get(name)
    if command is None:
        raise _unknown(name)
    module: object = import_module(f"sagemaker_runtime.cli.{command.module}")
    if not _is_command(module):
        raise TypeError(f"{command.module} must have build and run")
    from sagemaker_runtime.cli.parser import Parser

    parser = Parser(f"{PROG} {name}")
    parser.set_defaults(command=name)
    module.build(parser)
    return module.run(parser.parse(["--help"] if rest == ["help"] else rest))


def _is_command(module: object) -> TypeGuard[_Module]:
    return hasattr(module, "build") and hasattr(module, "run")


def _unknown(name: str) -> Exception:
    from sagemaker_runtime.cli.failures import UsageError
    from sagemaker_runtime.cli.parser import nearest

    if name.startswith("-"):
        return UsageError(f"{name!r} comes before the command; write {PROG} COMMAND {name} ...")
    return UsageError(f"there is no command {name!r}{nearest(name, NAMES)}; '{PROG} --help' lists them")
