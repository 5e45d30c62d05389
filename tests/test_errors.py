"""The exception tree: its drawing, its texts, and what survives a pickle."""

from __future__ import annotations

import pickle
import re

import pytest
from support import answer

from sagemaker_runtime import RAW_RESPONSE, Metadata, errors
from sagemaker_runtime.context import AttemptRecord
from sagemaker_runtime.errors import InvalidParamsError, ModelError, SageMakerRuntimeError, ServiceError


def below(cls: type[SageMakerRuntimeError]) -> list[type[SageMakerRuntimeError]]:
    """A class of this module and all that stand below it, depth first."""
    own = [child for child in cls.__subclasses__() if child.__module__ == errors.__name__]
    return [cls, *(each for child in own for each in below(child))]


CLASSES = below(SageMakerRuntimeError)


def drawn() -> dict[str, str | None]:
    """The tree in the module's docstring, as child to parent."""
    parents: dict[str, str | None] = {}
    path: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        match = re.match(r"    ([│├└─ ]*)(\w+)(  .*)?$", line)
        if match:
            depth = len(match[1]) // 4
            path[depth:] = [match[2]]
            parents[match[2]] = path[depth - 1] if depth else None
    return parents


def test_the_drawn_tree_is_the_real_one() -> None:
    """The drawing is what a reader goes by when choosing what to catch."""
    real = {cls.__name__: None if cls is SageMakerRuntimeError else cls.__bases__[0].__name__ for cls in CLASSES}

    assert real == drawn()


@pytest.mark.parametrize("cls", CLASSES)
def test_no_exception_is_a_builtin_timeout_or_operating_system_error(cls: type[SageMakerRuntimeError]) -> None:
    """``asyncio.timeout`` around a call raises the builtin one, and must be distinguished from a limit of ours."""
    assert not issubclass(cls, (TimeoutError, OSError))


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("cls", CLASSES)
def test_every_exception_pickles_with_its_facts_and_without_its_metadata(
    cls: type[SageMakerRuntimeError], protocol: int
) -> None:
    """A process pool sends exceptions home; the metadata may hold a live response and stays behind."""
    error = cls("it broke")
    error.operation = "InvokeEndpoint"
    error.attempts = (AttemptRecord(1, 0.5, "lost", "ConnectionLostError", None, 0.05), AttemptRecord(2, 0.25))
    error.request_id = "1234"
    error.metadata = Metadata()
    error.metadata[RAW_RESPONSE] = answer(500)
    error.add_note("a note")
    if isinstance(error, ServiceError):
        error.code, error.status, error.body, error.retry_after = "Odd", 418, b"<html>", 1.5
    if isinstance(error, ModelError):
        error.original_status_code, error.original_message, error.log_stream_arn = 500, "boom", "arn:aws:logs"
    if isinstance(error, InvalidParamsError):
        error = cls("2 problems:", ("body is required", "accept is odd"))
    before = {name: value for name, value in vars(error).items() if name != "metadata"}

    again = pickle.loads(pickle.dumps(error, protocol))  # noqa: S301

    assert cls is type(again)
    assert str(error) == str(again)
    assert error.args == again.args
    assert before == vars(again)
    assert again.metadata is None


@pytest.mark.parametrize("cls", CLASSES)
def test_every_exception_can_be_made_of_nothing_and_says_something_of_its_place(
    cls: type[SageMakerRuntimeError],
) -> None:
    """A user's own resolver or transport raises them by hand; the facts say what it belongs to."""
    error = cls()
    error.operation, error.request_id, error.attempts = "InvokeEndpoint", "42", (AttemptRecord(1, 0.0),) * 3

    assert error.message == ""
    assert cls is InvalidParamsError or str(error).endswith("(InvokeEndpoint, request id 42, 3 attempts)")


def test_a_text_without_facts_is_the_message_alone() -> None:
    """An error raised while a client is made belongs to no call, and empty brackets would only puzzle."""
    assert str(errors.ConfigError("no region")) == "no region"


def test_one_attempt_is_not_worth_a_word() -> None:
    """The number of attempts is shown where there was a retry, and left out in the common case."""
    error = errors.ConnectError("refused")
    error.attempts = (AttemptRecord(1, 0.1),)

    assert str(error) == "refused"


def test_invalid_params_lists_every_problem_on_a_line_of_its_own() -> None:
    """All problems are shown at once, so that a caller mends them in one go."""
    error = InvalidParamsError("2 problems with X:", ("a is required", "b is too long"))

    assert str(error) == "2 problems with X:\n- a is required\n- b is too long"
    assert error.message == "2 problems with X:"


def test_a_service_error_shows_code_message_status_and_request_id() -> None:
    """These are the four things AWS Support asks for."""
    error = ServiceError("Rate exceeded")
    error.code, error.status = "ThrottlingException", 400
    error.operation, error.request_id = "InvokeEndpoint", "r-1"

    assert str(error) == "ThrottlingException: Rate exceeded (InvokeEndpoint, HTTP 400, request id r-1)"


def test_a_model_error_shows_what_the_container_said_and_where_to_read_on() -> None:
    """The original status and the log stream are what somebody debugging a model needs first."""
    error = ModelError("the model failed")
    error.status, error.original_status_code = 424, 500
    error.original_message, error.log_stream_arn = "CUDA out of memory", "arn:aws:logs:x"

    expected = (
        "ModelError: the model failed (HTTP 424, original status 500, original message 'CUDA out of memory', "
        "log stream arn:aws:logs:x)"
    )
    assert expected == str(error)


def test_a_model_error_does_not_say_the_same_thing_twice() -> None:
    """The service often repeats the container's message inside its own."""
    error = ModelError('Received server error (500) with message "boom"')
    error.original_message = "boom"

    assert str(error).count("boom") == 1


def test_the_start_of_a_page_is_shown_behind_the_message() -> None:
    """Of a proxy's page the status alone does not show whose page it is."""
    error = ServiceError("Bad Gateway")
    error.code, error.status, error.body = "502", 502, b"<html><title>corp-proxy-7</title>" + b"x" * 500

    text = str(error)

    assert text.startswith("502: Bad Gateway (HTTP 502, the body starts '<html><title>corp-proxy-7</title>xxx")
    assert len(text) < 300


@pytest.mark.parametrize("length", [10, 199, 200, 201, 500])
def test_a_body_that_serves_as_the_message_is_not_shown_again(length: int) -> None:
    """A plain text of any length is shown once: twice the same words look like two failures."""
    words = ("upstream timed out; " * 50)[:length].strip()
    error = ServiceError(words)
    error.body = words.encode()

    assert "the body starts" not in str(error)


def test_a_json_body_is_not_shown() -> None:
    """Its message has been read already; the rest is noise."""
    error = ServiceError("no such endpoint")
    error.body = b'{"message": "no such endpoint"}'

    assert str(error) == "UnknownError: no such endpoint"
