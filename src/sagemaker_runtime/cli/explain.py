"""``explain``: make a call, and show where its time went."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sagemaker_runtime import InvokeEndpointInput, SageMakerRuntimeError
from sagemaker_runtime.cli.bodies import read_body
from sagemaker_runtime.cli.connection import add_connection, add_limits, open_client
from sagemaker_runtime.cli.invoke import FOR_THE_CALL, show_facts
from sagemaker_runtime.cli.members import INVOKE, add_members, members_of
from sagemaker_runtime.cli.output import open_sink
from sagemaker_runtime.plugins.waterfall import Waterfall

if TYPE_CHECKING:
    from argparse import Namespace

    from sagemaker_runtime.cli.output import Sink
    from sagemaker_runtime.cli.parser import Parser
    from sagemaker_runtime.plugins.waterfall import Trace


def build(parser: Parser) -> None:
    """Add the options."""
    parser.describe(
        "--endpoint-name NAME --body TEXT [--svg FILE] [options]",
        "Make a call like invoke, and show where its time went: each middleware on the way in and on the way out,\n"
        "attempt by attempt. The response itself is not written. The call is real, and costs as much as any other.",
        "% --endpoint-name iris --body 5.1,3.5,1.4,0.2",
        "% --endpoint-name iris --body @flowers.csv --svg call.svg",
    )
    parser.option("--svg", "FILE", "write the chart as a picture, instead of text; - for stdout")
    add_members(parser, INVOKE)
    add_limits(parser, FOR_THE_CALL)
    add_connection(parser)


def run(given: Namespace) -> int:
    """Make the call, and show its times, even if it fails."""
    params = InvokeEndpointInput(body=read_body(given, given.command), **members_of(given, INVOKE))
    traces: list[Trace] = []
    with open_sink(given.svg) as sink:
        try:
            with open_client(given, Waterfall(on_finish=traces.append)) as client:
                output = client.invoke_endpoint(params)
                if given.verbose:
                    show_facts(output)
        except SageMakerRuntimeError:
            _show(traces, given, sink)
            raise
        _show(traces, given, sink)
    return 0


def _show(traces: list[Trace], given: Namespace, sink: Sink) -> None:
    for trace in traces:
        text = trace.svg() if given.svg is not None else str(trace)
        sink.write(f"{text}\n".encode())
        sink.end()
