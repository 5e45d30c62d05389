"""What a failure is for a shell: an exit code, and one line; with ``-v`` all there is to say."""

from __future__ import annotations

import re

USAGE, REFUSED, NO_CONNECTION = 2, 1, 3
_LONGEST = 600  # characters of an error without -v: a model may send its whole traceback

# What the library says to who writes Python, for who writes a command line.
_WORDING = (
    (re.compile(r"load_config\((\w+)=\.\.\.\)"), lambda found: f"--{found[1].replace('_', '-')}"),
    (
        re.compile(r"; configure one of them, or pass credentials=StaticCredentialsProvider\(\.\.\.\)"),
        lambda _: "; configure one of them ('sagemaker-runtime doctor' shows what is found)",
    ),
    (re.compile(r"base_endpoint"), lambda _: "--endpoint-url"),
    (re.compile(r"\bca_bundle=? "), lambda _: "--ca-bundle "),
    (re.compile(r"set Options\.region"), lambda _: "give --region, or set AWS_REGION"),
)


class UsageError(Exception):
    """The command line, a file or the output cannot be used. The text is one line."""


class ReaderLeftError(Exception):
    """Whoever reads stdout has closed it, as ``head`` does. That is no failure."""


def report(error: Exception, verbosity: int) -> int:
    """Write *error* to stderr, and give the exit code."""
    from sagemaker_runtime.cli.terminal import complain

    if isinstance(error, ReaderLeftError):
        return 0
    code, text = _explain(error)
    if not verbosity:
        line = " ".join(text.split())
        complain(line if len(line) <= _LONGEST else f"{line[:_LONGEST]}... (-v shows all of it)")
        return code
    complain(text)
    for note in getattr(error, "__notes__", ()):
        complain(str(note), head="note: ")
    for record in getattr(error, "attempts", ()):
        complain(str(record), head="")
    if verbosity > 1:
        from traceback import format_exception

        complain("".join(format_exception(error)), head="")
    return code


def _explain(error: Exception) -> tuple[int, str]:
    if isinstance(error, UsageError):
        return USAGE, str(error)
    from sagemaker_runtime import errors

    if not isinstance(error, errors.SageMakerRuntimeError):
        return REFUSED, f"{type(error).__name__}: {error} (-vv shows where)"
    text = str(error)
    if isinstance(error, errors.InvalidParamsError):
        text = "; ".join(re.sub(r"^\w+(?=:)", _as_option, problem) for problem in error.problems) or text
    text = wording(text)
    if isinstance(error, errors.ServiceError | errors.AsyncInferenceError | errors.StreamContentError):
        return REFUSED, f"{type(error).__name__}: {text}" if isinstance(error, errors.AsyncInferenceError) else text
    if isinstance(error, errors.TransportError | errors.TotalTimeoutError | errors.WaitTimeoutError):
        return NO_CONNECTION, text
    return USAGE, text


def wording(text: str) -> str:
    """What the library says to who writes Python, for who writes a command line."""
    for pattern, words in _WORDING:
        text = pattern.sub(words, text)
    return text


def _as_option(member: re.Match[str]) -> str:
    return f"--{member[0].replace('_', '-')}"
