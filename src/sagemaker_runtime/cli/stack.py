"""``stack``: print the stack of an operation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sagemaker_runtime.cli.commands import NAMES
from sagemaker_runtime.cli.connection import add_connection, open_client
from sagemaker_runtime.cli.terminal import escaped, say
from sagemaker_runtime.operations import OPERATIONS

if TYPE_CHECKING:
    from argparse import Namespace

    from sagemaker_runtime.cli.parser import Parser


def build(parser: Parser) -> None:
    """Add the options."""
    parser.describe(
        "[OPERATION] [options]",
        "Print the stack of middleware that a call goes through, outermost first, under the options given.\n"
        f"OPERATION is one of {', '.join(OPERATIONS)},\n"
        "or the name of a command that calls it; InvokeEndpoint if it is not given. Nothing is sent.",
        "%",
        "% stream --api-option my_middleware:install --import-from .",
    )
    parser.words("operation")
    add_connection(parser)


def run(given: Namespace) -> int:
    """Print it."""
    with open_client(given, sends=False) as client:
        say(escaped(f"{client.stack(_operation(given.operation or 'invoke'))}\n"))
    return 0


def _operation(word: str) -> str:
    """The name of the operation that *word* means: the name itself, or a command such as ``invoke``."""
    named = NAMES.get(word)
    alias = named.aliases[0] if named is not None and named.aliases else word
    camel = "".join(part.capitalize() for part in alias.split("-"))
    return camel if camel in OPERATIONS else word
