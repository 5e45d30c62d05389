"""From a failed response, or an exception in a stream, to an error. Any response will do, even a proxy's error page."""

from __future__ import annotations

import json
import re
from http import HTTPStatus
from typing import TYPE_CHECKING

from sagemaker_runtime.checks import is_str_dict
from sagemaker_runtime.errors import ServiceError

if TYPE_CHECKING:
    from sagemaker_runtime.headers import Headers
    from sagemaker_runtime.streams.frames import Message

_TEXT_KEPT = 32_768  # characters of a message: a container may send a long traceback
ERROR_BODY_KEPT = 4096  # bytes of the body kept on the exception: enough to recognise a proxy's page
_NAME_LENGTH = 256  # characters of an error's name
_MESSAGE_SHOWN = 1024  # bytes of a body that is not JSON and is used as the message


class ErrorReader:
    """
    Reads the errors of one operation.

    Args:
        errors: The errors that the model lists for the operation. Any other becomes a `ServiceError` with its name as code.
    """

    def __init__(self, errors: tuple[type[ServiceError], ...]) -> None:
        self._errors = {error.code.lower(): error for error in errors}

    def of_response(self, status: int, headers: Headers, body: bytes) -> ServiceError:
        """
        The error in a failed response.

        The name comes from ``X-Amzn-ErrorType``, else from the body's ``code`` or ``__type``; the message from the body's
        ``message``.
        """
        document = json_object(body)
        name = _error_code(headers.get("x-amzn-errortype"))
        error = self._new_error(name, document, _text_message(status, body) if document is None else "")
        if type(error) is ServiceError and error.code == ServiceError.code:
            error.code = str(status)
        error.status = status
        error.body = body[:ERROR_BODY_KEPT]
        error.retry_after = _retry_after(headers.get("x-amz-retry-after"))
        return error

    def of_event(self, message: Message) -> ServiceError:
        """The error in a message of type ``exception`` (which the model may list) or ``error`` (which it never does)."""
        headers, payload = message.headers, message.payload
        if headers.get(":message-type") == "error":
            return self._new_error(
                _error_code(headers.get(":error-code")), None, str(headers.get(":error-message", ""))
            )
        error = self._new_error(_error_code(headers.get(":exception-type")), json_object(payload), "")
        error.body = payload[:ERROR_BODY_KEPT]
        return error

    def _new_error(self, name: str | None, document: dict[str, object] | None, message: str) -> ServiceError:
        """The error named *name*, or else as the document says; *message* is used if the document has none."""
        document = document or {}
        code = name or next(
            (code for key in ("code", "Code", "__type") if (code := _error_code(document.get(key)))), None
        )
        text = next((value for key, value in document.items() if key.lower() == "message"), None)
        error = self._errors.get((code or "").lower(), ServiceError)(
            _shortened(text if isinstance(text, str) else message)
        )
        if type(error) is ServiceError and code:
            error.code = code
        for key, (attribute, kind) in error.members.items():
            value = document.get(key)
            if isinstance(value, kind) and not isinstance(value, bool):
                setattr(error, attribute, _shortened(value) if isinstance(value, str) else value)
        finer = _error_code(document.get("ErrorCode"))
        if finer is not None and error.error_code is None:  # only the duplex operation's errors have it
            error.error_code = finer
        return error


def json_object(body: bytes) -> dict[str, object] | None:
    """The JSON object in *body*; None if it is not one."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):  # UnicodeDecodeError is a ValueError; a hostile body can nest too deep
        return None
    return document if is_str_dict(document) else None


def _shortened(text: str) -> str:
    """A peer's text, shortened because the whole of it is searched for secrets, which takes time."""
    more = len(text) - _TEXT_KEPT
    return f"{text[:_TEXT_KEPT]}… and {more:,} characters more" if more > 0 else text


def _error_code(text: object) -> str | None:
    """The bare name in ``namespace#Name:http://uri/``; None if it is not a plausible name (it may be a log injection)."""
    if not isinstance(text, str):
        return None
    name = text.partition(":")[0].rpartition("#")[2].strip()
    return name if name and len(name) <= _NAME_LENGTH and name.isprintable() else None


def _text_message(status: int, body: bytes) -> str:
    """The body itself if it is plain text; for an HTML page or an empty body, the standard phrase of the status."""
    text = body[:_MESSAGE_SHOWN].decode(errors="replace").strip()
    if text and not text.lower().startswith(("<!doctype html", "<html")):
        return text
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _retry_after(text: str | None) -> float | None:
    """The seconds in ``x-amz-retry-after``, a whole number of milliseconds; None if it is missing or malformed."""
    if text is None or re.fullmatch("[0-9]{1,9}", text) is None:
        return None
    return int(text) / 1000
