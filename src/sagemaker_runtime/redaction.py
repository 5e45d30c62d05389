"""What is shown nowhere, and how it is taken out of a text that a peer sends back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sagemaker_runtime.headers import Headers

SENSITIVE_HEADERS = frozenset(
    {
        "authorization",
        "cookie",
        "proxy-authorization",
        "set-cookie",
        "x-amz-security-token",
        "x-amzn-sagemaker-custom-attributes",
    }
)
"""Lower-case names of the headers whose values are shown nowhere: credentials, and what the API model calls sensitive."""

REDACTED = "<redacted>"
"""What stands in a log, repr or exception in place of a sensitive value."""

_DISTINCTIVE = 16  # characters of a secret that is looked for by itself: a shorter one may stand in any text by chance


def without_secrets(body: bytes, sent: Headers) -> bytes:
    """
    An error's body without the secrets that it quotes: a service that refuses a signature may repeat all that was signed.

    Args:
        body: The body as it came.

        sent: The headers of the request, of which those in `SENSITIVE_HEADERS` are looked for.
    """
    for name in SENSITIVE_HEADERS.intersection(sent):
        for value in {sent[name], json.dumps(sent[name])[1:-1]}:
            for text, instead in ((f"{name}:{value}", f"{name}:{REDACTED}"), (value, REDACTED)):
                if len(text) >= _DISTINCTIVE:
                    body = body.replace(text.encode(errors="replace"), instead.encode())
    return body
