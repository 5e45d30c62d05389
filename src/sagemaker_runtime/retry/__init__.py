"""
Retry policies: what is retried, after how long, and within what quota. Nothing here sleeps.

Source: AWS SDKs and Tools Reference Guide, "Retry behavior", standard mode with the values of 2026, plus the rules
that this service needs:

===============  =======  ===================================  ==========================================================
class            retried  failure                              why
===============  =======  ===================================  ==========================================================
model not ready  yes      429 ModelNotReadyException           a cold start takes seconds to minutes: limited by time
                                                               instead of attempts; costs no quota
throttling       yes      throttling codes, any other 429      the service asks for fewer calls: longer back-off
transient        yes      500 502 503 504 530, the service's   the request was not executed, or failed on the way
                          codes for them; RequestTimeout;
                          ``error_codes``
clock skew       once     a refused signature, and a clock     the next attempt follows immediately, signed with the
                          that was wrong                       corrected clock; a second refusal has another reason
new credentials  once     refused credentials, and their       the next attempt is signed with the new ones; if there
                          provider has new ones                are none, the refusal is permanent
transient        yes      no connection: DNS, refused, TLS,    nothing was sent
                          timeout, a 5xx from a proxy
refused stream   yes      over HTTP/2: the stream refused, or  the server did not process the request, and may refuse
                          a GOAWAY before it                   many at the same time: costs no quota
permanent        no       a refused certificate                a retry would not make it valid
permanent        no       a 4xx from a proxy to CONNECT        it would refuse again; wrong passwords lock an account
transient        yes      write timeout                        the service did not read the whole request
connection lost  yes      connection lost before the first     an idle connection closed by the server looks the same,
                          byte of the response, or reset       and a reset within the head is no different;
                          within its head                      ``retry_lost_connections=False`` turns it off
maybe executed   no       read timeout; a response that is     the model may still be computing, and would run twice:
                          not HTTP, closed within its head,    only with ``retry_read_timeouts=True``
                          or truncated after it
permanent        no       424 ModelError, other 4xx            the model, or the service, would respond the same way
permanent        no       everything else                      invalid options, no credentials, ``Timeout.total``, an
                                                               exception in a middleware: a retry would not help
===============  =======  ===================================  ==========================================================
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
