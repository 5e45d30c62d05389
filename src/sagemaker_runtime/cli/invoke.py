"""``invoke``: send a body, and write the response."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sagemaker_runtime import InvokeEndpointInput
from sagemaker_runtime.cli.bodies import read_body
from sagemaker_runtime.cli.connection import add_connection, add_limits, open_client
from sagemaker_runtime.cli.failures import UsageError
from sagemaker_runtime.cli.members import INVOKE, add_members, add_output, members_of
from sagemaker_runtime.cli.output import STDOUT, open_sink, say_json

if TYPE_CHECKING:
    from argparse import Namespace

    from sagemaker_runtime import InvokeEndpointOutput
    from sagemaker_runtime.cli.parser import Parser

FOR_THE_CALL = "limit for the call with its retries; none by default"


def build(parser: Parser) -> None:
    """Add the options."""
    parser.describe(
        "--endpoint-name NAME --body TEXT [options] [OUTFILE]",
        "Send a body to an endpoint's model, and write the response to stdout, or into OUTFILE.\n"
        "Without --body, the body comes from stdin.",
        "% --endpoint-name iris --content-type text/csv --body 5.1,3.5,1.4,0.2",
        "% --endpoint-name iris --content-type text/csv --body @flowers.csv -o species.csv",
        "cat photo.jpg | % --endpoint-name cats --content-type image/jpeg --body - | jq .",
        "% --endpoint-name iris --body 1,2 --api-option my_middleware:install --import-from .",
    )
    add_members(parser, INVOKE)
    add_output(parser)
    add_limits(parser, FOR_THE_CALL)
    add_connection(parser)


def run(given: Namespace) -> int:
    """Make the call."""
    params = InvokeEndpointInput(body=read_body(given, given.command), **members_of(given, INVOKE))
    with open_sink(target(given)) as sink, open_client(given) as client:
        output = client.invoke_endpoint(params)
        if given.verbose:
            show_facts(output)
        sink.write(output.body)
        sink.end()
    if given.command == "invoke-endpoint" and given.outfile not in STDOUT:
        _say_as_the_aws_cli_does(output)
    return 0


def target(given: Namespace) -> str | None:
    """The file that the response goes into; None for stdout."""
    if given.file is not None and given.outfile is not None:
        raise UsageError(f"-o {given.file} and OUTFILE {given.outfile} name two files; give one")
    found: str | None = given.outfile if given.file is None else given.file
    return found


def show_facts(output: InvokeEndpointOutput) -> None:
    """Write what ``-v`` shows of a response."""
    from sagemaker_runtime.cli.verbose import facts

    facts(output.result_metadata, body=f"of {len(output.body):,} bytes")


def _say_as_the_aws_cli_does(output: InvokeEndpointOutput) -> None:
    """Write the members of the output as JSON, as the AWS CLI's command does."""
    say_json(
        ContentType=output.content_type,
        InvokedProductionVariant=output.invoked_production_variant,
        CustomAttributes=output.custom_attributes,
        NewSessionId=output.new_session_id,
        ClosedSessionId=output.closed_session_id,
    )
