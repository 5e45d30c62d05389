"""`Parser`: argparse with errors of one line, and with values that may begin with a hyphen where nothing else fits."""

from __future__ import annotations

import os
from argparse import SUPPRESS, Action, ArgumentParser, Namespace, RawDescriptionHelpFormatter
from typing import TYPE_CHECKING, NoReturn

from sagemaker_runtime.cli.failures import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from _typeshed import SupportsWrite

MIN_COLUMNS = 40
_TEXTS = ("--body", "--custom-attributes")  # options whose value may begin with a hyphen: -5.1,3.5


def nearest(word: str, known: Iterable[str]) -> str:
    """A suggestion for a misspelled *word*, to be part of an error; empty if nothing is similar."""
    from difflib import get_close_matches  # 4 ms, and few command lines need it

    found = get_close_matches(word, list(known), 1)
    return f"; did you mean {found[0]}?" if found else ""


def _formatter(prog: str) -> RawDescriptionHelpFormatter:
    # argparse makes one for each option, to check it; without a width it would import shutil, which takes 3 ms.
    return RawDescriptionHelpFormatter(prog, width=_columns() - 2)


def _columns() -> int:
    """The width of a help: that of COLUMNS, or of the terminal, or 80."""
    given = os.environ.get("COLUMNS", "")
    if given.isdecimal() and int(given) > 0:
        return max(int(given), MIN_COLUMNS)
    try:
        return max(os.get_terminal_size().columns, MIN_COLUMNS)
    except OSError:  # no terminal
        return 80


class _Once(Action):
    """Takes one value only: which of two was meant cannot be guessed."""

    def __call__(
        self,
        parser: ArgumentParser,
        namespace: Namespace,
        values: str | Sequence[object] | None,
        option_string: str | None = None,
    ) -> None:
        if getattr(namespace, self.dest) is not None:
            parser.error(f"{option_string} is given twice")
        setattr(namespace, self.dest, values)


class Parser(ArgumentParser):
    """
    Reads the command line of one command.

    Args:
        prog: What the command is called, such as ``"sagemaker-runtime invoke"``.
    """

    def __init__(self, prog: str) -> None:
        super().__init__(prog=prog, formatter_class=_formatter, allow_abbrev=False)
        self._required: list[str] = []
        self._refused: dict[str, str] = {}
        self._words: list[str] = []
        self._several: str | None = None
        self._add: Callable[..., Action] = self.add_argument
        self._raw: str | None = None

    def describe(self, usage: str, description: str, *examples: str) -> None:
        """Set the text around the options in the help; ``%`` in *examples* stands for the command."""
        self.usage = f"%(prog)s {usage}"
        self.description = description
        self.epilog = "\n".join(["examples:", *(f"  {each.replace('%', self.prog)}" for each in examples)])

    def section(self, title: str) -> None:
        """Begin a section of the help, for the options that follow."""
        self._add = self.add_argument_group(title).add_argument

    def option(
        self,
        name: str,
        metavar: str,
        help: str,
        *,
        kind: Callable[[str], object] = str,
        required: bool = False,
        dest: str | None = None,
    ) -> None:
        """Add an option with a value, which can be given once. The result has it under *dest* or its name, None without it."""
        self._add(name, metavar=metavar, help=help, type=kind, action=_Once, dest=dest)
        if required:
            self._required.append(name)

    def flag(self, name: str, help: str) -> None:
        """Add an option without a value."""
        self._add(name, help=help, action="store_true")

    def choice(self, name: str, choices: tuple[str, ...], help: str) -> None:
        """Add an option with one of a few values, which can be given once."""
        self._add(name, choices=choices, help=help, action=_Once)

    def repeated(self, name: str, metavar: str, help: str) -> None:
        """Add an option with a value, which can be given several times. The result is a list."""
        self._add(name, metavar=metavar, help=help, action="append", default=[])

    def without_effect(self, *names: str, takes_value: bool = False) -> None:
        """Accept options of the AWS CLI that have no effect here."""
        for name in names:
            if takes_value:
                self.add_argument(name, help=SUPPRESS)
            else:
                self.add_argument(name, help=SUPPRESS, action="store_true")

    def refuse(self, advice: str, *names: str) -> None:
        """Refuse options of the AWS CLI that would change the meaning; *advice* says what to write instead."""
        self._refused.update(dict.fromkeys(names, advice))

    def words(self, *dests: str) -> None:
        """Take words that are not options, in order; None for those that are missing."""
        # Not argparse's positionals: before Python 3.13, argparse overlooks an optional one between two options.
        self._words.extend(dests)

    def several(self, dest: str) -> None:
        """Take any number of words that are not options, as a list."""
        self._several = dest

    def raw(self, dest: str) -> None:
        """Take all words unparsed, options included, for a command that parses them itself."""
        self._raw = dest

    def parse(self, words: Sequence[str]) -> Namespace:
        """
        Read the words of a command line.

        Raises:
            UsageError: They are not valid.
            SystemExit: They ask for help, which has been written.
        """
        if self._raw is not None:
            return Namespace(**{self._raw: list(words)})
        joined = self._joined(words)
        for name in (word.partition("=")[0] for word in joined):
            if name in self._refused:
                raise UsageError(f"{name} of the AWS CLI is not available here: {self._refused[name]}")
        given, rest = self.parse_known_args(joined)
        for word in rest:
            if word.startswith("-") and word != "-":
                name = word.partition("=")[0]
                self.error(f"there is no option {name}{nearest(name, self._options())}")
        if self._several is not None:
            setattr(given, self._several, rest)
        elif len(rest) > len(self._words):
            self.error(f"{rest[len(self._words)]!r} is one word too many; quote text that contains spaces")
        for position, dest in enumerate(self._words):
            setattr(given, dest, rest[position] if position < len(rest) else None)
        values = vars(given)
        missing = [name for name in self._required if values[name[2:].replace("-", "_")] is None]
        if missing:
            hint = ""
            if rest and self._words:
                hint = f"; {rest[0]!r} was read as {self._words[0].upper()}; write {missing[0]} {rest[0]}?"
            self.error(f"{missing[0]} is missing{hint}")
        return given

    def error(self, message: str) -> NoReturn:
        """Raise a UsageError of one line, which refers to the help."""
        raise UsageError(f"{message} (see '{self.prog} --help')")

    def print_help(self, file: SupportsWrite[str] | None = None) -> None:
        """Write the help to stdout, in UTF-8; its reader may leave early."""
        from sagemaker_runtime.cli.terminal import say

        if file is None:
            say(self.format_help())
        else:
            super().print_help(file)

    def _joined(self, words: Sequence[str]) -> list[str]:
        """The words, with a value that begins with a hyphen joined to its option."""
        joined: list[str] = []
        for word in words:
            is_value = joined and joined[-1] in _TEXTS and word.startswith("-")
            if is_value and word.partition("=")[0] not in self._options():
                joined[-1] += f"={word}"
            else:
                joined.append(word)
        return joined

    def _options(self) -> set[str]:
        """All options that the help names."""
        import re

        return set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", self.format_help()))
