"""Texts for errors of botocore's chain, which may quote botocore but never the output of a process or an endpoint."""

from __future__ import annotations

import re
from json import JSONDecodeError

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError as BotocoreConnectionError,
    CredentialRetrievalError,
    HTTPClientError,
    MetadataRetrievalError,
    ResponseStreamingError,
)

from sagemaker_runtime.errors import SageMakerRuntimeError

# Their text comes from somebody else; the text of their subclasses contains only the URL.
_QUOTING = (BotocoreConnectionError, HTTPClientError, MetadataRetrievalError, ResponseStreamingError)
_TO_SEE_IT = "with a text that may contain a secret; to see it, run: aws sts get-caller-identity"
_MEMBERS = ("AccessKeyId", "Expiration", "SecretAccessKey", "Token")

# botocore's own sentences in an error that otherwise quotes a process or an endpoint.
_OWN_SENTENCES = re.compile(
    "No credentials found in credential_source referenced in profile .*"
    "|Credential refresh failed, response did not contain: [a-z_, ]+"
    f"|Missing required key in response: '({'|'.join(_MEMBERS)})'"
)


def explain(error: Exception) -> str:
    """One line that says what failed, for whoever set up the machine."""
    kind = type(error).__name__
    match error:
        case SageMakerRuntimeError():
            return error.message
        case CredentialRetrievalError():
            facts: dict[str, object] = {**error.kwargs}
            return _of_source(str(facts.get("provider")), str(facts.get("error_msg")))
        case ClientError():
            code = str(error.response.get("Error", {}).get("Code", ""))
            named = f" {code}" if re.fullmatch("[A-Za-z0-9.]{1,100}", code) else ""
            return f"{kind}{named} when calling {error.operation_name}, {_TO_SEE_IT}"
        case BotoCoreError() if type(error) not in _QUOTING:
            return f"{kind}: {_first_line(error)}"
        case OSError():
            return f"{kind}: {_first_line(error)}"
        case JSONDecodeError():
            return f"{kind}: the output of a process, or the response of an endpoint, is not JSON"
        case UnicodeDecodeError():
            return f"{kind}: the output of a process, or a file, is not text in {error.encoding}"
        case KeyError() if error.args in {(name,) for name in _MEMBERS}:
            return f"{kind}: the response of an endpoint has no {error}"
        case ValueError() if str(error).startswith("Unsupported host '"):  # of a container, set by a variable
            return f"{kind}: {_first_line(error)}"
        case _:
            return f"{kind}, {_TO_SEE_IT}"


def _of_source(provider: str, text: str) -> str:
    kind = f"CredentialRetrievalError from {provider}"
    if _OWN_SENTENCES.fullmatch(text) is not None:
        return f"{kind}: {text}"
    if provider == "custom-process" and text.startswith("Unsupported version '"):
        return f"{kind}: the output of the process has no Version, or one other than 1"
    return f"{kind}, {_TO_SEE_IT}"


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
