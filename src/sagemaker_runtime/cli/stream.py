"""``stream``: send a body, and write the parts of the response as they arrive."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sagemaker_runtime import InvokeEndpointWithResponseStreamInput
from sagemaker_runtime.cli.bodies import read_body
from sagemaker_runtime.cli.connection import add_connection, add_limits, open_client
from sagemaker_runtime.cli.invoke import target
from sagemaker_runtime.cli.members import STREAM, add_members, add_output, members_of
from sagemaker_runtime.cli.output import open_sink

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator

    from sagemaker_runtime import SyncResponseStream
    from sagemaker_runtime.cli.parser import Parser


def build(parser: Parser) -> None:
    """Add the options."""
    parser.describe(
        "--endpoint-name NAME --body TEXT [--sse | --jsonl | --text] [options] [OUTFILE]",
        "Send a body to an endpoint's model, and write each part of the response as soon as it arrives: as bytes,\n"
        "unless --sse, --jsonl or --text is given.",
        "% --endpoint-name story --body 'Once upon a time' --text",
        "% --endpoint-name llm --content-type application/json --body @prompt.json --sse | jq -rj .token.text",
        "% --endpoint-name llm --body - -o story.txt < prompt.txt",
    )
    kinds = parser.add_mutually_exclusive_group()
    kinds.add_argument(
        "--sse", action="store_true", help="server-sent events: write the data of each on a line, without [DONE]"
    )
    kinds.add_argument(
        "--jsonl", action="store_true", help="JSON Lines: write each document on a line; anything else fails"
    )
    kinds.add_argument(
        "--text", action="store_true", help="UTF-8 text: whole characters only, malformed bytes as U+FFFD"
    )
    add_members(parser, STREAM)
    add_output(parser)
    add_limits(parser, "limit until the response begins; none by default")
    add_connection(parser)


def run(given: Namespace) -> int:
    """Make the call."""
    params = InvokeEndpointWithResponseStreamInput(body=read_body(given, given.command), **members_of(given, STREAM))
    with open_sink(target(given)) as sink, open_client(given) as client:
        output = client.invoke_endpoint_with_response_stream(params)
        with output.body as stream:
            if given.verbose:
                from sagemaker_runtime.cli.verbose import facts

                facts(output.result_metadata)
            for piece in _pieces(stream, given):
                sink.write(piece)
        sink.end()
    return 0


def _pieces(stream: SyncResponseStream, given: Namespace) -> Iterator[bytes]:
    if given.sse:
        for event in stream.iter_server_sent_events():
            if event.data != "[DONE]":
                yield _line(event.data)
    elif given.jsonl:
        from json import loads

        for line in stream.iter_json_lines(decoder=lambda text: (loads(text), text)[1].strip()):
            yield _line(line)
    elif given.text:
        for text in stream.iter_text():
            yield text.encode(errors="replace")
    else:
        yield from stream.iter_bytes()


def _line(text: str) -> bytes:
    return " ".join(text.splitlines()).encode(errors="replace") + b"\n"
