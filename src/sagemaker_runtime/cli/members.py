"""The options that are members of an operation's input, with the names that the AWS CLI gives them."""

from __future__ import annotations

from argparse import SUPPRESS
from typing import TYPE_CHECKING, Any

from sagemaker_runtime.cli.bodies import BINARY_FORMATS, read_text

if TYPE_CHECKING:
    from argparse import Namespace

    from sagemaker_runtime.cli.parser import Parser

_BODY = "the model's input: text, @FILE, file://FILE, fileb://FILE, or - for stdin; @@ for text that begins with @"
_COMMON = {
    "--content-type": ("TYPE", "MIME type of the body, such as text/csv"),
    "--accept": ("TYPE", "desired MIME type of the response"),
    "--custom-attributes": ("TEXT", "text for the container, or @FILE"),
    "--inference-id": ("ID", "your id for this inference"),
}
INVOKE = {
    "--target-model": ("FILE", "the model, on a multi-model endpoint"),
    "--target-variant": ("NAME", "the production variant, regardless of weights"),
    "--target-container-hostname": ("NAME", "the container, on a multi-container endpoint"),
    "--enable-explanations": ("EXPRESSION", "which records to explain, on an endpoint with Clarify"),
    "--inference-component-name": ("NAME", "the inference component"),
    "--session-id": ("ID", "the session to continue, or NEW_SESSION"),
    "--prefix-aware-id": ("ID", "an id shared by requests with the same prompt prefix"),
}
STREAM = {name: INVOKE[name] for name in INVOKE if name not in ("--target-model", "--enable-explanations")}
ASYNC = {
    "--input-location": ("S3URI", "location of the body in S3, instead of --body"),
    "--s3-output-path-extension": ("PATH", "appended to the endpoint's output path"),
    "--filename": ("NAME", "name of the result's object"),
    "--request-ttl-seconds": ("SECONDS", "how long the request may wait in the queue, 60 to 21600"),
    "--invocation-timeout-seconds": ("SECONDS", "how long the model may take, 1 to 3600"),
}
_NUMBERS = ("--request-ttl-seconds", "--invocation-timeout-seconds")


def add_members(parser: Parser, members: dict[str, tuple[str, str]]) -> None:
    """Add the options for the endpoint, for the body, for the members of every operation, and for *members*."""
    parser.option("--endpoint-name", "NAME", "the endpoint (required)", required=True)
    parser.option("--body", "TEXT", _BODY)
    for name, (metavar, help) in (_COMMON | members).items():
        parser.option(name, metavar, help, kind=int if name in _NUMBERS else str)
    parser.add_argument(
        "--cli-binary-format",
        choices=BINARY_FORMATS,
        help="base64 if the body is encoded in base64, as the AWS CLI expects it",
    )
    advice = "write the members as options, such as --endpoint-name and --body"
    parser.refuse(advice, "--cli-input-json", "--cli-input-yaml", "--generate-cli-skeleton")


def add_output(parser: Parser) -> None:
    """Add the options for where the response goes."""
    parser.option("-o", "FILE", "write the response to a file, instead of stdout", dest="file")
    parser.words("outfile")
    parser.add_argument("--output", choices=("json",), help=SUPPRESS)  # the AWS CLI's default
    parser.refuse("pass JSON through jq, and see the facts of a call with -v", "--query")


def members_of(given: Namespace, members: dict[str, tuple[str, str]]) -> dict[str, Any]:
    """Those of *members* that were given, by the input's attribute name; without the body."""
    names = [name[2:].replace("-", "_") for name in ("--endpoint-name", *_COMMON, *members)]
    values: dict[str, Any] = {name: getattr(given, name) for name in names}
    values["custom_attributes"] = read_text("--custom-attributes", given.custom_attributes)
    return {name: value for name, value in values.items() if value is not None}
