"""The commands by name: their modules, and their lines in the overview. A command is imported only when it is called."""

from __future__ import annotations


class Command:
    """
    One command.

    Its module has ``build(parser)``, which adds its options, and ``run(given)``, which returns the exit code;
    ``given.command`` is the name that it was called by.
    """

    # Not a NamedTuple: `typing` takes longer to import than the rest of the overview.
    def __init__(self, module: str, summary: str, aliases: tuple[str, ...] = ()) -> None:
        self.module = module
        self.summary = summary
        self.aliases = aliases
        """The AWS CLI's names for it."""


COMMANDS = {
    "invoke": Command("invoke", "send a body to an endpoint and write its response", ("invoke-endpoint",)),
    "stream": Command(
        "stream", "the same, but write the response as it arrives", ("invoke-endpoint-with-response-stream",)
    ),
    "async": Command("asynchronous", "queue a body, wait for the result and write it", ("invoke-endpoint-async",)),
    "bulk": Command("bulk", "send the records in files, as many at once as the endpoint can take"),
    "bulk report": Command("bulk_report", "write the report of a bulk run again"),
    "stack": Command("stack", "print the stack of middleware that a call goes through"),
    "explain": Command("explain", "make a call and show where its time went"),
    "doctor": Command("doctor", "show where region, credentials, endpoint, proxy and certificates come from"),
    "local": Command("local", "serve endpoints on this machine: local serve NAME=MODULE:FUNCTION"),
}

NAMES = COMMANDS | {alias: command for command in COMMANDS.values() for alias in command.aliases}
"""All commands by all their names."""


def overview(prog: str) -> str:
    """The text of ``--help`` without a command."""
    width = max(map(len, COMMANDS)) + 2
    return "\n".join(
        [
            f"usage: {prog} COMMAND [options]",
            "",
            "Call Amazon SageMaker endpoints from a shell.",
            "",
            "commands:",
            *(f"  {name:<{width}}{command.summary}" for name, command in COMMANDS.items()),
            "",
            "examples:",
            f"  {prog} invoke --endpoint-name iris --content-type text/csv --body 5.1,3.5,1.4,0.2",
            f"  {prog} invoke --endpoint-name iris --content-type text/csv --body @flowers.csv -o species.csv",
            f"  {prog} stream --endpoint-name story --body 'Once upon a time' --text",
            f"  {prog} bulk --endpoint-name iris rows.csv -o scores",
            f"  {prog} doctor",
            "",
            f"'{prog} COMMAND --help' shows the options of a command. The AWS CLI's names work as well:",
            f"{', '.join(alias for command in COMMANDS.values() for alias in command.aliases)}.",
            "",
            "exit codes:",
            "  0  done",
            "  1  the service refused, the model failed, or a bulk run stopped",
            "  2  the command line, a file, the configuration or the credentials are unusable",
            "  3  no connection, or a timeout",
            "  4  a bulk run left dead letters",
            "  130  interrupted by Ctrl-C",
            "",
        ]
    )
