"""The options of ``bulk`` that say how files are read as records, and how records become requests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sagemaker_runtime import ConfigError
from sagemaker_runtime.bulk import (
    CSV,
    CSVBody,
    FileBody,
    Files,
    InputFile,
    JSONBody,
    JSONLines,
    JSONLinesBody,
    Parquet,
    PromptBody,
    Selected,
    body_for,
    format_for,
)
from sagemaker_runtime.cli.bodies import read_text
from sagemaker_runtime.cli.failures import UsageError

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable, Mapping

    from sagemaker_runtime.bulk import Body, Format
    from sagemaker_runtime.cli.parser import Parser

_FORMATS: Mapping[str, Callable[[], Format]] = {
    "jsonl": JSONLines,
    "csv": CSV,
    "tsv": lambda: CSV(delimiter="\t"),
    "parquet": Parquet,
    "files": Files,
}
_BATCHED = {"max_rows", "max_bytes", "output_key"}
_BODIES: Mapping[str, tuple[Callable[..., Body], set[str]]] = {
    "json": (JSONBody, {"body_key"} | _BATCHED),
    "jsonl": (JSONLinesBody, _BATCHED),
    "csv": (CSVBody, {"columns"} | _BATCHED),
    "prompt": (PromptBody, {"prompt_template"}),
    "file": (FileBody, set()),
}
"""The class of each body, and the options that it takes."""

_OF_FORMAT = ("no_header", "delimiter", "columns")
_OF_BODY = ("body_key", "max_rows", "max_bytes", "output_key", "prompt_template")
_ARGUMENTS = {"body_key": "key", "prompt_template": "template"}
_TABS = ("\\t", "tab")


def add_format(parser: Parser) -> None:
    """Add the options for files."""
    parser.choice("--format", tuple(_FORMATS), "the format of the files; by default, the suffix decides")
    parser.flag("--no-header", "the first row of a CSV file is a record, not the names of the columns")
    parser.option("--delimiter", "CHAR", r"the separator of cells in CSV, such as ; or \t", kind=_delimiter)
    parser.option(
        "--columns",
        "A,B",
        "the columns to send, in this order; for Parquet files, and for bodies in CSV",
        kind=_names,
        dest="columns",
    )


def add_body(parser: Parser) -> None:
    """Add the options for requests."""
    parser.choice(
        "--body-format",
        tuple(name for name in _BODIES if name != "prompt"),
        "the format of the bodies; by default csv for CSV, file for files, json for others",
    )
    parser.option("--max-rows", "N", "records per request, at most; 1 by default", kind=count)
    parser.option("--max-bytes", "N", "bytes of records per request, at most; 5 MiB by default", kind=count)
    parser.option("--body-key", "KEY", 'the key of the list in a JSON body, such as instances: {"instances": [...]}')
    parser.option("--output-key", "KEY", "the key of the list in a JSON response; predictions by default")
    parser.option(
        "--prompt-template",
        "JSON",
        'the body, with fields of the record: {"inputs": "{prompt}"}; or @FILE',
    )
    parser.option("--select-input", "JMESPATH", "the part of each record to send, such as [height, width]")


def count(text: str) -> int:
    """Read a whole number from the command line. Raises ValueError if it is below 1."""
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


def _delimiter(text: str) -> str:
    return "\t" if text in _TABS else text


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split(","))


count.__name__ = "number"  # argparse shows it: "invalid number value: '0'"


def read_format(given: Namespace) -> Format | None:
    """
    How to read the files. None if the names given do not tell; then the suffixes of all files decide.

    Raises:
        UsageError: An option does not fit the format, or needs a format that is not known.
        ConfigError: The value of an option is invalid.
    """
    format = _FORMATS[given.format]() if given.format is not None else _format_by_names(given.inputs)
    if format is None:
        settings = [name for name in (*_OF_FORMAT, *_OF_BODY, "body_format", "select_input") if vars(given)[name]]
        if settings:
            option = _option(settings[0])
            raise UsageError(f"{option} needs --format: the names of the input do not tell the format")
        return None
    if isinstance(format, CSV):
        return CSV(header=not given.no_header, delimiter=given.delimiter or format.delimiter)
    for name in ("no_header", "delimiter"):
        if vars(given)[name]:
            raise UsageError(f"{_option(name)} is for CSV, and the input is read as {format!r}")
    if isinstance(format, Parquet):
        return Parquet(columns=given.columns)
    return Files(given.content_type) if isinstance(format, Files) else format


def read_body_of_records(given: Namespace, format: Format | None) -> Body | None:
    """
    How records become requests. None for the default of the format.

    Args:
        given: The command line.

        format: What `read_format` returned.

    Raises:
        UsageError: An option does not fit the body.
        ConfigError: The value of an option is invalid.
    """
    if format is None:
        return None
    settings: dict[str, object] = {name: vars(given)[name] for name in _OF_BODY if vars(given)[name] is not None}
    if given.columns is not None and not isinstance(format, Parquet):
        settings["columns"] = given.columns
    kind = _kind(given, format)
    make, known = _BODIES[kind]
    for name in settings:
        if name not in known:
            raise UsageError(f"{_option(name)} does not go with {_reason(given, kind)}{_advice(name)}")
    if "prompt_template" in settings:
        settings["prompt_template"] = read_text("--prompt-template", given.prompt_template)
    body = make(**{_ARGUMENTS.get(name, name): value for name, value in settings.items()})
    return body if given.select_input is None else Selected(given.select_input, body)


def _format_by_names(names: list[str]) -> Format | None:
    try:
        return format_for([InputFile(name, name, 0, {}) for name in names])
    except ConfigError:
        return None


def _kind(given: Namespace, format: Format) -> str:
    if given.prompt_template is not None and given.body_format is None:
        return "prompt"
    if given.body_key is not None and given.body_format is None:
        return "json"
    if given.body_format is not None:
        kind: str = given.body_format
        return kind
    fitting = body_for(format)
    return next(name for name, (make, _) in _BODIES.items() if type(fitting) is make)


def _reason(given: Namespace, kind: str) -> str:
    if given.body_format is not None:
        return f"--body-format {kind}"
    if kind == "prompt":
        return "--prompt-template"
    return "--body-key" if given.body_key is not None else f"requests of {kind}, which fit the input"


def _advice(name: str) -> str:
    if name == "columns":
        return "; it is for Parquet files and for --body-format csv. For others, use --select-input"
    if name in ("max_rows", "max_bytes"):
        return "; such a request has one record"
    return ""


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"
