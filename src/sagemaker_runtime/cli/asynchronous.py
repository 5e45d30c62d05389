"""``async``: queue a body, wait for the result in S3, and write it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from sagemaker_runtime import InvokeEndpointAsyncInput
from sagemaker_runtime.cli.bodies import read_body
from sagemaker_runtime.cli.connection import add_connection, add_limits, open_client
from sagemaker_runtime.cli.failures import UsageError
from sagemaker_runtime.cli.invoke import target
from sagemaker_runtime.cli.members import ASYNC, add_members, add_output, members_of
from sagemaker_runtime.cli.output import open_sink, say_json
from sagemaker_runtime.cli.terminal import end_line, is_terminal, note

if TYPE_CHECKING:
    from argparse import Namespace

    from sagemaker_runtime import InvokeEndpointAsyncOutput, SyncClient
    from sagemaker_runtime.cli.parser import Parser

WAIT = 3600.0  # seconds


def build(parser: Parser) -> None:
    """Add the options."""
    parser.describe(
        "--endpoint-name NAME (--body TEXT | --input-location S3URI) [options] [OUTFILE]",
        "Queue a body for an endpoint's model, wait until the result is in S3, and write it to stdout, or into OUTFILE.\n"
        "With --no-wait, write the locations as JSON instead, and do not wait. Under the AWS CLI's name for it,\n"
        "invoke-endpoint-async, that is the default, and --wait waits.",
        "% --endpoint-name big --input-location s3://bucket/photo.jpg -o result.json",
        "% --endpoint-name big --body @photo.jpg --content-type image/jpeg --timeout 600",
        "% --endpoint-name big --body @photo.jpg --no-wait | jq -r .OutputLocation",
    )
    waits = parser.add_mutually_exclusive_group()
    waits.add_argument("--wait", action="store_true", help="wait for the result")
    waits.add_argument("--no-wait", action="store_true", help="print the locations of the result, and do not wait")
    add_members(parser, ASYNC)
    add_output(parser)
    add_limits(parser, "how long to wait for the result; an hour by default")
    add_connection(parser)


def run(given: Namespace) -> int:
    """Queue it, and wait."""
    waits = given.wait or not (given.no_wait or given.command == "invoke-endpoint-async")
    if not waits and target(given) is not None:
        raise UsageError(f"there is no result for {target(given)!r} without waiting; give --wait, or no file")
    if given.body is not None and given.input_location is not None:
        raise UsageError("give either --body or --input-location")
    wait = WAIT if given.timeout is None else given.timeout
    given.timeout = None  # it is for the wait
    members = members_of(given, ASYNC)
    if given.input_location is None:
        members["body"] = read_body(given, given.command)
    params = InvokeEndpointAsyncInput(**members)
    if waits:
        with open_sink(target(given)) as sink, open_client(given) as client:
            sink.write(_result(client, params, given, wait))
            sink.end()
    else:
        with open_client(given) as client:
            output = client.invoke_endpoint_async(params)
            _say(output, given)
        say_json(
            InferenceId=output.inference_id,
            OutputLocation=output.output_location,
            FailureLocation=output.failure_location,
        )
    return 0


def _result(client: SyncClient, params: InvokeEndpointAsyncInput, given: Namespace, wait: float) -> bytes:
    output: InvokeEndpointAsyncOutput | None = None
    try:
        output = client.invoke_endpoint_async(params)
        _say(output, given)
        if is_terminal(sys.stderr):  # a person, who would otherwise see nothing for up to an hour
            note(f"waiting for {output.output_location}, for at most {wait:,g} s (--timeout)")
        return client.wait_for_output(output, timeout=wait).body
    except KeyboardInterrupt:
        if output is not None:  # it was accepted, and will run anyway
            end_line()
            note(f"the inference continues; its result will be at {output.output_location}")
        raise


def _say(output: InvokeEndpointAsyncOutput, given: Namespace) -> None:
    if given.verbose:
        from sagemaker_runtime.cli.verbose import facts

        facts(output.result_metadata)
