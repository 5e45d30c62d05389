"""The wait for the result of an asynchronous inference, which is found in S3: ``waiting`` looks, ``s3`` reads."""

from __future__ import annotations

__all__ = ["DEFAULT_WAIT"]

# Seconds to wait for a result. It stands here so that the client knows it without importing either module.
# An inference may take 15 minutes unless InvocationTimeoutSeconds says otherwise, and 60 at most; before that it waits in
# the endpoint's queue, for minutes where the endpoint grows from no instance at all. The queue itself drops it only after
# 6 hours, which is too long to leave a caller without a word.
DEFAULT_WAIT = 3_600.0
