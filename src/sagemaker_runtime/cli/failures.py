"""Reports a failure to the shell: by an exit code and one line, or with ``-v``, everything known about it."""

from __future__ import annotations

TYPE_CHECKING = False  # to import `typing` takes 5 ms, and `re` 3
if TYPE_CHECKING:
    import re

USAGE, REFUSED, NO_CONNECTION = 2, 1, 3
_LONGEST = 600  # characters of an error without -v: a model may send its whole traceback

# Parts of the library's errors, which name Python arguments, and what they are on the command line.
_WORDING = (
    (r"load_config\((\w+)=\.\.\.\)", r"--\1"),
    (
        r"; configure one of them, or pass credentials=StaticCredentialsProvider\(\.\.\.\)",
        "; configure one of them ('sagemaker-runtime doctor' shows what is found)",
    ),
    (r"\bbase_endpoint\b", "--endpoint-url"),
    (r"\bca_bundle=?(?= )", "--ca-bundle"),
    (r"\bOptions\.api_options\[\d+\]", "--api-option"),
    (r"\bTimeout\.total\b", "--timeout"),
    (r"\bTimeout\.(connect|read)\b", r"--cli-\1-timeout"),
    (r", or signing_region on the endpoint", ""),
    (r"\bformat=(, such as JSONLines\(\), CSV\(\), Parquet\(\) or Files\(\))?$", "--format"),
    (r"\bformat=JSONLines\(\) or format=Files\('application/json'\)", "--format jsonl or --format files"),
    (r"there is CSV\(header=False\)", "there is --no-header"),
    (r"\bgive CSVBody\(columns=\[\.\.\.\]\)", "give --columns A,B"),
    (r"\b(state|columns)=(?=[ ,;)]|$)", r"--\1"),
    (r"\bmax_errors\b", "--max-errors"),
    (r"\bthe same call continues the run", "the same command with --resume continues it"),
    (r"^(session_id|custom_attributes) (?=is taken from each|is .*, which is not JMESPath)", r"--\1-from "),
    (r"; set max_rows=1$", "; leave out --max-rows"),
    (r"^select (?=is .*, which is not JMESPath)", "--select "),
    (r"^the expression of Selected (?=is )", "--select-input "),
    (r"^encryption and kms_key are", "--encryption and --kms-key are"),
    (r"\bset Options\.region\b", "give --region, or set AWS_REGION"),
)


class UsageError(Exception):
    """The command line, a file or the output cannot be used. The text is one line."""


class StoppedError(Exception):
    """The work stopped before its end; the text says why, and how to continue. Exit code 1."""


class ReaderLeftError(Exception):
    """The reader of stdout has closed it, as ``head`` does. That is not a failure."""


def report(error: Exception, verbosity: int) -> int:
    """Write *error* to stderr, and return the exit code."""
    from sagemaker_runtime.cli.terminal import complain

    if isinstance(error, ReaderLeftError):
        return 0
    code, text = _explain(error)
    if not verbosity:
        line = " ".join(text.split())
        complain(line if len(line) <= _LONGEST else f"{line[:_LONGEST]}... (-v shows all of it)")
        return code
    complain(text)
    from traceback import format_exception, format_exception_only

    for note in format_exception_only(error)[1:]:
        complain(note, head="note: ")
    if verbosity > 1:
        complain("".join(format_exception(error)), head="")
    return code


def _explain(error: Exception) -> tuple[int, str]:
    if isinstance(error, UsageError):
        return USAGE, str(error)
    if isinstance(error, StoppedError):
        return REFUSED, wording(str(error))
    import re

    from sagemaker_runtime import (
        AsyncInferenceError,
        InvalidParamsError,
        SageMakerRuntimeError,
        ServiceError,
        StreamContentError,
        TotalTimeoutError,
        TransportError,
        WaitTimeoutError,
    )

    if not isinstance(error, SageMakerRuntimeError):
        return REFUSED, f"{type(error).__name__}: {error} (-vv shows where)"
    text = str(error)
    if isinstance(error, InvalidParamsError):
        text = "; ".join(re.sub(r"^\w+", _as_option, problem) for problem in error.problems) or text
    text = wording(text)
    if isinstance(error, AsyncInferenceError):
        return REFUSED, f"the inference failed: {text}"
    if isinstance(error, ServiceError | StreamContentError):
        return REFUSED, text
    if isinstance(error, TransportError | TotalTimeoutError | WaitTimeoutError):
        return NO_CONNECTION, text
    return USAGE, text


def wording(text: str) -> str:
    """An error's text with the options of the command line instead of Python arguments."""
    import re

    for pattern, words in _WORDING:
        text = re.sub(pattern, words, text)
    return re.sub(r"(?<!\S)--[a-z_]+\b", lambda found: found[0].replace("_", "-"), text)


def _as_option(member: re.Match[str]) -> str:
    return f"--{member[0].replace('_', '-')}"
