"""
Retry policies: what is retried, after which wait, and within which quota. Pure functions; nothing here sleeps.

Source: AWS SDKs and Tools Reference Guide, "Retry behavior", standard mode with the values of 2026, and what this
service needs in addition:

==================================  ===============  =======  ==========================================================
failure                             class            retried  why
==================================  ===============  =======  ==========================================================
429 ModelNotReadyException          model not ready  yes      a cold start takes seconds to minutes: limited by time,
                                                              not by attempts, and free of the quota
throttling codes, any other 429     throttling       yes      the service asks for fewer calls: the longer back-off
500 502 503 504 530, and the codes  transient        yes      the request was not executed, or failed in between
the service has for them;
RequestTimeout; ``error_codes``
a refused signature, and a clock    clock skew       once     the next attempt is signed with the corrected clock, at
that was wrong                                                once; if refused again, there is another reason
refused credentials, and their      new credentials  once     the next attempt is signed with the new ones; if there
provider has new ones                                         are none, the refusal is permanent
no connection: DNS, refused,        transient        yes      nothing was sent
TLS, timeout, a 5xx from a proxy
over HTTP/2: the stream refused,    refused stream   yes      the server did not process it, and refuses many at once:
or a GOAWAY before it                                         free of the quota
a refused certificate               permanent        no       a retry would not make it valid
a 4xx from a proxy to CONNECT       permanent        no       it would refuse again; wrong passwords lock an account
write timeout                       transient        yes      the service did not read the whole request
connection lost before the first    connection lost  yes      an idle connection closed by the server looks the same,
byte of the response, or reset                                and a reset within the head is no different;
within its head                                               ``retry_lost_connections=False`` turns it off
read timeout; a response that is    maybe executed   no       the model may still be computing, and would run twice:
not HTTP, or broke off: closed                                only with ``retry_read_timeouts=True``
within its head, truncated after
424 ModelError, other 4xx           permanent        no       the model, or the service, would respond the same again
everything else                     permanent        no       invalid options, no credentials, ``Timeout.total``, an
                                                              exception in a middleware: not ours to repeat
==================================  ===============  =======  ==========================================================
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sagemaker_runtime._lazy import lazy_names
from sagemaker_runtime.retry.classification import (
    THROTTLING_CODES,
    TOO_MANY_REQUESTS,
    TRANSIENT_CODES,
    TRANSIENT_STATUSES,
    Failure,
    classify,
)
from sagemaker_runtime.retry.policy import RETRYER, NopRetryer, PacedRetryer, Retryer
from sagemaker_runtime.retry.quota import FIRST_ATTEMPT_CREDIT, QUOTA, RETRY_COST, THROTTLING_COST, RetryQuota
from sagemaker_runtime.retry.standard import (
    BASE_DELAY,
    MAX_ATTEMPTS,
    MAX_DELAY,
    MODEL_NOT_READY_TIMEOUT,
    RETRY_AFTER_SPREAD,
    THROTTLING_BASE_DELAY,
    StandardRetryer,
    back_off,
)

if TYPE_CHECKING:
    from sagemaker_runtime.retry.adaptive import AdaptiveRetryer, RateLimiter

__all__ = [
    "BASE_DELAY",
    "FIRST_ATTEMPT_CREDIT",
    "MAX_ATTEMPTS",
    "MAX_DELAY",
    "MODEL_NOT_READY_TIMEOUT",
    "QUOTA",
    "RETRYER",
    "RETRY_AFTER_SPREAD",
    "RETRY_COST",
    "THROTTLING_BASE_DELAY",
    "THROTTLING_CODES",
    "THROTTLING_COST",
    "TOO_MANY_REQUESTS",
    "TRANSIENT_CODES",
    "TRANSIENT_STATUSES",
    "AdaptiveRetryer",
    "Failure",
    "NopRetryer",
    "PacedRetryer",
    "RateLimiter",
    "RetryQuota",
    "Retryer",
    "StandardRetryer",
    "back_off",
    "classify",
]


if not TYPE_CHECKING:  # or a checker would find any name here
    __getattr__ = lazy_names(__name__, {"adaptive": "AdaptiveRetryer RateLimiter"})  # few clients use these
